"""The packs on configurations that keep them and ones that do not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from designer.catalog import load_catalog
from designer.diagnostics import Report
from designer.load import load_config
from designer.verify import Judge, facts, load_pack

DAY = date(2026, 11, 22)


def _outcomes(folder: Path, name: str, text: str) -> set[str]:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    config = load_config(str(path), Report())
    assert config is not None
    judge = Judge(facts(config, DAY))
    return {verdict.outcome for verdict in judge.verdicts(load_pack(name, Report()))}


def _config(*models: str, retries: int = 1) -> str:
    entries = "".join(
        f"  - {{model_name: chat, litellm_params: {{model: {model}, order: {n}, timeout: 20}}}}\n"
        for n, model in enumerate(models, 1)
    )
    return f"model_list:\n{entries}router_settings: {{num_retries: {retries}}}\n"


@pytest.mark.parametrize(
    ("pack", "passing", "failing"),
    [
        (
            "no-training",
            _config("openai/gpt-5.4-mini"),
            _config("openai/gpt-5.4-mini", "deepseek/deepseek-chat"),
        ),
        ("finops", _config("openai/gpt-5.4-mini"), _config("openai/gpt-5.4-mini", retries=20)),
    ],
)
def test_a_pack_passes_and_fails(tmp_path: Path, pack: str, passing: str, failing: str) -> None:
    assert _outcomes(tmp_path, pack, passing) == {"holds"}
    assert _outcomes(tmp_path, pack, failing) - {"holds"}


@pytest.mark.parametrize("pack", ["gdpr-eu", "hipaa"])
def test_what_needs_papers_is_not_shown_by_a_configuration_alone(tmp_path: Path, pack: str) -> None:
    assert _outcomes(tmp_path, pack, _config("deepseek/deepseek-chat")) - {"holds"}


OVERLAY = """\
facts:
  - {applies_to: "bedrock/*", key: PROMISE, value: yes, source: contract 7, observed_on: 2026-11-01,
     expires_on: 2027-06-30}
"""


@pytest.mark.parametrize(
    ("pack", "promises"),
    [("gdpr-eu", ["dpa", "no_training"]), ("hipaa", ["baa", "hipaa", "no_training"])],
)
def test_with_the_papers_of_ones_own_it_is_shown(
    tmp_path: Path, pack: str, promises: list[str]
) -> None:
    overlay = tmp_path / "overlay.yaml"
    rows = [OVERLAY.partition("\n")[2].replace("PROMISE", promise) for promise in promises]
    overlay.write_text("facts:\n" + "".join(rows), "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(BEDROCK, "utf-8")
    report = Report()
    config = load_config(str(path), report)
    catalog = load_catalog(overlay, report)
    assert config is not None
    assert not report.has_errors, list(report)

    verdicts = Judge(facts(config, DAY, catalog)).verdicts(load_pack(pack, report))

    assert {verdict.outcome for verdict in verdicts} == {"holds"}


BEDROCK = """\
model_list:
  - model_name: chat
    litellm_params:
      {model: "bedrock/eu.anthropic.claude-fable-5-1", aws_region_name: eu-central-1, timeout: 20}
"""
