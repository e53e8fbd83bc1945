"""What can be wrong with a provider, for which requests, and for how long."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Final

DELAYS: Final = frozenset({"latency", "slow_first_token"})
"""Kinds that only make an answer later; they combine with one of the others."""
STREAM_KINDS: Final = frozenset(
    {"cut_stream", "stall_stream", "malformed_chunk", "no_done", "stream_error"}
)
"""Kinds of which a stream shows where they struck; an answer in one piece is broken as a whole."""
_UNSTREAMED: Final = {
    "cut_stream": "reset",
    "stall_stream": "timeout",
    "stream_error": "http",
    "malformed_chunk": "malformed",
}
"""What they are to an answer in one piece, as on paper (`designer.engine.outcomes`); `no_done` is nothing."""
KINDS: Final = (
    DELAYS
    | STREAM_KINDS
    | {
        *("http", "rate_limit", "down", "exhausted", "timeout", "refuse_connection", "reset"),
        *("malformed", "empty", "context_length", "content_policy", "reject_prefill"),
    }
)
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class FaultError(ValueError):
    """A fault that was described wrongly."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    deployment: str = "*"
    """A glob, as are `provider` and `model`."""
    provider: str = "*"
    model: str = "*"
    status: int | None = None
    """What is answered; None for what the kind usually answers."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Text, or JSON, to answer with; None for what the provider would say."""
    retry_after_s: float | None = None
    delay_s: float = 1.0
    """For the kinds that make an answer later."""
    after_chunks: int = 3
    """Chunks with content that a stream's fault lets through."""
    graceful: bool = False
    """A cut stream ends like a whole one, as behind some proxies, and not with a lost connection."""
    times: int | None = None
    """Requests it befalls; None is all of them."""
    lasts_s: float | None = None
    """From when it was set."""
    share: float = 1.0
    """Of the requests it matches, evenly spread."""
    message: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"unknown kind {self.kind!r}; there are {', '.join(sorted(KINDS))}")
        if not 100 <= (self.status or 503) <= 599 or not 0 <= self.share <= 1:
            raise FaultError("status is 100 to 599 and share 0 to 1")

    def matches(self, deployment: str, provider: str, model: str) -> bool:
        return (
            fnmatchcase(deployment, self.deployment)
            and fnmatchcase(provider, self.provider)
            and fnmatchcase(model, self.model)
        )


def unstreamed(fault: Fault) -> Fault | None:
    """What a stream's fault is to an answer in one piece."""
    kind = _UNSTREAMED.get(fault.kind)
    status = 500 if fault.kind == "stream_error" else None
    return None if kind is None else replace(fault, kind=kind, status=status)


def fault_of(description: Any) -> Fault:
    """A fault as JSON says it: the fields above, with scenario spellings (`target`, `2s`, `40%`)."""
    if not isinstance(description, dict):
        raise FaultError("a fault is an object")
    values = dict(description)
    target = values.pop("target", {})
    if not isinstance(target, dict):
        raise FaultError("target is an object")
    values |= target
    for short in ("retry_after", "delay", "lasts"):
        if short in values:
            values[f"{short}_s"] = values.pop(short)
    unknown = set(values) - {f.name for f in fields(Fault)}
    if unknown:
        raise FaultError(f"unknown field {', '.join(sorted(unknown))}")
    if "kind" not in values:
        raise FaultError("a fault has a kind")
    for name in ("retry_after_s", "delay_s", "lasts_s"):
        if values.get(name) is not None:
            values[name] = _seconds(values[name])
    if "share" in values:
        values["share"] = _share(values["share"])
    try:
        return Fault(**values)
    except TypeError as error:
        raise FaultError(f"a field has the wrong type: {error}") from error


def _seconds(value: Any) -> float:
    match = _DURATION.fullmatch(str(value))
    if match is None:
        raise FaultError(f"{value!r} is not a duration")
    return float(match[1]) * _SECONDS[match[2]]


def _share(value: Any) -> float:
    try:
        text = str(value).strip()
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise FaultError(f"{value!r} is not a share") from error


@dataclass(slots=True)
class _Set:
    fault: Fault
    at: float
    matched: int = 0
    befallen: int = 0


class Faults:
    """The faults that are set, and how often each has happened. Changed by every request."""

    def __init__(self) -> None:
        self._set: list[_Set] = []

    def add(self, fault: Fault, at: float) -> None:
        """`at` may be later than now: the fault begins then."""
        self._set.append(_Set(fault, at))

    def clear(self) -> None:
        self._set.clear()

    def __iter__(self) -> Iterator[Fault]:
        return iter([entry.fault for entry in self._set])

    def befalling(self, deployment: str, provider: str, model: str, at: float) -> list[Fault]:
        """The faults that this request meets: all that delay it and the first of the others."""
        found: list[Fault] = []
        for entry in self._set:
            fault = entry.fault
            is_taken = fault.kind not in DELAYS and any(f.kind not in DELAYS for f in found)
            if is_taken or not fault.matches(deployment, provider, model) or not _is_on(entry, at):
                continue
            entry.matched += 1
            if int(entry.matched * fault.share) > entry.befallen:
                entry.befallen += 1
                found.append(fault)
        return found


def _is_on(entry: _Set, at: float) -> bool:
    fault = entry.fault
    is_used_up = fault.times is not None and entry.befallen >= fault.times
    is_over = fault.lasts_s is not None and at >= entry.at + fault.lasts_s
    return entry.at <= at and not (is_used_up or is_over)
