"""Edits of the user's own file after which a violated property holds, proved by proving again."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designer import repair as repairs
from designer.catalog import load_catalog
from designer.cli import run
from designer.diagnostics import Report
from designer.lint import fixes
from designer.load import load_config
from designer.repair import Repair, Repairs, Unrepaired, repair
from designer.verify import Judge, Property, Verdict, facts, load_properties
from designer.verify.facts import Facts

PAINS = Path(__file__).parent / "pains"
TITLES = {
    "02-hops-that-vanish": "allow 2 fallbacks instead of 1",
    "03-fallbacks-that-never-fire": "fall back after every status of an outage",
    "05-guardrails-that-fail-open": "write `default_on: true`",
    "06-residency-crossed": "let chat no longer fall back to spare",
    "07-retries-multiplied": "retry 2 times instead of 4",
    "13-timeouts-that-do-not-nest": "retry 0 times instead of 2",
}


def _copy(tmp_path: Path, name: str) -> tuple[Path, Path]:
    (seeded,) = (PAINS / name).glob("seeded.*")
    path = tmp_path / seeded.name
    path.write_text(seeded.read_text("utf-8"), "utf-8")
    return path, PAINS / name / "properties.yaml"


@pytest.mark.slow
@pytest.mark.parametrize("name", TITLES)
def test_what_was_violated_holds_after_one_edit(name: str, tmp_path: Path) -> None:
    path, properties = _copy(tmp_path, name)
    command = ["verify", str(path), "--properties", str(properties)]

    assert run([*command, "--fix"]) == 1
    assert run(command) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", TITLES)
def test_the_edit_is_the_first_of_the_grid_that_does_it(name: str, tmp_path: Path) -> None:
    path, file = _copy(tmp_path, name)
    config = load_config(str(path), Report())
    properties = load_properties(file.read_text("utf-8"), str(file), Report())
    assert config is not None
    assert properties is not None
    known = facts(config, load_catalog().date)
    violated = next(v for v in Judge(known).verdicts(properties) if v.outcome == "violated")

    found = repair(known, properties, violated)

    assert found is not None
    assert found.finding.message.endswith(TITLES[name])
    removed = [line for line in found.patch.splitlines() if line.startswith("-")]
    assert len(removed) == 2  # the file's name, and one line of it


def test_what_no_edit_mends_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, properties = _copy(tmp_path, "04-half-an-answer")
    before = path.read_text("utf-8")

    run(["verify", str(path), "--properties", str(properties), "--fix"])

    assert "no single edit of the grid makes it hold" in capsys.readouterr().err
    assert path.read_text("utf-8") == before


def test_an_edit_that_costs_another_property_is_none(tmp_path: Path) -> None:
    path, _ = _copy(tmp_path, "06-residency-crossed")
    text = "properties: [{residency: [eu], routes: [chat]}, {survives: 1, routes: [chat], parts: [deployment]}]"
    config = load_config(str(path), Report())
    properties = load_properties(text, "p.yaml", Report())
    assert config is not None
    assert properties is not None
    known = facts(config, load_catalog().date)
    violated = next(v for v in Judge(known).verdicts(properties) if v.outcome == "violated")

    assert violated.property.kind == "residency"
    assert repair(known, properties, violated) is None


MODELS = """\
model_list:
  - {model_name: chat, litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/ONE, timeout: 20}}
  - {model_name: spare, litellm_params: {model: mistral/mistral-small, api_key: os.environ/TWO, timeout: 20}}
"""
SILENT = MODELS.replace(", timeout: 20", "")
TWO_PLACES = """\
model_list:
  - model_name: chat
    litellm_params: {model: "bedrock/eu.amazon.nova-pro-v1:0", aws_region_name: eu-central-1}
  - model_name: chat
    litellm_params: {model: "bedrock/us.amazon.nova-pro-v1:0", aws_region_name: us-east-1}
"""
PORTKEY = """\
{
  "strategy": {"mode": "fallback"},
  "targets": [
    {"provider": "openai", "api_key": "${ONE}", "override_params": {"model": "gpt-5.4-mini"}},
    {"provider": "mistral-ai", "api_key": "${TWO}", "override_params": {"model": "mistral-small-latest"}}
  ]
}
"""
MISSING = [
    (MODELS, "{survives: 1, parts: [provider], routes: [chat]}", "let chat fall back to spare"),
    (
        MODELS + "router_settings:\n  fallbacks:\n    - {spare: [chat]}\n",
        "{survives: 1, parts: [provider], routes: [chat]}",
        "let chat fall back to spare",
    ),
    (MODELS, "{attempts: '<= 2', routes: [chat]}", "write `router_settings: {num_retries: 1}`"),
    (MODELS + "router_settings: {timeout: 20}\n", "{attempts: '<= 1'}", "write `num_retries: 0`"),
    (SILENT, "{deadline: '<= 250s'}", "write `router_settings: {timeout: 10}`"),
    (TWO_PLACES, "{residency: [eu]}", "drop model_list[1], chat"),
    (PORTKEY, "{refusal: final}", "write `on_status_codes: "),
    (PORTKEY, "{deadline: '<= 61s'}", "write `request_timeout: 30000`"),
]


@pytest.mark.parametrize(("text", "said", "title"), MISSING, ids=[title for *_, title in MISSING])
def test_what_is_missing_is_written_and_what_is_too_much_dropped(
    text: str, said: str, title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ("config.json" if text.startswith("{") else "config.yaml")
    path.write_text(text, "utf-8")
    properties = tmp_path / "properties.yaml"
    properties.write_text(f"properties: [{said}]", "utf-8")
    command = ["verify", str(path), "--properties", str(properties)]

    assert run([*command, "--fix"]) == 1
    assert f"after one edit: {title}" in capsys.readouterr().err
    assert run(command) == 0


def test_to_show_an_edit_is_not_to_make_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, properties = _copy(tmp_path, "07-retries-multiplied")
    before = path.read_text("utf-8")

    run(["verify", str(path), "--properties", str(properties), "--repair"])

    assert "+router_settings: {num_retries: 2," in capsys.readouterr().out
    assert path.read_text("utf-8") == before


MANY = """\
model_list:
  - {model_name: chat, litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/A, timeout: 20}}
  - {model_name: chat, litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/B, timeout: 20}}
  - {model_name: spare, litellm_params: {model: mistral/mistral-small-latest, api_key: os.environ/C, timeout: 20}}
  - {model_name: other, litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/D, timeout: 20}}
  - {model_name: apart, litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/E, timeout: 20}}
router_settings: {num_retries: 1, fallbacks: [{other: [apart, chat]}]}
"""


def _many(tmp_path: Path) -> tuple[Facts, list[Property], list[Verdict]]:
    path = tmp_path / "config.yaml"
    path.write_text(MANY, "utf-8")
    text = "properties: [{survives: 1, parts: [model]}, {attempts: '<= 2', routes: [other]}]"
    config = load_config(str(path), Report())
    properties = load_properties(text, "p.yaml", Report())
    assert config is not None
    assert properties is not None
    known = facts(config, load_catalog().date)
    violated = [v for v in Judge(known).verdicts(properties) if v.outcome == "violated"]
    return known, properties, violated


@pytest.mark.slow
def test_what_was_proved_of_routes_that_an_edit_leaves_alone_is_kept_and_changes_no_repair(
    tmp_path: Path,
) -> None:
    known, properties, violated = _many(tmp_path)
    repairs = Repairs(known, properties)

    found = [repairs.of(verdict) for verdict in violated]
    alone = [Repairs(known, properties).of(verdict) for verdict in violated]

    assert found == alone
    assert {type(one) for one in found} == {Repair, Unrepaired}
    assert len(repairs.proved) >= len(known.config.parsed.routing.routes)


def test_an_edit_is_of_the_route_that_breaks_the_property_or_of_all(tmp_path: Path) -> None:
    known, properties, violated = _many(tmp_path)
    verdict = next(v for v in violated if v.route == "spare")

    found = Repairs(known, properties).of(verdict)

    assert isinstance(found, Repair)
    assert found.finding.message.endswith("let spare fall back to chat")


def test_where_time_is_up_nothing_more_is_tried_and_that_is_said(tmp_path: Path) -> None:
    known, properties, violated = _many(tmp_path)
    ticks = iter(range(100))

    found = Repairs(known, properties, lambda: next(ticks), until=3.0).of(violated[0])

    assert found == Unrepaired(3, is_all=False)


# --- The quick way and the long one ---------------------------------------------------------------

MODELS_OF = (
    "openai/gpt-5.4-mini",
    "mistral/mistral-small-latest",
    "bedrock/us.amazon.nova-pro-v1:0",
)
WISHES = (
    "survives: 1, parts: [provider]",
    "attempts: '<= 3'",
    "refusal: final",
    "deadline: '<= 90s'",
    "residency: [eu]",
)


@st.composite
def _files(draw: st.DrawFn) -> str:
    """Two or three routes of a deployment or two, with fallbacks or none."""
    names = ["chat", "spare", "other"][: draw(st.integers(2, 3))]
    lines = ["model_list:"]
    for name in names:
        for order, model in enumerate(
            draw(st.lists(st.sampled_from(MODELS_OF), min_size=1, max_size=2)), 1
        ):
            timeout = draw(st.sampled_from(("", ", timeout: 20", ", timeout: 50")))
            params = f"{{model: '{model}', order: {order}, api_key: os.environ/KEY{timeout}}}"
            lines.append(f"  - {{model_name: {name}, litellm_params: {params}}}")
    lines.append(f"router_settings: {{num_retries: {draw(st.integers(0, 2))}}}")
    falls = draw(st.lists(st.permutations(names), max_size=1))
    if falls:
        lines[-1] = lines[-1][:-1] + f", fallbacks: [{{{falls[0][0]}: [{falls[0][1]}]}}]}}"
    return "\n".join(lines) + "\n"


def _first_of_the_grid(known: Facts, properties: list[Property], asked: Verdict) -> str | None:
    """The same search with nothing kept and nothing seen in advance: everything is proved of every edit."""
    held = _that_hold(known, properties)
    (document,) = known.config.parsed.documents
    before = known.config.texts[document.file]
    for fix in repairs._grid(document, known.config.parsed.routing, asked.route):
        after = fixes.apply(before, [repairs._finding(asked, fix)]).text
        changed = repairs._changed(known.config, document, after)
        if changed is not None and repairs._has_the_routes_of(changed, known.config):
            holds = _that_hold(facts(changed, known.as_of, known.catalog), properties)
            if holds > held and (str(asked.property), asked.route) in holds:
                return after
    return None


def _that_hold(known: Facts, properties: list[Property]) -> set[tuple[str, str]]:
    verdicts = Judge(known).verdicts(properties)
    return {(str(v.property), v.route) for v in verdicts if v.outcome == "holds"}


@pytest.mark.slow
@settings(max_examples=12)
@given(text=_files(), wishes=st.sets(st.sampled_from(WISHES), min_size=1, max_size=2))
def test_the_repair_is_as_small_as_the_one_that_is_found_by_proving_everything(
    text: str, wishes: set[str]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text, "utf-8")
        config = load_config(str(path), Report())
    said = ", ".join(f"{{{wish}}}" for wish in sorted(wishes))
    properties = load_properties(f"properties: [{said}]", "p.yaml", Report())
    assert config is not None
    assert properties is not None
    known = facts(config, load_catalog().date)
    verdicts = list(Judge(known).verdicts(properties))
    quick = Repairs(known, properties, verdicts=verdicts)

    for verdict in (v for v in verdicts if v.outcome == "violated"):
        found = quick.of(verdict)

        after = found.after if isinstance(found, Repair) else None
        assert after == _first_of_the_grid(known, properties, verdict)
