"""Every public configuration at hand is read without a crash, and one like a configuration loads."""

from pathlib import Path

import pytest

from designer.diagnostics import Report
from designer.load import load_config

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared/corpus"
WHEEL = next((ROOT / ".gateways/litellm").glob("lib/python3*/site-packages/litellm/proxy"), None)


def _loads(path: Path) -> bool:
    report = Report()
    config = load_config(str(path), report)
    assert config is not None or report.has_errors, "not understood, and no reason given"
    return config is not None


def test_our_own_emitted_configurations_load() -> None:
    files = sorted((ROOT / "tests/golden").rglob("litellm/config.yaml"))

    assert files
    assert all(map(_loads, files))


@pytest.mark.skipif(WHEEL is None, reason="LiteLLM is not installed (make gateways)")
def test_litellm_s_own_examples_load() -> None:
    assert WHEEL is not None
    files = [path for path in sorted(WHEEL.rglob("*.yaml")) if "model_list:" in path.read_text()]

    assert len(files) > 20
    assert [str(path) for path in files if not _loads(path)] == []


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the collection is not here")
def test_the_collected_configurations_load() -> None:
    files = [p for p in sorted(CORPUS.rglob("*")) if p.suffix in (".yaml", ".json")]

    refused = [path.name for path in files if not _loads(path)]

    assert len(files) > 100
    assert len(refused) <= 1, refused
