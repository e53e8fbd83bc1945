"""One request to a real gateway as its providers and its caller saw it."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import httpx
from msgspec import Struct

from designer.engine.outcomes import Outcome

_PATIENCE_S = 120.0
MARK = "seed"
"""The request parameter that tells requests apart at the provider: gateways hand it on untouched."""


class Reached(Struct, frozen=True):
    """A request that reached the scripted provider."""

    label: str
    at_s: float
    """Since some moment before."""


class Provider(Protocol):
    """Stands in for every deployment of every case; each has a label there."""

    def url(self, label: str) -> str:
        """Where it answers, without the version at the end."""

    def script(self, label: str, outcomes: tuple[Outcome, ...]) -> None: ...

    def reached(self, mark: int) -> Iterable[Reached]:
        """The requests with this mark."""


class Asked(Struct, frozen=True):
    """How a case's requests are put to a running gateway."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    at_s: float = 0.0


class Tried(Struct, frozen=True):
    deployment: str
    at_s: float
    """Since the first attempt of the request."""


class Observed(Struct, frozen=True):
    attempts: tuple[Tried, ...]
    status: int
    told: bool | None
    """Of a stream, whether the caller learnt of a failure: by the status, inside it, or by its breaking off."""
    served_by: str | None
    text: str = ""
    """The beginning of what the caller got, for people."""

    def as_json(self) -> dict[str, Any]:
        attempts = [{"deployment": t.deployment, "at_s": round(t.at_s, 3)} for t in self.attempts]
        final = {"status": self.status, "served_by": self.served_by, "told": self.told}
        return {"attempts": attempts, "final": final}


class Answered(Struct, frozen=True):
    status: int
    text: str
    broke_off: bool = False
    at_s: float = 0.0
    """When it was whole, since the case began."""


def ask(asked: Asked) -> Answered:
    """Raises httpx.TransportError when the gateway cannot be reached."""
    began_s = time.monotonic()
    time.sleep(asked.at_s)
    broke_off = False
    pieces: list[str] = []
    with httpx.stream(
        "POST",
        asked.url,
        headers=dict(asked.headers),
        json=dict(asked.body),
        timeout=_PATIENCE_S,
        trust_env=False,
    ) as response:
        try:
            pieces.extend(response.iter_text())
        except httpx.RemoteProtocolError:
            broke_off = True
    took_s = time.monotonic() - began_s
    return Answered(response.status_code, "".join(pieces), broke_off, took_s)


def observed(
    asked: Asked, answer: Answered, reached: Iterable[Reached], names: Mapping[str, str]
) -> Observed:
    """`names` are the deployments by their label."""
    mine = sorted(reached, key=lambda r: r.at_s)
    start_s = mine[0].at_s if mine else 0.0
    attempts = tuple(Tried(names.get(r.label, r.label), r.at_s - start_s) for r in mine)
    told = answer.status >= 400 or answer.broke_off or _says_error(answer.text)
    served = attempts[-1].deployment if attempts and 200 <= answer.status < 300 else None
    said = told if asked.body.get("stream") else None
    return Observed(attempts, answer.status, said, served, answer.text[:300])


def _says_error(text: str) -> bool:
    """Whether an answer, plain or streamed, carries an error."""
    lines = [line.removeprefix("data: ") for line in text.splitlines()] or [text]
    return any(_is_error(line) for line in (*lines, text) if '"error"' in line)


def _is_error(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return True
    return isinstance(value, dict) and bool(value.get("error"))
