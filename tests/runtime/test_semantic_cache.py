"""Similar questions: what may share an answer, what never does, and how often that goes wrong."""

import asyncio
import re
from collections import Counter
from math import comb
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Request
from designer.errors import UsageError
from designer.gateways.reference import REFERENCE
from designer.ir import Cache
from designer.profile.model import Cache as CacheAsked
from runtime.cache import Answers, Kept, Reader, Visit
from runtime.cache.lexical import share_words
from runtime.cache.minilm import MiniLM, lacking
from tests.runtime.semantic import Pair, hard_negatives, paraphrases
from tests.runtime.semantic.held_out import Drawn, held_out
from tests.runtime.served import FIRST, two_deployments

np = pytest.importorskip("numpy")
similar = pytest.importorskip("runtime.cache.similar")

SEMANTIC = Cache("semantic", 60.0, similarity=0.9)
DOCS = Path(__file__).parents[2] / "docs" / "caches.md"
ANSWER = {"choices": [{"index": 0, "finish_reason": "stop"}]}


class Same:
    """An encoder to which everything is alike: what then tells questions apart is ours."""

    async def __call__(self, text: str) -> Any:
        return np.array([1.0, 0.0], np.float32)


def kept(encoder: Any, cache: Cache = SEMANTIC) -> Kept:
    routing = replace(two_deployments(), caches=(cache,))
    return Kept(Reader(Program(routing, REFERENCE)), Answers(similar.Shelves()), encoder)


def message(text: str, **params: Any) -> dict[str, Any]:
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **params}


async def ask(cache: Kept, body: dict[str, Any], tenant: str = "", personal: bool = False) -> str:
    visit = Visit(cache)
    await visit.look_up("chat", tenant, Request(), body, personal, 0.0)
    visit.keep(FIRST, ANSWER, {}, 0.0)
    return visit.word


def words(*asked: Any, encoder: Any = None) -> list[str]:
    async def main() -> list[str]:
        cache = kept(encoder or Same())
        return [
            await ask(cache, *one) if isinstance(one, tuple) else await ask(cache, one)
            for one in asked
        ]

    return asyncio.run(main())


def test_a_question_in_other_words_is_answered_again() -> None:
    first, again = message("How do I reset my password?"), message("how do I reset the password")

    assert words(first, again) == ["miss", "hit"]


@pytest.mark.parametrize(
    "other",
    [
        message("how do I reset the password", temperature=0.5),
        message("how do I reset the password", stream=True),
        {
            "model": "chat",
            "messages": [
                {"role": "system", "content": "Be brief."},
                *message("how do I reset the password")["messages"],
            ],
        },
    ],
)
def test_similar_questions_in_other_surroundings_are_other_questions(other: dict[str, Any]) -> None:
    assert words(message("How do I reset my password?"), other) == ["miss", "miss"]


@pytest.mark.parametrize("field", ["tools", "functions", "response_format"])
def test_with_tools_only_the_very_same_request_is_answered_again(field: str) -> None:
    more = {field: [{"type": "function"}]}
    first, similar_ = message("Book a table.", **more), message("please book a table", **more)

    assert words(first, similar_, first) == ["miss", "miss", "hit"]


def test_a_personal_prompt_is_never_answered_by_a_similar_one() -> None:
    first, again = message("What is open for <EMAIL_1>?"), message("what is open for <EMAIL_1>")

    assert words((first, "", True), (again, "", True)) == ["miss", "miss"]
    unguarded = message("Is a@example.org ok?"), message("is a@example.org ok")
    assert words(*unguarded) == ["miss", "miss"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["reset it", "please reset it", "drop it"]), st.sampled_from("ab")
        ),
        max_size=12,
    )
)
def test_one_tenants_answer_never_reaches_another(asked: list[tuple[str, str]]) -> None:
    told = words(*((message(text), tenant) for text, tenant in asked))

    seen: set[tuple[str, str]] = set()
    for (text, tenant), word in zip(asked, told, strict=True):
        meaning = (text.removeprefix("please "), tenant)
        assert word == ("hit" if meaning in seen else "miss")
        seen.add(meaning)


def test_what_is_forgotten_is_not_similar_to_anything() -> None:
    cache = kept(Same())
    cache.answers.most_bytes = 1_000  # room for one

    async def main() -> list[str]:
        asked = ["reset it", "drop it", "please reset it", "please reset it"]
        return [await ask(cache, message(text)) for text in asked]

    assert asyncio.run(main()) == ["miss", "miss", "miss", "hit"]
    assert len(cache.answers) == 1
    [shelf] = cache.answers.similar._shelves.values()  # type: ignore[union-attr]  # Shelves, as made above
    assert len(shelf.keys) == 1


# --- The words ------------------------------------------------------------------------------------

sentences = st.lists(
    st.sampled_from(
        [
            "how",
            "do",
            "I",
            "not",
            "reset",
            "my",
            "30",
            "60",
            "days",
            "from",
            "to",
            "Paris",
            "Rome",
            "US",
            "us",
            "C++",
            "C",
            ".",
            "?",
        ]
    )
).map(" ".join)


@given(sentences, sentences)
def test_sharing_words_is_an_equivalence(one: str, other: str) -> None:
    assert share_words(one, one)
    assert share_words(one, other) == share_words(other, one)
    numbers = [Counter(re.findall(r"\d+", text)) for text in (one, other)]
    assert numbers[0] == numbers[1] or not share_words(one, other)


@given(st.text(max_size=30), st.sampled_from(["7", "not", "Zürich", "昨日", "kg"]))
def test_one_content_word_more_is_another_question(text: str, word: str) -> None:
    assert not share_words(text, f"{text} . {word}")


# --- The real encoder -----------------------------------------------------------------------------

real = pytest.mark.skipif(bool(lacking()), reason="the extra `semantic` is not installed")


def wrong(pairs: list[Pair], encoder: MiniLM, at_least: float) -> list[Pair]:
    """Those of which one is answered by the other's answer."""
    near = [p for p in pairs if float(encoder.encode(p.one) @ encoder.encode(p.other)) >= at_least]
    return [pair for pair in near if share_words(pair.one, pair.other)]


def upper_bound(hits: int, trials: int) -> float:
    """Clopper and Pearson's, one-sided, 95 %."""
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        ways = (comb(trials, k) * middle**k * (1 - middle) ** (trials - k) for k in range(hits + 1))
        low, high = (middle, high) if sum(ways) > 0.05 else (low, middle)
    return high


@real
@pytest.mark.slow
def test_wrong_hits_are_as_rare_as_the_page_says() -> None:
    encoder, negatives, positives = MiniLM(), hard_negatives(), paraphrases()
    assert len(negatives) + len(positives) >= 400

    rows = []
    for threshold in (0.85, 0.9, 0.95):
        mistaken = len(wrong(negatives, encoder, threshold))
        right = len(wrong(positives, encoder, threshold))
        bound = upper_bound(mistaken, len(negatives))
        assert bound <= 0.10
        rows.append(
            f"| {threshold:.2f} | {mistaken} of {len(negatives)} | {bound:.1%} | "
            f"{right} of {len(positives)} ({right / len(positives):.0%}) |"
        )

    assert "\n".join(rows) in DOCS.read_text("utf-8")


def share_an_answer(pair: Drawn, encoder: MiniLM) -> bool:
    """With everything that a request meets, at what a profile says by default."""

    async def main() -> list[str]:
        cache = kept(encoder, replace(SEMANTIC, similarity=CacheAsked().similarity))
        return [await ask(cache, message(text)) for text in (pair.one, pair.other)]

    return asyncio.run(main()) == ["miss", "hit"]


@real
@pytest.mark.slow
def test_wrong_hits_of_a_set_that_was_held_out_are_as_rare_as_the_page_says() -> None:
    encoder, pairs = MiniLM(), held_out()
    assert len(pairs) >= 400

    rows = []
    for is_english, language in ((True, "English"), (False, "nine others")):
        of = [pair for pair in pairs if (pair.language == "en") == is_english]
        negatives = [pair for pair in of if pair.kind != "paraphrase"]
        positives = [pair for pair in of if pair.kind == "paraphrase"]
        mistaken = [pair for pair in negatives if share_an_answer(pair, encoder)]
        right = sum(share_an_answer(pair, encoder) for pair in positives)
        bound = upper_bound(len(mistaken), len(negatives))
        templates = [len({pair.template for pair in some}) for some in (mistaken, negatives)]
        assert max(bound, upper_bound(*templates)) <= 0.10
        rows.append(
            f"| {language} | {len(mistaken)} of {len(negatives)} | {bound:.1%} | "
            f"{templates[0]} of {templates[1]} | {upper_bound(*templates):.1%} | "
            f"{right} of {len(positives)} ({right / len(positives):.0%}) |"
        )

    assert "\n".join(rows) in DOCS.read_text("utf-8")


@real
def test_the_real_encoder_finds_other_words_and_reads_no_text_by_its_beginning_alone() -> None:
    encoder = MiniLM()
    long = "word " * 300

    first, again = message("How do I reset my password?"), message("how can I reset my password")
    far = message("Where is Rome?")

    assert words(first, again, far, encoder=encoder) == ["miss", "hit", "miss"]
    assert encoder.encode(long) is None
    assert words(message(long), message(f"please {long}"), encoder=encoder) == ["miss", "miss"]


@real
def test_another_model_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.cache.minilm._MODEL_SHA256", "0" * 64)

    with pytest.raises(UsageError, match="is not the file that was measured"):
        MiniLM()
