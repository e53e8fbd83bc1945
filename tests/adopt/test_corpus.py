"""Files that others wrote: every one that its gateway takes can be adopted.

LiteLLM's own examples, where it is installed, and a folder of collected files, where there is one; the
stories and laws beside this test have cases of their own.
"""

from pathlib import Path

import pytest

from designer.diagnostics import Report
from designer.ir import deployments_of
from designer.load import load_config
from tests.adopt.adopting import take
from tests.adopt.test_laws import assert_same_meaning

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FILES = (
    *ROOT.glob(".gateways/litellm/lib/python3*/site-packages/litellm/proxy/**/*config*.yaml"),
    *ROOT.glob(".gateways/litellm/lib/python3*/site-packages/litellm/proxy/**/*example*.yaml"),
    *(ROOT.parent / "shared" / "corpus").glob("*/*.yaml"),
    *(ROOT.parent / "shared" / "corpus").glob("*/*.json"),
    *ROOT.glob("tests/golden/examples/*/*/config.yaml"),
    *ROOT.glob("tests/golden/examples/*/*/*/config.json"),
    *ROOT.glob("tests/golden/examples/*/*/*/request.json"),
)


@pytest.mark.parametrize(
    "path", sorted(set(FILES)), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_a_file_that_its_gateway_takes_is_adopted(path: Path) -> None:
    report = Report()
    config = load_config(str(path), report)
    if config is None or report.has_errors:
        pytest.skip(f"no configuration, or refused by its gateway: {next(iter(report))}")
    if not any(deployments_of(route.node) for route in config.parsed.routing.routes):
        pytest.skip("it routes to nothing")

    taken = take(config)

    assert taken.adopted is not None, list(map(str, taken.report))
    assert_same_meaning(config.gateway.name, taken)
