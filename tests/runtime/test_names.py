"""Names that a language model finds: gone from the whole request, or the request is refused.

The model here is a list of names behind presidio's signature. presidio itself with spaCy (375 MB) is asked
where the extra `pii-ner` is installed, and skipped elsewhere.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.cli import run
from designer.errors import UsageError
from designer.ir import Guardrail, RateLimit
from runtime.guard import Guard, Inspection
from runtime.names import Analyzer, NameFinder, name_finder, need_model, notes
from tests.runtime.served import HELLO, runtime_on, two_deployments

NAMES = {
    "Anna Schmidt": "PERSON",
    "Anna": "PERSON",
    "María-José Núñez": "PERSON",
    "12 Elm Street, Leeds": "LOCATION",
    "O'Hara (Jr.)": "PERSON",
}
BOTH: frozenset[Literal["input", "output"]] = frozenset({"input", "output"})
PII = Guardrail("pii", "pii", BOTH, "redact")
BLOCKS = Guardrail("blocks", "pii", BOTH, "block")
OPEN = Guardrail("open", "pii", BOTH, "redact", on_error="pass")


@dataclass(frozen=True)
class Result:
    start: int
    end: int
    entity_type: str


class Known:
    """Finds what it was told of."""

    def analyze(self, text: str, entities: list[str], language: str) -> Sequence[Result]:
        return [r for r in self._results(text) if r.entity_type in entities and language == "en"]

    def _results(self, text: str) -> Iterator[Result]:
        for name, entity in NAMES.items():
            for match in re.finditer(re.escape(name), text):
                yield Result(match.start(), match.end(), entity)


class Slow:
    def analyze(self, text: str, entities: list[str], language: str) -> Sequence[Result]:
        time.sleep(0.2)
        return []


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def analyze(self, text: str, entities: list[str], language: str) -> Sequence[Result]:
        raise self._error


def _asked(finder: NameFinder, rail: Guardrail, body: dict[str, Any]) -> tuple[Guard, Inspection]:
    async def ask() -> tuple[Guard, Inspection]:
        guard = Guard([rail], "chat", names=finder)
        await guard.read(rail, body)
        return guard, guard.ask(rail, body)

    try:
        return asyncio.run(ask())
    finally:
        finder.close()


_texts = st.lists(
    st.sampled_from([*NAMES, "jane@example.com", "wrote to", "[PERSON_1]", "Annabel", "\n", "ok."]),
    min_size=1,
    max_size=5,
).map(" ".join)
_bodies = st.recursive(
    _texts | _texts.map(lambda text: json.dumps({"to": text})),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)


@given(content=_bodies)
def test_no_name_that_was_found_stays_anywhere_in_the_request(content: Any) -> None:
    body = {"messages": [{"role": "user", "content": content}], "metadata": {"of": content}}

    _, inspection = _asked(NameFinder(Known(), "en"), PII, body)

    left = re.sub(r"\[\w+\]", "", json.dumps(inspection.body, ensure_ascii=False))
    assert not [name for name in NAMES if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", left)]
    assert ("Annabel" in json.dumps(content)) == ("Annabel" in left)


def test_a_name_has_the_same_placeholder_wherever_it_stands() -> None:
    body = {
        "messages": [{"role": "user", "content": "Anna Schmidt, 12 Elm Street, Leeds, a@b.com"}],
        "tools": [{"function": {"arguments": '{"to": "Anna Schmidt"}'}}],
        "user": "Anna Schmidt",
    }

    guard, inspection = _asked(NameFinder(Known(), "en"), PII, body)

    assert inspection.body == {
        "messages": [{"role": "user", "content": "[PERSON_1], [LOCATION_1], [EMAIL_1]"}],
        "tools": [{"function": {"arguments": '{"to": "[PERSON_1]"}'}}],
        "user": "[PERSON_1]",
    }
    assert inspection.found == 5
    assert guard.alias("Anna Schmidt").startswith("anon-")
    assert guard.alias("team a") == "team a"


def test_whoever_asks_in_a_request_whose_names_nobody_looked_for_is_not_written_down() -> None:
    finder = NameFinder(Known(), "en")
    guard = Guard([PII], "chat", names=finder)
    finder.close()

    assert guard.alias("Anna Schmidt").startswith("anon-")


def test_a_rail_that_blocks_blocks_names() -> None:
    body = {"messages": [{"role": "user", "content": "Anna is here"}]}

    _, inspection = _asked(NameFinder(Known(), "en"), BLOCKS, body)

    assert (inspection.verdict, inspection.found) == ("blocked", 1)


@pytest.mark.parametrize(
    "analyzer",
    [
        Failing(ValueError("[E088] text of length 1000001")),
        Failing(RuntimeError("a kernel")),
        Failing(KeyError("a vector")),
        Slow(),
    ],
    ids=["too long", "broken", "no such entity", "slow"],
)
@pytest.mark.parametrize("rail", [PII, OPEN], ids=["closed", "open"])
def test_a_model_that_fails_is_a_rail_that_fails(analyzer: Analyzer, rail: Guardrail) -> None:
    body = {"messages": [{"role": "user", "content": "Anna, a@b.com"}]}

    guard, inspection = _asked(NameFinder(analyzer, "en", limit_s=0.05), rail, body)

    if rail is PII:
        assert (inspection.verdict, guard.unchecked) == ("broken", ())
    else:
        assert inspection.body["messages"][0]["content"] == "Anna, [EMAIL_1]"
        assert guard.unchecked == ("open",)
    assert guard.alias("anybody").startswith("anon-")


def test_others_are_answered_while_a_model_reads() -> None:
    async def longest_pause_s() -> float:
        finder, ended = NameFinder(Slow(), "en"), asyncio.Event()

        async def watch() -> float:
            longest = 0.0
            while not ended.is_set():
                before = time.perf_counter()
                await asyncio.sleep(0.005)
                longest = max(longest, time.perf_counter() - before)
            return longest

        watching = asyncio.create_task(watch())
        await finder.named({"messages": [{"role": "user", "content": "Anna"}]})
        ended.set()
        finder.close()
        return await watching

    assert asyncio.run(longest_pause_s()) < 0.15


def test_no_provider_hears_a_name_and_the_caller_gets_it_back(tmp_path: Path) -> None:
    async def ask() -> tuple[str, bytes, list[dict[str, Any]]]:
        finder = NameFinder(Known(), "en")
        async with (
            runtime_on(tmp_path, restores=True, names=finder, says=lambda q: q.messages[-1]) as it,
            httpx.AsyncClient() as client,
        ):
            said = {"role": "user", "content": "María-José Núñez is late"}
            body = {"model": "chat", "messages": [said], "user": "Anna"}
            answer = await client.post(f"{it.service.url}/v1/chat/completions", json=body)
            told = b"".join(received.body for received in it.stub.received)
            return answer.json()["choices"][0]["message"]["content"], told, it.rows()

    content, told, rows = asyncio.run(ask())

    assert content == "María-José Núñez is late"
    assert b"[PERSON_1] is late" in told
    assert "Anna" not in told.decode()
    assert rows[0]["user"].startswith("anon-")
    assert rows[0]["redactions"] == 2


# --- what is needed -------------------------------------------------------------------------------


def test_what_is_missing_is_named_before_anything_is_served(tmp_path: Path) -> None:
    extra = {"presidio_analyzer", "spacy"}
    with pytest.raises(UsageError, match=re.escape("pip install 'llm-gateway-designer[pii-ner]'")):
        need_model("en_core_web_lg", {"spacy"}.__contains__)
    with pytest.raises(UsageError, match="python -m spacy download en_core_web_lg"):
        need_model("en_core_web_lg", extra.__contains__)
    need_model("en_core_web_lg", {*extra, "en_core_web_lg"}.__contains__)
    need_model(str(tmp_path), extra.__contains__)


def test_serve_asks_for_the_model_first(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["serve", "--stub-only", "--ner", "en_core_web_none"])

    said = capsys.readouterr().err
    assert code == 2
    assert "pii-ner" in said or "en_core_web_none" in said


def test_it_is_said_what_is_read_and_what_is_not() -> None:
    assert notes("m", [PII]) == (
        "names and places leave requests as m finds them; answers are not read for them",
    )
    assert notes("m", []) == (
        "--ner has nothing to do: no guardrail takes personal data out of requests",
    )


def test_presidio_with_a_model_of_spacys_finds_what_the_model_finds(tmp_path: Path) -> None:
    pytest.importorskip("presidio_analyzer", reason="the extra pii-ner, 375 MB, is not installed")
    import spacy

    blank = spacy.blank("en")
    blank.to_disk(tmp_path / "blank")
    with pytest.raises(UsageError, match="finds no names"):
        name_finder(str(tmp_path / "blank"))
    ruler = blank.add_pipe("entity_ruler")
    patterns = [("PERSON", "Anna Schmidt"), ("GPE", "Leeds"), ("ORG", "Acme")]
    ruler.add_patterns([{"label": label, "pattern": pattern} for label, pattern in patterns])
    blank.to_disk(tmp_path / "model")
    body = {"messages": [{"role": "user", "content": "Anna Schmidt of Acme lives in Leeds."}]}

    _, inspection = _asked(name_finder(str(tmp_path / "model")), PII, body)

    said = inspection.body["messages"][0]["content"]
    assert said == "[PERSON_1] of Acme lives in [LOCATION_1]."


def test_a_name_in_a_request_that_was_refused_unread_is_not_in_the_ledger(tmp_path: Path) -> None:
    async def ask() -> list[dict[str, Any]]:
        limited = msgspec.structs.replace(
            two_deployments(), guardrails=(PII,), rate_limits=(RateLimit("all", "", rpm=1),)
        )
        async with (
            runtime_on(tmp_path, limited, names=NameFinder(Known(), "en")) as it,
            httpx.AsyncClient() as client,
        ):
            body = {"model": "chat", "messages": HELLO, "user": "Anna Schmidt"}
            for _ in range(2):
                await client.post(f"{it.service.url}/v1/chat/completions", json=body)
            return it.rows()

    rows = asyncio.run(ask())

    assert [row["status"] for row in rows] == [200, 429]
    assert "Anna" not in repr(rows)
