"""Readers of logs: every entry is a row, another thing or a reason; what a row says; every format."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.errors import UsageError
from designer.logs import Row, Skipped, read_logs
from runtime.ledger import Ledger
from runtime.ledger import Row as Booked
from tests.logs.samples import CALL, FAILED, batch, lines, span, spend_log, table

TRACES = Path(__file__).parents[3] / "shared/traces"


def _read(path: Path, text: str | bytes) -> tuple[list[Row], Skipped]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    skipped = Skipped()
    return list(read_logs(path, skipped)), skipped


EXPECTED = Row(
    at_s=1793527200.0,
    route="chat",
    provider="openai",
    deployment="chat/openai/gpt-5.4-mini",
    model="gpt-5.4-mini",
    input_tokens=1200,
    output_tokens=300,
    cached_tokens=400,
    cost_usd=0.0021,
    latency_s=4.0,
    ttft_s=0.5,
    attempts=2,
)


# --- Laws -----------------------------------------------------------------------------------------

_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
_KEYS = st.sampled_from(list(spend_log()))
_SPAN_KEYS = st.sampled_from(["startTimeUnixNano", "endTimeUnixNano", "attributes", "status"])
_QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@_QUICK
@given(st.lists(st.dictionaries(_KEYS, _ANY, max_size=4), min_size=1, max_size=6))
def test_whatever_an_entry_holds_it_is_a_row_or_counted(
    tmp_path: Path, changes: list[dict[str, Any]]
) -> None:
    entries = [spend_log(**change) for change in changes]

    rows, skipped = _read(tmp_path / "log", lines(*entries))

    assert len(rows) + skipped.count == len(entries)
    assert sum(skipped.reasons.values()) == skipped.count


@_QUICK
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"{", b"[", b"time,input_tokens,output_tokens\n"]),
)
def test_no_bytes_break_a_reader(tmp_path: Path, some: bytes, head: bytes) -> None:
    with suppress(UsageError):
        rows, skipped = _read(tmp_path / "log", head + some)
        assert len(rows) + skipped.count <= len(head + some)


# --- Formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        lines(spend_log()),
        json.dumps([spend_log()], indent=2),
        json.dumps(spend_log(), indent=2),
        "\ufeff" + lines(spend_log()),
        table(spend_log()),
        lines(spend_log(metadata=json.dumps(spend_log()["metadata"]))),
        lines(spend_log(startTime="2026-11-01 10:00:00")),
    ],
    ids=["lines", "array", "object", "bom", "csv", "metadata as text", "a database's time"],
)
def test_spend_logs_of_litellm(tmp_path: Path, text: str) -> None:
    rows, skipped = _read(tmp_path / "log", text)

    assert rows == [EXPECTED]
    assert skipped.count == 0


@pytest.mark.parametrize("write", [lines, table])
def test_the_team_is_told_by_its_name_and_by_its_id_and_the_key_by_its_name(
    tmp_path: Path, write: Any
) -> None:
    known = {"user_api_key_team_alias": "web", "user_api_key_alias": "web-prod"}
    logged = [
        spend_log(team_id="0b9e-11", metadata=json.dumps(known)),
        spend_log(team_id="0b9e-11", metadata="{}"),
        spend_log(team_id="", metadata=json.dumps({"user_api_key_team_id": "0b9e-12"})),
    ]

    rows, _ = _read(tmp_path / "log", write(*logged))

    assert [(row.team, row.team_id, row.key) for row in rows] == [
        ("web", "0b9e-11", "web-prod"),
        ("", "0b9e-11", ""),
        ("", "0b9e-12", ""),
    ]


@pytest.mark.parametrize("write", [lines, table])
def test_a_failure_says_its_status(tmp_path: Path, write: Any) -> None:
    rows, _ = _read(tmp_path / "log", write(spend_log(**FAILED)))

    assert [row.failure for row in rows] == ["503"]


def test_an_answer_that_was_not_streamed_has_no_first_token(tmp_path: Path) -> None:
    whole = spend_log(completionStartTime="2026-11-01T10:00:04.000000Z")

    rows, _ = _read(tmp_path / "log", lines(whole))

    assert [(row.ttft_s, row.latency_s) for row in rows] == [(None, 4.0)]


def test_spans_of_opentelemetry(tmp_path: Path) -> None:
    tool = span(gen_ai__operation__name="execute_tool")
    older = span(gen_ai__system="openai", gen_ai__usage__prompt_tokens=7)
    failed = span(2, gen_ai__operation__name="chat", error__type="429")

    rows, skipped = _read(tmp_path / "log", lines(batch(span(**CALL), tool), batch(older, failed)))

    same = msgspec.structs.replace(EXPECTED, route="gpt-5.4-mini", deployment="", attempts=1)
    assert rows[0] == same
    assert [(row.input_tokens, row.failure) for row in rows[1:]] == [(7, ""), (0, "429")]
    assert (skipped.count, skipped.others) == (0, 1)


def test_the_runtimes_ledger(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ledger = Ledger(path)
    row = Booked("r", 1793527200000, 200, "chat", "d", "openai", "gpt-5.4-mini", 1200, 300, 400)
    asyncio.run(ledger.record(row))
    asyncio.run(
        ledger.record(Booked("s", 1793527201000, 200, "chat", "d", cache="hit", team="web"))
    )
    ledger.close()

    rows = list(read_logs(path, Skipped()))

    assert [(r.at_s, r.route, r.output_tokens, r.cost_usd, r.latency_s) for r in rows] == [
        (1793527200.0, "chat", 300, None, None),
        (1793527201.0, "chat", 0, None, None),
    ]
    assert [r.from_cache for r in rows] == [False, True]
    assert [r.team for r in rows] == ["", "web"]


def test_another_database_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a ledger of the runtime"):
        _read(tmp_path / "log", b"SQLite format 3\x00" + bytes(100))


def test_a_table_of_times_and_tokens(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2026-11-01 10:00:00.0000000,374,44\n"
        "yesterday,1,2\n"
        "2026-11-01 10:00:01.0000000,12\n"
        "2026-11-01 10:00:02.0000000,-1,2\n"
    )

    rows, skipped = _read(tmp_path / "log.csv", text)

    assert rows == [Row(at_s=1793527200.0, input_tokens=374, output_tokens=44)]
    assert [reason for _, reason in skipped.first] == [
        "a number that is none",
        "not 3 cells",
        "a negative number of tokens",
    ]


@pytest.mark.skipif(not TRACES.is_dir(), reason="the public traces are not on this machine")
@pytest.mark.parametrize(("name", "count"), [("conversation", 19366), ("code", 8819)])
def test_a_public_trace_is_read_whole(name: str, count: int) -> None:
    skipped = Skipped()

    rows = list(read_logs(TRACES / f"azure-llm-2023-{name}.csv", skipped))

    assert (len(rows), skipped.count) == (count, 0)


# --- What is not understood -----------------------------------------------------------------------


def test_what_is_malformed_has_a_place_and_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "log"
    text = lines(spend_log(), spend_log(prompt_tokens="many"), spend_log(startTime="soon"))

    rows, skipped = _read(path, text + "{cut off\n")

    assert len(rows) == 1
    assert skipped.first == [
        (f"{path}:2", "not a request: Expected `int`, got `str` - at `$.prompt_tokens`"),
        (f"{path}:3", "a time that is none"),
        (f"{path}:4", "not JSON"),
    ]


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no log that is known"):
        _read(tmp_path / "log", "name,price\n1,2\n")


def test_no_prompt_is_kept(tmp_path: Path) -> None:
    rows, skipped = _read(tmp_path / "log", lines(spend_log(), spend_log(startTime="x")))

    assert "secret" not in repr(rows) + repr(skipped)
