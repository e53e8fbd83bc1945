"""What a dialect says it honours is seen to act on the real gateway, or it is said why that cannot be seen.

The hosted gateways cannot be asked here at all; docs/observed.md says so, and is made here.
"""

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from designer.diagnostics import Report
from designer.documents import read_yaml
from designer.gateways.registry import GATEWAYS

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests/gateways/observed.yaml"
PAGE = ROOT / "docs/observed.md"
HOSTED = {
    "portkey-cloud": "its semantics were measured on branch 2.0.0 of its source, with a stand-in for the control plane",
    "openrouter": "bodies are checked against its OpenAPI document and its SDK",
}


def observed() -> dict[str, dict[str, Any]]:
    document = read_yaml(TABLE.read_text("utf-8"), TABLE.name, Report())
    assert document is not None
    found: dict[str, dict[str, Any]] = document.value
    return found


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_gateway_is_either_observed_or_hosted() -> None:
    assert {*observed(), *HOSTED} == set(GATEWAYS)


@pytest.mark.parametrize("gateway", observed())
def test_no_honoured_key_is_without_a_test_or_a_reason(gateway: str) -> None:
    table = observed()[gateway]

    assert set(table) == set(GATEWAYS[gateway].honoured)
    for key, said in table.items():
        assert said.keys() <= {"tests", "unseen"}, key
        assert said.get("tests") or said.get("unseen"), key


@pytest.mark.parametrize("gateway", observed())
def test_every_test_that_is_named_exists_and_starts_a_gateway(gateway: str) -> None:
    for key, said in observed()[gateway].items():
        for test in said.get("tests", ()):
            path, _, name = test.partition("::")
            assert name in names_in(ROOT / path), (key, test)
            assert path.startswith(("tests/gateways/", "tests/conformance/")), (key, test)


def test_the_page_is_current() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(page(), "utf-8")

    assert PAGE.read_text("utf-8") == page()


def page() -> str:
    lines = [
        "# What was seen to act, and what was not",
        "",
        "Each profile key that a dialect itself honours (`docs/matrix.md`), and whether a test sees it act on",
        "the real gateway. Written by `make golden` from `tests/gateways/observed.yaml`.",
    ]
    for gateway, table in observed().items():
        lines += [
            "",
            f"## {GATEWAYS[gateway].title}",
            "",
            "| key | seen | not seen |",
            "| --- | --- | --- |",
        ]
        for key, said in table.items():
            seen = "yes" if said.get("tests") else "no"
            lines.append(f"| `{key}` | {seen} | {said.get('unseen', '')} |")
    lines += ["", "## Hosted gateways", ""]
    for gateway, instead in HOSTED.items():
        lines.append(
            f"- {GATEWAYS[gateway].title}: no request is sent to it by any test; {instead}."
        )
    return "\n".join(lines) + "\n"
