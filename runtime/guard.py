"""Guardrails at work on one request: what goes in, what comes out, whole or as it streams.

A rail that cannot look at something is `broken`; one that fails closed then lets nothing through, and one
that fails open is named in `unchecked`. What a placeholder stands for is known here until the request ends.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from designer.ir import Guardrail
from runtime.deny import Denial, DeniedText, texts
from runtime.names import NameFinder
from runtime.redact import (
    ENTITIES,
    KNOWN,
    Named,
    RedactedText,
    Redactor,
    RestoredText,
    Restorer,
    TooDeepError,
    Vault,
    find,
    nobody,
    redact_request,
    redact_response,
    redact_string,
)
from runtime.streamed import FilteredStream
from runtime.upstream import Chunk, read_chunks

Body = dict[str, Any]
Stage = Literal["input", "output"]
Verdict = Literal["pass", "changed", "blocked", "broken"]

ALWAYS = frozenset({"api_key", "ip_address"})
"""Taken out wherever anything is: nobody asks for a prompt with a secret in it."""
_CALLED: dict[str, str] = {"ip": "ip_address"}
"""Entities by the names that dialects have for them."""
# What the rails themselves may raise on what a client or a provider sent.
_BREAKS = (TooDeepError, RecursionError, TimeoutError, ValueError)


@dataclass(frozen=True, slots=True)
class Inspection:
    verdict: Verdict
    body: Body
    found: int
    """How many entities; what they were is never kept."""


def inspect(
    rail: Guardrail,
    stage: Stage,
    body: Body,
    vault: Vault | None = None,
    named: Named = nobody,
) -> Inspection:
    """What the rail makes of a whole request or answer; `named` are names of the request."""
    try:
        match rail.kind:
            case "pii":
                return _inspect_pii(rail, stage, body, vault, named)
            case "deny":
                denial = Denial(rail.pattern, rail.ignore_case)
                found = any(denial.is_in(text) for text in texts(body))
                return Inspection("blocked" if found else "pass", body, int(found))
            case _:  # only a name here: its gateway keeps it elsewhere
                return Inspection("broken", body, 0)
    except _BREAKS:
        return Inspection("broken", body, 0)


def _inspect_pii(
    rail: Guardrail, stage: Stage, body: Body, vault: Vault | None, named: Named
) -> Inspection:
    """Personal data and secrets replaced, or found and blocked."""
    if stage == "input" and _is_tokens(body.get("input")):
        raise ValueError("a text in tokens cannot be read here")
    if stage == "input":
        redacted, taken = redact_request(body, entities_of(rail), vault, named)
    else:
        redacted, taken = redact_response(body, entities_of(rail), vault)
    if not taken.total:
        return Inspection("pass", body, 0)
    if rail.action == "block":
        return Inspection("blocked", body, taken.total)
    if stage == "output":
        redacted = _without_logprobs(redacted)
    return Inspection("changed", redacted, taken.total)


def entities_of(rail: Guardrail) -> frozenset[str]:
    """Raises ValueError where one cannot be found here."""
    if not rail.entities:
        return frozenset(ENTITIES)
    asked = frozenset(_CALLED.get(entity, entity) for entity in rail.entities) | ALWAYS
    if unknown := asked.difference(ENTITIES):
        cure = " (the extra `pii` does)" if unknown <= set(KNOWN) else ""
        raise ValueError(f"nothing here finds {', '.join(sorted(unknown))}{cure}")
    return asked


def unfit(rails: Iterable[Guardrail]) -> Iterator[str]:
    """The rails that cannot work here, and what that comes to."""
    for rail in rails:
        try:
            if rail.kind == "pii":
                entities_of(rail)
            elif rail.kind == "deny":
                Denial(rail.pattern, rail.ignore_case)
            else:
                raise ValueError("only its name is known here")
        except ValueError as error:
            so = "are refused" if rail.on_error == "block" else "go unchecked"
            yield f"guardrail {rail.name}: {error}; requests that it covers {so}"


def _found_by(rail: Guardrail) -> frozenset[str]:
    """What the rail asks for; everything, where not all of that can be found."""
    try:
        return entities_of(rail)
    except ValueError:
        return frozenset(ENTITIES)


def _is_tokens(value: Any) -> bool:
    """An embedding's input as numbers of tokens."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, int) or (isinstance(first, list) and _is_tokens(first))


def _without_logprobs(answer: Body) -> Body:
    """They spell out, token by token, what was taken out of the text."""
    choices = answer.get("choices")
    if not isinstance(choices, list):
        return answer
    return answer | {"choices": [choice | {"logprobs": None} for choice in choices]}


class Guard:
    """One request's guardrails. It ends with the request, and its placeholders' meaning with it."""

    def __init__(
        self,
        rails: Iterable[Guardrail],
        route: str,
        *,
        restores: bool = False,
        names: NameFinder | None = None,
    ) -> None:
        self._rails = tuple(rail for rail in rails if rail.covers(route))
        self._outputs = tuple(rail for rail in self._rails if "output" in rail.stages)
        self._restores = restores
        self._names = names
        self._named: Named | None = None
        """None: nobody has looked for names yet."""
        self._is_unread = False
        """Names were looked for in vain: any word may be one."""
        self._vault = Vault()
        self._asked: dict[str, str] = {}
        """What the caller's own values were replaced by, and may come back."""
        self._json_mode = False
        self._stream: FilteredStream | None = None
        self._stopped: tuple[Guardrail, Verdict] | None = None
        self._found = 0
        self.refusal = ""
        """What the rail that refused has to say about it."""
        self.unchecked: tuple[str, ...] = ()
        """Rails that could not look, and let pass."""

    @property
    def redactions(self) -> int:
        return self._found

    async def read(self, rail: Guardrail, body: Body) -> None:
        """Names are looked for before a rail that takes them out is asked, since that takes a while."""
        if self._names is None or rail.kind != "pii" or self._named or self._is_unread:
            return
        try:
            self._named = await self._names.named(body)
        except _BREAKS:
            self._is_unread = True

    def ask(self, rail: Guardrail, body: Body) -> Inspection:
        """The rail on a request."""
        if self._is_unread and rail.kind == "pii":
            if rail.on_error == "block":
                return self._noted(rail, Inspection("broken", body, 0))
            self._note(rail)  # what has a shape is taken out all the same
        named = self._named or nobody
        inspection = self._noted(rail, inspect(rail, "input", body, self._vault, named))
        self._asked = self._vault.values()
        self._json_mode = _asks_for_json(body)
        return inspection

    def answer(self, rail: Guardrail, body: Body) -> Inspection:
        """The rail on a whole answer."""
        return self._noted(rail, inspect(rail, "output", body, self._vault))

    def _noted(self, rail: Guardrail, inspection: Inspection) -> Inspection:
        self._found += inspection.found
        if inspection.verdict == "blocked":
            self.refusal = rail.message
        if inspection.verdict == "broken" and rail.on_error == "pass":
            self._note(rail)
        return inspection

    def _note(self, rail: Guardrail) -> None:
        self.unchecked = tuple(dict.fromkeys((*self.unchecked, rail.name)))

    # --- streams ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """Another deployment is asked: what the last one began to say is forgotten."""
        self._stopped, self._stream = None, None
        if self._outputs:
            filters = tuple(self._filter_of(rail) for rail in self._outputs)
            self._stream = FilteredStream(filters, keeps_logprobs=False)

    @property
    def reads_streams(self) -> bool:
        """Whether chunks have to be read for a rail, rather than passed on as they came."""
        return bool(self._outputs)

    def passed(self, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """Of what has come, and was held, what may go out. Nothing does once `is_stopped`."""
        return self._run(lambda stream: stream.feed(read_chunks(chunks)), chunks)

    def rest(self, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """The same, at the end of the stream."""
        return self._run(
            lambda stream: [*stream.feed(read_chunks(chunks)), *stream.close()], chunks
        )

    @property
    def is_stopped(self) -> bool:
        return self._stopped is not None

    def heard(self, rail: Guardrail) -> Verdict:
        """The rail on a stream that has gone through `rest`, or was stopped."""
        if rail not in self._outputs:
            return "broken"
        if self._stopped is not None and self._stopped[0] == rail:
            return self._stopped[1]
        return "pass"

    def _run(
        self, take: Callable[[FilteredStream], list[Body]], chunks: Sequence[Chunk]
    ) -> Sequence[Chunk]:
        if self._stopped is not None:
            return []
        if self._stream is None:
            return chunks
        try:
            return take(self._stream)
        except StoppedError as stopped:
            self._stopped = stopped.rail, stopped.verdict
            if stopped.verdict == "blocked":
                self.refusal = stopped.rail.message
            return []

    def _filter_of(self, rail: Guardrail) -> "_RailFilter":
        return _RailFilter(rail, self._vault, self._count, self._note)

    def _count(self, found: int) -> None:
        self._found += found

    # --- what is told of the caller ----------------------------------------------------------------

    def alias(self, name: str) -> str:
        """A name as it may be written down: where personal data is looked for, none of it stays in it.

        The same name has the same alias, so that spend can still be told by it.
        """
        rails = [r for r in self._rails if r.kind == "pii" and "input" in r.stages]
        if not rails or not name:
            return name
        named = self._named or nobody
        # Of a request that was refused before its names were looked for, any word may be one.
        may_be_a_name = self._is_unread or (self._names is not None and self._named is None)
        if not may_be_a_name and not any(
            find(name, _found_by(rail), named=named) for rail in rails
        ):
            return name
        return f"anon-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:16]}"

    # --- what the caller gets back ---------------------------------------------------------------

    def restored(self, answer: Body) -> Body:
        restorer = self._restorer()
        if restorer is None:
            return answer
        return {k: restorer.whole(v) if k == "choices" else v for k, v in answer.items()}

    def restored_stream(self) -> FilteredStream | None:
        """None where there is nothing that could come back."""
        restorer = self._restorer()
        return None if restorer is None else FilteredStream((_RestoreFilter(restorer),))

    def _restorer(self) -> Restorer | None:
        return Restorer(self._asked, self._json_mode) if self._restores and self._asked else None


def _asks_for_json(body: Body) -> bool:
    form = body.get("response_format")
    return isinstance(form, dict) and form.get("type") in ("json_object", "json_schema")


# --- one rail on the texts of a stream ------------------------------------------------------------


class StoppedError(Exception):
    """Nothing more of a stream may go out."""

    def __init__(self, rail: Guardrail, verdict: Verdict) -> None:
        super().__init__(f"{rail.name}: {verdict}")
        self.rail = rail
        self.verdict = verdict


class _Streamed(Protocol):
    def feed(self, text: str) -> str | None: ...

    def close(self) -> str | None: ...

    def rest(self) -> str: ...


@dataclass(slots=True)
class _RailFilter:
    rail: Guardrail
    vault: Vault
    count: Callable[[int], None]
    note: Callable[[Guardrail], None]

    def text(self, key: str) -> "_RailText":
        return _RailText(self, key)

    def open(self, key: str) -> _Streamed:
        """Raises what `_BREAKS` names."""
        match self.rail.kind:
            case "pii":
                return _PersonalText(self, key)
            case "deny":
                return DeniedText(Denial(self.rail.pattern, self.rail.ignore_case))
            case _:
                raise ValueError("only a name here")


class _PersonalText:
    """Redacted as it comes; what may be JSON is held until it is whole, since only then can it be read."""

    def __init__(self, filter_: _RailFilter, key: str) -> None:
        self._filter = filter_
        self._key = key
        self._redactor = Redactor(entities_of(filter_.rail), filter_.vault)
        self._plain = RedactedText(self._redactor)
        self._held = ""
        self._is_whole: bool | None = None
        """Whether the text is held until it ends; None until it says something."""
        self._counted = 0

    def feed(self, text: str) -> str | None:
        self._held += text
        if self._is_whole is None and (begun := self._held.lstrip()):
            self._is_whole = begun[0] in '{["'
        if self._is_whole is not False:
            return ""
        plain, self._held = self._held, ""
        return self._told(self._plain.feed(plain))

    def close(self) -> str | None:
        if self._is_whole is False:
            return self._told(self._plain.close())
        redacted = redact_string(self._redactor, self._held, self._key)
        self._held = ""
        return self._told(redacted)

    def rest(self) -> str:
        held, self._held = self._held, ""
        return held + self._plain.rest()

    def _told(self, text: str) -> str | None:
        found = self._redactor.counts.total()
        self._filter.count(found - self._counted)
        self._counted = found
        return None if found and self._filter.rail.action == "block" else text


class _RailText:
    """One text under one rail; stops the stream, or lets pass unchecked where the rail says so."""

    def __init__(self, filter_: _RailFilter, key: str) -> None:
        self._filter = filter_
        self._key = key
        self._streamed: _Streamed | None = None
        self._is_open = False
        """The rail broke, and lets pass."""

    def feed(self, text: str) -> str:
        return text if self._is_open else self._checked(lambda it: it.feed(text), text)

    def close(self) -> str:
        return "" if self._is_open else self._checked(lambda it: it.close(), "")

    def _checked(self, ask: Callable[[_Streamed], str | None], coming: str) -> str:
        rail = self._filter.rail
        try:
            if self._streamed is None:
                self._streamed = self._filter.open(self._key)
            safe = ask(self._streamed)
        except _BREAKS as error:
            if rail.on_error == "block":
                raise StoppedError(rail, "broken") from error
            self._is_open = True
            self._filter.note(rail)
            # A text that was open had taken in what was coming before it broke.
            return coming if self._streamed is None else self._streamed.rest()
        if safe is None:
            raise StoppedError(rail, "blocked")
        return safe


@dataclass(slots=True)
class _RestoreFilter:
    restorer: Restorer

    def text(self, key: str) -> RestoredText:
        return RestoredText(self.restorer, key)
