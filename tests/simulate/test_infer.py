"""What a log shows of an outage becomes a scenario, and what it does not show does not."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.cli import run
from designer.diagnostics import Report
from designer.logs import Row
from designer.simulate import Scenario, load_scenario
from designer.simulate.infer import Seen, scenario_text
from tests.logs.samples import FAILED, lines, spend_log


def inferred(rows: list[Row], for_s: float = 3600.0) -> tuple[Scenario, str]:
    seen = Seen(0.0, for_s)
    for row in rows:
        seen.add(row)
    text, report = scenario_text("bad", seen, for_s), Report()
    scenario = load_scenario(text, "bad.yaml", report)
    assert scenario is not None, list(map(str, report))
    assert list(report) == []
    return scenario, text


def answers(name: str, per_minute: int = 10, minutes: int = 60, **more: Any) -> list[Row]:
    """One in fifty fails, as on any day."""
    chance = Random(1)
    return [
        Row(
            at_s=60.0 * n / per_minute,
            deployment=name,
            latency_s=more.get("latency_s", 2.0) * (0.8 + 0.4 * chance.random()),
            failure="500" if n % 50 == 0 else "",
        )
        for n in range(per_minute * minutes)
    ]


def between(rows: list[Row], from_minute: int, to_minute: int, **changes: Any) -> list[Row]:
    return [
        replace(row, **changes) if from_minute * 60 <= row.at_s < to_minute * 60 else row
        for row in rows
    ]


def test_a_burst_of_errors_becomes_a_fault_of_its_deployment_and_its_minutes() -> None:
    rows = between(answers("a"), 10, 25, failure="503") + answers("b")

    (fault,) = inferred(rows)[0].faults

    assert (fault.target.deployment, fault.kind, fault.status) == ("a", "http", 503)
    assert (fault.from_s, fault.to_s, fault.share) == (600.0, 1500.0, 1.0)
    assert fault.is_inferred


def test_half_of_a_minute_is_a_share() -> None:
    rows = answers("a", per_minute=20)
    rows = [
        between([row], 10, 20, failure="429")[0] if number % 2 else row
        for number, row in enumerate(rows)
    ]

    (fault,) = inferred(rows)[0].faults

    assert fault.kind == "rate_limit"
    assert fault.share == pytest.approx(0.5, abs=0.05)


def test_slow_minutes_become_a_latency_with_its_factor() -> None:
    (fault,) = inferred(between(answers("a"), 30, 40, latency_s=8.0))[0].faults

    assert (fault.kind, fault.from_s, fault.to_s) == ("latency", 1800.0, 2400.0)
    assert fault.factor == pytest.approx(4.0, rel=0.1)


def test_an_ordinary_hour_has_no_faults_and_its_own_rate() -> None:
    scenario, _ = inferred(answers("a"))

    assert scenario.faults == ()
    assert scenario.traffic.rate_per_s == pytest.approx(10 / 60, rel=1e-5)


def test_what_was_concluded_is_told_in_figures() -> None:
    _, text = inferred(between(answers("it's [*]"), 10, 12, failure="APIConnectionError"))

    assert text == (
        "version: 1\n"
        "name: 'bad'\n"
        "# Inferred from a log: what failed or was slow for minutes on end. Check it before you trust it.\n"
        "traffic: {rate: 0.166667/s, for: 3600s}\n"
        "faults:\n"
        "  # 20 of 20 requests failed, most with APIConnectionError\n"
        "  - {target: {deployment: 'it''s [[][*]]'}, from: 600s, to: 720s, kind: refuse_connection, "
        "inferred: true}\n"
    )


@given(
    st.lists(
        st.builds(
            Row,
            at_s=st.floats(0, 3599),
            deployment=st.text("ab'[*{:#é ", max_size=4),
            model=st.text("m/-", max_size=3),
            failure=st.sampled_from(["", "503", "Timeout", "what: ever", "418"]),
            latency_s=st.none() | st.floats(0, 100),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_a_log_holds_the_scenario_can_be_read(rows: list[Row]) -> None:
    scenario, _ = inferred(rows + [rows[0]] * 6)

    assert all(fault.is_inferred for fault in scenario.faults)


def test_the_command_prints_a_scenario_and_refuses_an_empty_stretch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(lines(*[spend_log(**FAILED)] * 6), "utf-8")
    asked = ["scenario", "--from-logs", str(log), "--from", "2026-11-01T10:00Z", "--to"]

    code = run([*asked, "2026-11-01T10:30Z"])
    told = capsys.readouterr()
    empty = run([*asked, "2026-11-01T09:00Z"])

    assert code == 0, told.err
    assert "kind: http, status: 503, inferred: true" in told.out
    assert empty == 2


def test_strict_refuses_a_log_with_an_unreadable_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(lines(spend_log()) + "{nonsense\n", "utf-8")
    asked = ["scenario", "--from-logs", str(log), "--from", "2026-11-01", "--to", "2026-11-02"]

    assert run(asked) == 0
    assert f"{log}:2: not JSON" in capsys.readouterr().err
    assert run([*asked, "--strict"]) == 2
