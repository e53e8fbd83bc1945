"""Who calls, what they may, and what each call cost: keys, limits and ledger as the HTTP surface needs them."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from designer.catalog import Offering
from designer.engine.events import Usage
from designer.ir import Ref, Routing, Target, walk
from runtime.callers import Callers
from runtime.driver import Done
from runtime.ledger import Billed, Ledger, Row, cost_nano_usd, usage_of, usd_text
from runtime.limits.alerts import Alerts
from runtime.limits.binding import Rule, of_configuration, of_request
from runtime.limits.bounds import MAX_TOKENS_WORD, Terms
from runtime.limits.counting import LEASE_S, Counting
from runtime.limits.tab import UNKNOWN, Attempted, Priced, Rules, Spent, Tab
from runtime.limits.windows import Windows
from runtime.state.base import Counters, Orphan
from runtime.state.sqlite import SqliteDatabase, connect
from runtime.state.sqlite_counters import SqliteCounters
from runtime.state.sqlite_writer import SqliteWriter

__all__ = ["ANYBODY", "Books", "Caller", "Priced", "terms_of"]

_NOBODY: Final = Spent(Usage(), 0)
_DIED: Final = "process_ended"


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


class Books:
    """One state file: virtual keys, limits and the ledger. As soon as it holds a key, callers need one."""

    def __init__(
        self,
        path: Path,
        deployments: Mapping[str, Priced],
        *,
        counters: Counters | None = None,
        ledger: Ledger | None = None,
        zone: ZoneInfo | None = None,
        fails_open: bool = False,
        max_request_usd: Decimal | None = None,
        lease_s: float = LEASE_S,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """What is used up is counted in the state file, or where `counters` say.

        `max_request_usd` is the most that any one request may cost.

        Raises StateError when the file cannot be used.
        """
        database = SqliteDatabase(path)
        writer = SqliteWriter(database)
        self._own_writer = writer
        self._ledger = ledger or Ledger(database, writer)
        self._books_at_once = counters is None and ledger is None
        """Whether rows and what settles their holds are written by one writer."""
        self._keys: sqlite3.Connection = connect(path)
        self._callers = Callers(self._keys, writer.version)
        self.deployments = deployments
        self.max_request_usd = max_request_usd
        self._windows = Windows(zone or ZoneInfo("UTC"))
        self._configured: Mapping[tuple[str, str], Sequence[Rule]] = {}
        self._routing = Routing((), ())
        self._candidates: dict[str, Mapping[str, Priced]] = {}
        self._counting = Counting(
            counters or SqliteCounters(writer),
            wall_clock,
            self._bury,
            fails_open=fails_open,
            lease_s=lease_s,
            ledger=self._ledger.name,
        )
        self.alerts: Final = Alerts(self._counting)

    def bind(self, routing: Routing) -> None:
        """Keep the limits of this configuration from now on, and settle what dead processes left."""
        self._routing = routing
        self._configured = of_configuration(routing.budgets, routing.rate_limits)
        self._candidates = {}
        self._counting.start()

    async def caller(self, key: str) -> Caller | None:
        """None when a key is asked for and this is none."""
        found = self._callers.of(key) if key else None
        if found is not None:
            return Caller(found.id, found.user, found.team, found.project)
        return None if self._callers.are_asked() else ANYBODY

    def trouble(self) -> str | None:
        """Why nothing could be booked just now, None when all is well."""
        return self._ledger.trouble()

    # --- Before a call ---------------------------------------------------------------------------

    def open(
        self,
        request_id: str,
        caller: Caller,
        route: str,
        body: dict[str, Any],
        at_s: float,
    ) -> Tab:
        """The tab of one request, on which nothing is held yet.

        What is noted of it names no user but the key's: nobody has looked into the request yet.
        """
        led = self._routing.led(caller.team, route)
        name = self._routing.route(led).name if self._routing.has_route(led) else led
        at_ms = round(at_s * 1000)

        def note() -> str:
            return orjson.dumps(
                {
                    "at_ms": at_ms,
                    "route": route,
                    "key_id": caller.key_id,
                    "user": caller.user,
                    "team": caller.team,
                    "project": caller.project,
                }
            ).decode()

        return Tab(
            request_id,
            at_ms,
            Rules(tuple(self._own(caller, name)), self._of_deployment, self._limits_deployments),
            self._led_to(name),
            body,
            self._counting,
            self._windows,
            note,
            self.alerts,
        )

    def _own(self, caller: Caller, route: str) -> Iterator[Rule]:
        if self.max_request_usd is not None:
            yield of_request(self.max_request_usd)
        for whose in (("all", ""), ("route", route), ("team", caller.team)):
            yield from self._configured.get(whose, ())
        if caller is not ANYBODY:
            yield from self._callers.rules_of(
                ("key", caller.key_id),
                ("user", caller.user),
                ("team", caller.team),
                ("project", caller.project),
            )

    def _of_deployment(self, deployment: str) -> Sequence[Rule]:
        return self._configured.get(("deployment", deployment), ())

    @property
    def _limits_deployments(self) -> bool:
        return any(scope == "deployment" for scope, _ in self._configured)

    def _led_to(self, route: str) -> Mapping[str, Priced]:
        """The deployments that a request for a route can come to."""
        if route not in self._candidates:
            ids = dict.fromkeys(reachable(self._routing, route))
            self._candidates[route] = {id_: self.deployments.get(id_, UNKNOWN) for id_ in ids}
        return self._candidates[route]

    # --- After it --------------------------------------------------------------------------------

    async def settle(
        self, done: Done, tab: Tab, route: str, caller: Caller, user: str, at_s: float
    ) -> str:
        """Book a finished call; returns its cost in USD, `unknown` where nobody knows it.

        Booked is every attempt that was billed or may have been. Raises StateError when the row could
        not be written: an answer that cannot be booked is not given.
        """
        row = _row(done, tab, route, caller, user, at_s)
        if done.cache == "hit":
            row = self._from_cache(row, done)
        try:
            booked = self._ledger.begin(row)
            if self._books_at_once:  # in one transaction
                await tab.settle()
            await booked
        finally:
            await tab.settle()
        return "unknown" if row.cost_nano_usd is None else usd_text(row.cost_nano_usd)

    def _from_cache(self, row: Row, done: Done) -> Row:
        """Nothing was sent; what it would have cost is saved, as far as its price is known."""
        known = self.deployments.get(row.deployment, UNKNOWN)
        usage, price = usage_of(done.usage), known.price
        return replace(
            row,
            provider=known.provider,
            model=known.model,
            price_input=str(price.input) if price else "",
            price_output=str(price.output) if price else "",
            catalog_date=known.catalog_date,
            saved_nano_usd=cost_nano_usd(price, usage) if price and usage else 0,
        )

    async def _bury(self, orphan: Orphan) -> Mapping[str, int]:
        """Book a request whose process ended before it did: at the most that it can have cost."""
        money = {n: amount for n, amount in orphan.amounts.items() if ":usd/" in n}
        own = [amount for name, amount in money.items() if not name.startswith("deployment:")]
        cost = max(own or money.values(), default=None)
        if await self._ledger.record(_orphaned(orphan, cost)):
            return orphan.amounts
        known = await self._ledger.cost_of(orphan.id)
        return {**orphan.amounts, **({} if known is None else dict.fromkeys(money, known))}

    async def close(self) -> None:
        await self._counting.close()
        self._keys.close()
        self._ledger.close()
        self._own_writer.close()


def terms_of(offering: Offering | None, embeds: bool, max_tokens: int | None = None) -> Terms:
    """`max_tokens` is a limit of the deployment's own."""
    if offering is None:
        return Terms(
            max_output_tokens=max_tokens, embeds=embeds, forces_limit=max_tokens is not None
        )
    known = [n for n in (max_tokens, offering.max_output_tokens) if n]
    word = MAX_TOKENS_WORD.get(offering.provider, "max_tokens")
    context = offering.context_tokens or None
    limit = min(known, default=None)
    return Terms(context, limit, word, embeds, forces_limit=max_tokens is not None)


def reachable(routing: Routing, route: str) -> Iterator[str]:
    """Ids of the deployments that a request for a route can come to, `Ref`s followed."""
    seen, ahead = {route}, [route]
    while ahead:
        name = ahead.pop()
        if not routing.has_route(name):
            continue
        for node in walk(routing.route(name).node):
            if isinstance(node, Target):
                yield node.deployment
            elif isinstance(node, Ref) and node.route not in seen:
                seen.add(node.route)
                ahead.append(node.route)


# --- Rows -----------------------------------------------------------------------------------------


def _row(done: Done, tab: Tab, route: str, caller: Caller, user: str, at_s: float) -> Row:
    served_by = done.finish.served_by or ""
    last = tab.attempts[-1] if tab.attempts else None
    answered = last if last is not None and last.deployment == served_by else None
    failed = [attempt for attempt in tab.attempts if attempt is not answered]
    own = answered.spent() if answered is not None else _NOBODY
    billed = [_billed(attempt, attempt.spent()) for attempt in failed]
    billed = [one for one in billed if one.cost_nano_usd != 0]
    extra = [one.cost_nano_usd for one in billed]
    costs = [own.cost_nano_usd, *extra]
    known = answered.known if answered is not None else UNKNOWN
    return Row(
        request_id=tab.id,
        at_ms=round(at_s * 1000),
        status=done.finish.status,
        route=route,
        deployment=served_by,
        provider=known.provider,
        model=known.model,
        prompt_tokens=own.usage.prompt_tokens,
        completion_tokens=own.usage.completion_tokens,
        cached_tokens=own.usage.cached_tokens,
        is_estimated=int(own.is_estimated or any(one.is_estimated for one in billed)),
        cost_nano_usd=None if None in costs else sum(cost or 0 for cost in costs),
        price_input=str(known.price.input) if known.price else "",
        price_output=str(known.price.output) if known.price else "",
        catalog_date=known.catalog_date,
        key_id=caller.key_id,
        user=caller.user or user,
        team=caller.team,
        project=caller.project,
        attempts=len(tab.attempts),
        failed_attempts=sum(attempt.outcome != "200" for attempt in tab.attempts),
        redactions=done.redactions,
        arm=done.arm,
        cache=done.cache,
        unchecked=",".join(done.unchecked),
        extra_nano_usd=sum(cost or 0 for cost in extra),
        saved_nano_usd=own.saved_nano_usd,
        failed=tuple(billed),
    )


def _billed(attempt: Attempted, spent: Spent) -> Billed:
    return Billed(
        deployment=attempt.deployment,
        provider=attempt.known.provider,
        model=attempt.known.model,
        outcome=attempt.outcome,
        prompt_tokens=spent.usage.prompt_tokens,
        completion_tokens=spent.usage.completion_tokens,
        cached_tokens=spent.usage.cached_tokens,
        is_estimated=int(spent.is_estimated),
        cost_nano_usd=spent.cost_nano_usd,
    )


def _orphaned(orphan: Orphan, cost: int | None) -> Row:
    try:
        said = orjson.loads(orphan.note)
    except orjson.JSONDecodeError:
        said = {}
    died = Billed("", "", "", _DIED, is_estimated=1, cost_nano_usd=cost)
    return Row(
        request_id=orphan.id,
        at_ms=said.get("at_ms", 0),
        status=503,
        route=said.get("route", ""),
        is_estimated=1,
        cost_nano_usd=cost,
        key_id=said.get("key_id", ""),
        user=said.get("user", ""),
        team=said.get("team", ""),
        project=said.get("project", ""),
        attempts=1,
        failed_attempts=1,
        extra_nano_usd=cost or 0,
        failed=(died,),
    )
