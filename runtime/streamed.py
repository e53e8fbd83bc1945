"""A stream's chunks with every text in them led through filters, whatever the borders of the chunks.

A filter may hold text back and give it later: what is left comes before the choice that it belongs to goes
on to another text, or ends. Nothing else of a chunk is held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

Body = dict[str, Any]
_Path = tuple[str | int, ...]

# Texts that come in pieces; any other string comes whole.
_IN_PIECES: Final = frozenset(
    (
        "content",
        "refusal",
        "reasoning_content",
        "reasoning",
        "thinking",
        "arguments",
        "text",
        "transcript",
    )
)
# Words of the API, not of the model.
_STRUCTURE: Final = frozenset(("role", "id", "type", "object", "format", "signature"))


class TextFilter(Protocol):
    def feed(self, text: str) -> str: ...

    def close(self) -> str: ...


class Filter(Protocol):
    def text(self, key: str) -> TextFilter:
        """A filter for a text that stands under `key`."""


class _Chain:
    """One text through all filters, in their order."""

    def __init__(self, filters: Sequence[Filter], key: str) -> None:
        self._filters = [filter_.text(key) for filter_ in filters]

    def feed(self, text: str) -> str:
        for filter_ in self._filters:
            text = filter_.feed(text)
        return text

    def close(self) -> str:
        text = ""
        for filter_ in self._filters:
            text = filter_.feed(text) + filter_.close() if text else filter_.close()
        return text


@dataclass(slots=True)
class _Choice:
    texts: dict[_Path, _Chain] = field(default_factory=dict)
    """Begun and not closed, in the order in which they began."""
    like: Body = field(default_factory=dict)
    """A chunk of it, for what else a chunk says."""


class FilteredStream:
    """One attempt's stream. Whatever a filter raises ends it."""

    def __init__(self, filters: Sequence[Filter], *, keeps_logprobs: bool = True) -> None:
        self._filters = filters
        self._keeps_logprobs = keeps_logprobs
        self._choices: dict[int, _Choice] = {}

    def feed(self, chunks: Sequence[Body]) -> list[Body]:
        return [sent for chunk in chunks for sent in self._of_chunk(chunk)]

    def close(self) -> list[Body]:
        """What is held still, where a choice was never ended."""
        return [sent for index in tuple(self._choices) for sent in self._ended(index)]

    def _of_chunk(self, chunk: Body) -> Iterator[Body]:
        choices, before = [], []
        for choice in chunk.get("choices") or ():
            index = choice.get("index", 0)
            state = self._choices.setdefault(index, _Choice())
            state.like = chunk
            delta = choice.get("delta")
            changed = dict(choice)
            if isinstance(delta, dict):
                gone_on = self._gone_on(state, index, delta)
                changed["delta"] = self._filtered(state, delta, ())
                before += gone_on
            if not self._keeps_logprobs and changed.get("logprobs") is not None:
                changed["logprobs"] = None
            if choice.get("finish_reason"):
                rest = self._ended(index)
                if rest and changed.get("delta"):  # what this chunk says itself comes first
                    before.append(_like(chunk, index, changed["delta"]))
                    changed["delta"] = {}
                before += rest
            choices.append(changed)
        yield from before
        yield {**chunk, "choices": choices} if choices else chunk

    def _gone_on(self, state: _Choice, index: int, delta: Body) -> list[Body]:
        """The rest of the texts that a new one follows."""
        begun = [path for path in _paths(delta, ()) if path not in state.texts]
        return self._closed(state, index) if begun and state.texts else []

    def _ended(self, index: int) -> list[Body]:
        return self._closed(self._choices[index], index)

    def _closed(self, state: _Choice, index: int) -> list[Body]:
        rests = [(path, chain.close()) for path, chain in state.texts.items()]
        state.texts.clear()
        return [_like(state.like, index, _at(path, rest)) for path, rest in rests if rest]

    def _filtered(self, state: _Choice, value: Any, path: _Path) -> Any:
        match value:
            case str() if _is_text(path) and value:
                if not _is_in_pieces(path):
                    chain = _Chain(self._filters, str(path[-1]))
                    return chain.feed(value) + chain.close()
                if path not in state.texts:
                    state.texts[path] = _Chain(self._filters, str(path[-1]))
                return state.texts[path].feed(value)
            case dict():
                return {k: self._filtered(state, v, (*path, k)) for k, v in value.items()}
            case list():
                return [
                    self._filtered(state, v, (*path, _index(v, n))) for n, v in enumerate(value)
                ]
        return value


def _paths(value: Any, path: _Path) -> Iterator[_Path]:
    """Of the texts in pieces that a delta goes on with."""
    match value:
        case str():
            if value and _is_text(path) and _is_in_pieces(path):
                yield path
        case dict():
            for name, item in value.items():
                yield from _paths(item, (*path, name))
        case list():
            for number, item in enumerate(value):
                yield from _paths(item, (*path, _index(item, number)))


def _is_text(path: _Path) -> bool:
    return _name(path) not in _STRUCTURE


def _is_in_pieces(path: _Path) -> bool:
    return _name(path) in _IN_PIECES


def _name(path: _Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _index(item: Any, number: int) -> int:
    index = item.get("index", number) if isinstance(item, dict) else number
    return index if isinstance(index, int) else number


def _at(path: _Path, text: str) -> Body:
    """A delta that says `text` at `path`."""
    value: Any = text
    for part in reversed(path):
        if isinstance(part, int):
            value = [{"index": part, **value} if isinstance(value, dict) else value]
        else:
            value = {part: value}
    return dict(value)


def _like(chunk: Body, index: int, delta: Body) -> Body:
    choice = {"index": index, "delta": delta, "finish_reason": None}
    return {k: v for k, v in chunk.items() if k != "usage"} | {"choices": [choice]}
