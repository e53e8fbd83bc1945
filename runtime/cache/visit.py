"""One call's dealings with the cache: looked up once, heard along the way, kept at its end."""

from collections.abc import Iterable
from typing import Any, Protocol

from msgspec import Struct, field

from designer.engine.events import Request
from runtime.cache.answers import Answers, Found, Stored, Vector
from runtime.cache.question import Question, Reader
from runtime.upstream import Chunk

Body = dict[str, Any]


class Encoder(Protocol):
    """Puts a text into numbers: texts that mean the same come close to one another."""

    async def __call__(self, text: str) -> Vector: ...


class Kept(Struct):
    """What the calls of a runtime share of its cache."""

    reader: Reader
    answers: Answers
    encoder: Encoder | None = None
    """None: there is no semantic cache."""


class Visit(Struct):
    """`kept` None is a runtime without a cache: nothing is found and nothing kept."""

    kept: Kept | None
    word: str = "off"
    """`hit`, `miss`, or `off` for a route that keeps no answers: what the client is told."""
    found: Found | None = None
    _question: Question | None = None
    _vector: Vector | None = None
    _chunks: list[Chunk] = field(default_factory=list)

    async def look_up(
        self,
        route: str,
        tenant: str,
        request: Request,
        body: Body,
        is_personal: bool,
        at_s: float,
    ) -> bool:
        """Whether there is an answer. `is_personal`: something was taken out of the request."""
        if self.kept is None:
            return False
        question = self.kept.reader.question(route, tenant, request, body, is_personal)
        if question is None:
            return False
        self._question = question
        self.found = self.kept.answers.find(question, at_s)
        if self.found is None and question.text and self.kept.encoder is not None:
            self._vector = await self.kept.encoder(question.text)
            self.found = self.kept.answers.find(question, at_s, self._vector)
        self.word = "miss" if self.found is None else "hit"
        return self.found is not None

    @property
    def keeps(self) -> bool:
        """Whether what the call comes to may be kept."""
        return self.word == "miss"

    def hear(self, chunks: Iterable[Chunk]) -> None:
        """A part of a stream has gone out."""
        if self.keeps:
            self._chunks += chunks

    def keep(
        self, deployment: str | None, answer: Body | None, usage: Body | None, at_s: float
    ) -> None:
        """The call has succeeded."""
        if not self.keeps or self.kept is None or self._question is None or not deployment:
            return
        chunks = None if answer is not None else self._chunks
        stored = Stored(deployment, usage, answer, chunks)
        self.kept.answers.keep(self._question, stored, at_s, self._vector)
