"""Who calls, and what each call cost: keys and ledger as the HTTP surface needs them."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from designer.catalog import Price
from runtime.driver import Done
from runtime.keys import check, has_keys
from runtime.ledger import NANO, Ledger, Row, cost_nano_usd, usage_of
from runtime.state.sqlite import connect


@dataclass(frozen=True, slots=True)
class Caller:
    key_id: str = ""
    user: str = ""
    team: str = ""
    project: str = ""

    @property
    def tenant(self) -> str:
        """Who shares answers: a team or, of a key without one, the key alone."""
        return f"team {self.team}" if self.team else f"key {self.key_id}" if self.key_id else ""


ANYBODY = Caller()


@dataclass(frozen=True, slots=True)
class Priced:
    """What the ledger writes about a deployment."""

    provider: str
    model: str
    price: Price | None
    """None: unknown, and booked as unknown."""
    catalog_date: str


class Books:
    """One state file: virtual keys and the ledger. As soon as it holds a key, callers need one."""

    def __init__(self, path: Path, deployments: Mapping[str, Priced]) -> None:
        """Raises StateError when the file cannot be used."""
        self._ledger = Ledger(path)
        self._keys: sqlite3.Connection = connect(path)
        self.deployments = deployments

    async def caller(self, key: str) -> Caller | None:
        """None when a key is asked for and this is none."""
        found = check(self._keys, key) if key else None
        if found is not None:
            return Caller(found.id, found.user, found.team, found.project)
        return None if has_keys(self._keys) else ANYBODY

    def trouble(self) -> str | None:
        """Why nothing could be booked just now, None when all is well."""
        return self._ledger.trouble()

    async def settle(
        self, done: Done, route: str, request_id: str, caller: Caller, user: str, at_s: float
    ) -> str:
        """Book a finished call; returns its cost in USD, `unknown` where nobody knows it.

        Booked is the deployment that answered, at its price; an answer from the cache costs nothing,
        and what it would have cost is booked as saved. Raises StateError when the row could
        not be written: an answer that cannot be booked is not given.
        """
        served_by = done.finish.served_by or ""
        known = self.deployments.get(served_by)
        usage = usage_of(done.usage) if served_by else None
        is_hit = done.cache == "hit"
        priced = None
        if known is not None and known.price is not None and usage is not None:
            priced = cost_nano_usd(known.price, usage)
        cost = 0 if is_hit or not served_by else priced
        billed = None if is_hit else usage
        await self._ledger.record(
            Row(
                request_id=request_id,
                at_ms=round(at_s * 1000),
                status=done.finish.status,
                route=route,
                deployment=served_by,
                provider=known.provider if known else "",
                model=known.model if known else "",
                prompt_tokens=billed.prompt_tokens if billed else 0,
                completion_tokens=billed.completion_tokens if billed else 0,
                cached_tokens=billed.cached_tokens if billed else 0,
                is_estimated=bool(served_by) and usage is None and not is_hit,
                cost_nano_usd=cost,
                price_input=str(known.price.input) if known and known.price else "",
                price_output=str(known.price.output) if known and known.price else "",
                catalog_date=known.catalog_date if known else "",
                key_id=caller.key_id,
                user=caller.user or user,
                team=caller.team,
                project=caller.project,
                attempts=len(done.tried),
                failed_attempts=sum(t.outcome != "200" for t in done.tried),
                redactions=done.redactions,
                arm=done.arm,
                cache=done.cache,
                saved_nano_usd=(priced or 0) if is_hit else 0,
                unchecked=",".join(done.unchecked),
            )
        )
        return "unknown" if cost is None else usd_text(cost)

    async def close(self) -> None:
        self._keys.close()
        self._ledger.close()


def usd_text(nano_usd: int) -> str:
    """Digits without an exponent: `0.0000205`."""
    text = format(Decimal(nano_usd) / NANO, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
