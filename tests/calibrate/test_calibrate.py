"""Calibration: what logs say becomes an overlay, and the plan then says `measured`."""

import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.calibrate import calibrate, overlay_text
from designer.calibrate.match import exactly, match
from designer.catalog import Catalog, load_catalog
from designer.cli import cli
from designer.diagnostics import Report
from designer.logs import Row, Skipped, read_logs
from tests.logs.samples import CALL, FAILED, batch, lines, span, spend_log

CATALOG = load_catalog()
PROFILE = """\
version: 1
name: p
workloads: [{alias: chat, task: chat, models: {first: openai/gpt-5.4-mini}, traffic: {rate: 50k/day}}]
providers: [openai]
"""


def _answers(count: int, **said: object) -> list[Row]:
    """A first token after 0.4 s, then 50 tokens a second, give or take."""
    chance = Random(1)
    found = []
    for number in range(count):
        out = chance.randint(50, 400)
        ttft = 0.4 * chance.uniform(0.9, 1.1)
        row = {
            "at_s": 1793527200.0 + number,
            "provider": "openai",
            "model": "gpt-5.4-mini",
            "input_tokens": 1000,
            "output_tokens": out,
            "cost_usd": 0.002,
            "ttft_s": ttft,
            "latency_s": ttft + out / 50,
        }
        found.append(Row(**(row | said)))  # type: ignore[arg-type]  # fields by name
    return found


def _overlaid(tmp_path: Path, text: str) -> Catalog:
    path = tmp_path / "overlay.yaml"
    path.write_text(text, "utf-8")
    report = Report()
    catalog = load_catalog(path, report)
    assert not list(report), [str(finding) for finding in report]
    return catalog


# --- Laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "offering",
    [o for o in CATALOG.offerings.values() if o.names.litellm and o.pin.by == "name"],
    ids=lambda offering: offering.id,
)
def test_litellms_own_name_of_an_offering_is_matched_to_its_model(offering: object) -> None:
    prefix = CATALOG.providers[offering.provider].litellm_prefix  # type: ignore[attr-defined]
    name = offering.names.litellm  # type: ignore[attr-defined]
    row = Row(0.0, provider=prefix.rstrip("/"), model=name.removeprefix(prefix))

    found = match(row, CATALOG, {})

    assert found.partition("@")[0] == f"{offering.provider}/{offering.model}"  # type: ignore[attr-defined]


@given(st.sampled_from(list(CATALOG.offerings.values())), st.text(max_size=10))
def test_a_plans_own_ids_say_exactly_which_offering_it_was(offering: object, model: str) -> None:
    row = Row(0.0, provider="whatever", deployment="chat/acc/x", model=model)

    found = match(row, CATALOG, {"chat/acc/x": offering.id})  # type: ignore[attr-defined]

    assert found == exactly(offering)  # type: ignore[arg-type]
    assert CATALOG.matching(found) == (offering,)


@given(st.lists(st.sampled_from(["", "503", "429", "400", "BadRequestError"]), min_size=200))
def test_only_a_providers_own_failures_count_against_it(failures: list[str]) -> None:
    rows = [Row(float(n), provider="openai", failure=f) for n, f in enumerate(failures)]
    own = [f for f in failures if f in ("", "503", "429")]

    found = calibrate(rows, CATALOG)

    if len(own) < 200:
        assert found.answered == ()
    else:
        assert found.answered[0].requests == len(own)
        assert found.answered[0].failed == sum(f != "" for f in own)
        assert found.answered[0].share < 1


_SPANS = st.fixed_dictionaries(
    {"startTimeUnixNano": st.integers(0, 2**63).map(str), "endTimeUnixNano": st.integers().map(str)}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_SPANS, min_size=100, max_size=120))
def test_whatever_times_a_log_tells_it_is_summed_up(
    tmp_path: Path, times: list[dict[str, str]]
) -> None:
    path = tmp_path / "log"
    path.write_text(lines(batch(*(span(**CALL) | time for time in times))), "utf-8")

    found = calibrate(read_logs(path, Skipped()), CATALOG)

    assert found.rows <= len(times)


# --- Stories --------------------------------------------------------------------------------------


def test_speed_tokens_and_cost_are_measured(tmp_path: Path) -> None:
    found = calibrate(_answers(300), CATALOG)

    catalog = _overlaid(tmp_path, overlay_text(found, ["spend.jsonl"]))
    offering = catalog.offerings["openai/gpt-5.4-mini"]
    assert offering.latency.grade == "measured"
    assert offering.latency.ttft_p50_s == pytest.approx(0.4, rel=0.03)
    assert offering.latency.tokens_per_s == pytest.approx(50, rel=0.03)
    assert (
        offering.latency.source
        == "overlay: spend.jsonl: 300 answers, streamed, 2026-11-01 to 2026-11-01"
    )
    assert offering.usage is not None
    assert (offering.usage.input_tokens, offering.usage.usd_per_request) == (1000, 0.002)
    incidents = catalog.providers["openai"].incidents
    assert incidents is not None
    assert (incidents.grade, round(incidents.availability, 4)) == ("logs", 0.9983)


def test_whole_answers_tell_the_pace_by_their_lengths() -> None:
    found = calibrate(_answers(300, ttft_s=None), CATALOG)

    speed = found.measured[0].speed
    assert speed is not None
    assert (speed.how, round(speed.tokens_per_s), round(speed.ttft_p50_s, 1)) == ("fitted", 50, 0.4)


def test_a_dated_name_is_the_models() -> None:
    found = calibrate(_answers(140, model="gpt-5.4-mini-2026-03-17"), CATALOG)

    assert [item.pattern.partition("@")[0] for item in found.measured] == ["openai/gpt-5.4-mini"]


def test_a_model_sold_by_somebody_unknown_is_not_its_developers() -> None:
    row = Row(0.0, provider="openrouter", model="anthropic/claude-opus-5")

    assert match(row, CATALOG, {}) == ""


def test_a_model_named_like_an_account_is_known_by_its_deployments_id() -> None:
    row = Row(0.0, provider="azure", model="azure/gptx-prod", deployment="chat/az-se/gpt-5.4-nano")

    assert match(row, CATALOG, {}) == "azure/gpt-5.4-nano"


def test_what_matches_nothing_is_listed_and_too_little_is_not_measured() -> None:
    rows = [*_answers(99), *_answers(3, provider="acme", model="m1"), *_answers(2, from_cache=True)]

    found = calibrate(rows, CATALOG)

    assert found.measured == ()
    assert found.unmatched == (("acme/m1", 3),)
    assert ("openai", 99) in found.too_few
    assert found.from_cache == 2
    assert overlay_text(found, ["f"]) == ""


def _write_logs(path: Path) -> None:
    rows = [
        spend_log(
            model_id="x",
            endTime=f"2026-11-01T10:00:{4 + n % 20:02}Z",
            completion_tokens=100 + 30 * (n % 20),
        )
        for n in range(240)
    ]
    path.write_text(
        lines(*rows, spend_log(**FAILED), spend_log(model="m-1", model_id="x")) + "{broken\n",
        "utf-8",
    )


def test_a_plan_with_the_overlay_says_measured(tmp_path: Path) -> None:
    _write_logs(tmp_path / "spend.jsonl")
    (tmp_path / "p.yaml").write_text(PROFILE, "utf-8")
    overlay = tmp_path / "overlay.yaml"
    run = CliRunner().invoke

    made = run(cli, ["calibrate", "--from", str(tmp_path / "spend.jsonl"), "-o", str(overlay)])
    plan = ["plan", str(tmp_path / "p.yaml"), "--no-write"]
    before, after = run(cli, plan), run(cli, [*plan, "--overlay", str(overlay)])

    assert made.exit_code == 0, made.output
    assert "243 requests read" not in made.output
    assert "242 requests read" in made.output
    assert "openai/m-1: 1" in made.output
    assert "spend.jsonl:243: not JSON" in made.output
    assert "(prior)" in before.output
    assert "measured" in after.output


def test_strict_fails_on_what_was_not_understood(tmp_path: Path) -> None:
    _write_logs(tmp_path / "spend.jsonl")
    arguments = ["calibrate", "--from", str(tmp_path / "spend.jsonl"), "--format", "json"]

    lenient = CliRunner().invoke(cli, arguments)
    strict = CliRunner().invoke(cli, [*arguments, "--strict"])

    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    said = json.loads(lenient.stdout)
    assert (said["rows"], said["malformed"]["count"]) == (242, 1)
    assert said["unmatched"] == [{"name": "openai/m-1", "rows": 1}]


def test_logs_that_measure_nothing_are_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(lines(spend_log()), "utf-8")

    done = CliRunner().invoke(cli, ["calibrate", "--from", str(path)])

    assert done.exit_code == 1
    assert "too few to say anything" in done.stderr
