"""What one request holds of its limits, what its attempts cost, and why it had to be refused.

Held before anything is sent: the most that its route's dearest deployment can cost. Before each further
attempt the hold is raised by what earlier ones may have cost, so that no account is ever exceeded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from designer.catalog import Price
from designer.engine.events import Ended, Event, Failed, Usage
from runtime.ledger import cost_nano_usd, usage_of, usd_text, written_tokens
from runtime.limits.alerts import Alerts
from runtime.limits.binding import Bind, Rule, Unit
from runtime.limits.bounds import (
    Bound,
    Terms,
    asked_for,
    asks_priority,
    bound_of,
    input_bound,
    is_free,
    limited,
    worst_nano_usd,
)
from runtime.limits.counting import Counting
from runtime.limits.windows import Windows
from runtime.state.base import Short, StateError, Want

Body = dict[str, Any]

_SOON_S: Final = 1
"""When to come again where only what others hold is in the way."""


class Priced(Struct, frozen=True):
    """What is known of a deployment: for the ledger, and for what it can cost."""

    provider: str
    model: str
    price: Price | None
    """None: unknown, and booked as unknown."""
    catalog_date: str
    terms: Terms = Terms()


UNKNOWN: Final = Priced("", "", None, "")


class Refusal(Struct, frozen=True):
    status: int
    code: str
    message: str
    retry_after_s: int | None = None
    """None: asking again later does not help."""


class Spent(Struct, frozen=True):
    """What an attempt used and cost, or at most can have."""

    usage: Usage
    cost_nano_usd: int | None
    """None: nobody knows."""
    is_estimated: bool = False
    saved_nano_usd: int = 0

    @property
    def tokens(self) -> int:
        return self.usage.prompt_tokens + self.usage.completion_tokens


class Attempted(Struct):
    """One request that was sent to a deployment. It is open until its event has come."""

    deployment: str
    known: Priced
    body: Body
    outcome: str = "client_left"
    usage: Mapping[str, Any] | None = None
    _bound: Bound | None = None
    _spent: Spent | None = None

    def bound(self) -> Bound:
        if self._bound is None:
            self._bound = bound_of(self.body, self.known.terms, input_bound(self.body))
        return self._bound

    def worst_nano_usd(self) -> int | None:
        return _worst(self.known, self.body, self.bound())

    def end(self, outcome: str, usage: Mapping[str, Any] | None) -> None:
        self.outcome, self.usage, self._spent = outcome, usage, None

    def spent(self) -> Spent:
        """As the provider said; nothing where that is sure; else the most it can have been."""
        if self._spent is None:
            self._spent = self._reckoned()
        return self._spent

    def _reckoned(self) -> Spent:
        usage = usage_of(self.usage)
        if usage is not None:
            return self._told(usage)
        if is_free(self.known.provider, self.outcome):
            return Spent(Usage(), 0)
        bound = self.bound()
        used = Usage(bound.input_tokens or 0, (bound.output_tokens or 0) * bound.choices)
        return Spent(used, _worst(self.known, self.body, bound), is_estimated=True)

    def _told(self, usage: Usage) -> Spent:
        price = self.known.price
        if price is None:
            return Spent(usage, None)
        written = min(written_tokens(self.usage), usage.prompt_tokens - usage.cached_tokens)
        cost = cost_nano_usd(price, usage, cache_write_tokens=written)
        if not (written or usage.cached_tokens):
            return Spent(usage, cost)
        plain = cost_nano_usd(price, Usage(usage.prompt_tokens, usage.completion_tokens))
        return Spent(usage, cost, saved_nano_usd=max(plain - cost, 0))


class Rules(Struct, frozen=True):
    """The limits that a request meets: its own from the start, a deployment's when that is asked."""

    own: Sequence[Rule]
    of_deployment: Callable[[str], Sequence[Rule]]
    any_deployment: bool
    """Whether some deployment has limits at all."""

    def __bool__(self) -> bool:
        return bool(self.own) or self.any_deployment


class Tab:
    """Changes as its request goes on: `attempts`, `refusal`, what is held."""

    def __init__(
        self,
        id_: str,
        at_ms: int,
        rules: Rules,
        candidates: Mapping[str, Priced],
        body: Body,
        counting: Counting,
        windows: Windows,
        note: Callable[[], str],
        alerts: Alerts,
    ) -> None:
        """`candidates` are the deployments that its route can lead to."""
        self.id: Final = id_
        self.at_ms: Final = at_ms
        self.attempts: Final[list[Attempted]] = []
        self.refusal: Refusal | None = None
        self.is_counted = True
        """False: the count could not be reached, and the request went on all the same."""
        self._rules = rules
        self._candidates = candidates
        self._body = body
        self._counting = counting
        self._windows = windows
        self._note = note
        self._alerts = alerts
        self._alerting: set[Bind] = set()
        """Budgets that something was held of and that somebody wants to be told of."""
        self._binds = [r.bind(windows, at_ms) for r in rules.own if r.per != "request"]
        self._held: dict[str, tuple[Bind, str]] = {}
        """By account: its limit, and whose attempts count; empty for those of the whole request."""
        self._amounts: dict[str, int] = {}
        """By account: how much of it is held."""

    # --- What the driver asks ----------------------------------------------------------------------

    async def reserve(self) -> str | None:
        """Hold the most that the request can use; the failure token of what has no room."""
        if not self._rules.own:
            return None
        size = input_bound(self._body)
        bounds = {
            d: bound_of(self._body, known.terms, size) for d, known in self._candidates.items()
        }
        worst = [_worst(known, self._body, bounds[d]) for d, known in self._candidates.items()]
        prices = [price for price in worst if price is not None]
        tokens = [bound.tokens for bound in bounds.values() if bound.tokens is not None]
        problem = self._problem(prices, tokens)
        if problem is not None:
            return self._refuse(problem)
        return await self._reserve(
            max(prices, default=0), min(prices, default=0), max(tokens, default=0)
        )

    async def admit(self, deployment: str, body: Body) -> Body | None:
        """The body to send there; None when there is no room for it."""
        known = self._candidates.get(deployment, UNKNOWN)
        if self._rules or known.terms.forces_limit:
            body = limited(body, known.terms)
        attempt = Attempted(deployment, known, body)
        if self._rules and not await self._has_room(attempt):
            return None
        self.attempts.append(attempt)
        return body

    def ended(self, event: Event, usage: Mapping[str, Any] | None) -> None:
        """How the last attempt came out, if this is its end."""
        match event:
            case Ended():
                self.attempts[-1].end("200", usage)
            case Failed(failure=failure):
                self.attempts[-1].end(failure, usage)

    # --- What the books ask ------------------------------------------------------------------------

    async def settle(self) -> None:
        """Put what the attempts used in place of what is held. Harmless the second time."""
        if self._held:
            held, self._held = self._held, {}
            amounts = {name: self._used(bind, of) for name, (bind, of) in held.items()}
            await self._counting.settle(self.id, amounts)
            await self._alerts.look(self._alerting)

    def _used(self, bind: Bind, deployment: str) -> int:
        attempts = [a for a in self.attempts if not deployment or a.deployment == deployment]
        match bind.unit:
            case "requests":
                return len(attempts) if deployment else 1
            case "tokens":
                return sum(attempt.spent().tokens for attempt in attempts)
            case "usd":
                return sum(attempt.spent().cost_nano_usd or 0 for attempt in attempts)

    # --- Before the first attempt --------------------------------------------------------------------

    def _problem(self, prices: Sequence[int], tokens: Sequence[int]) -> Refusal | None:
        """What no waiting helps against."""
        units = {rule.unit for rule in self._rules.own if rule.refuses}
        if "usd" in units and not prices:
            return Refusal(402, "budget", f"{_UNBOUNDED} cost: a budget cannot be kept")
        if "tokens" in units and not tokens:
            return Refusal(429, "limit", f"{_UNBOUNDED} take: a limit cannot be kept")
        for rule in self._rules.own:
            least = min(prices, default=0) if rule.downgrades else max(prices, default=0)
            if rule.per == "request" and least > rule.cap:
                return _too_dear(rule, least, self._body)
        return None

    async def _reserve(self, dearest: int, cheapest: int, tokens: int) -> str | None:
        denied = await self._hold(self._wants(dearest, tokens))
        if denied is not None and denied.bind is not None and denied.bind.downgrades:
            denied = await self._hold(self._wants(dearest, tokens, cheapest))
        return None if denied is None else self._refuse(denied.refusal)

    def _wants(
        self, money: int, tokens: int, cheapest: int | None = None
    ) -> list[tuple[Bind, str, int]]:
        """`cheapest` is what budgets are asked for that make do with cheaper deployments."""
        amounts: dict[Unit, int] = {"usd": money, "tokens": tokens, "requests": 1}
        wants = [
            (bind, "", amounts[bind.unit]) for bind in self._binds if bind.refuses or money > 0
        ]
        if cheapest is None:
            return wants
        is_less = [bind.downgrades and bind.unit == "usd" for bind, _, _ in wants]
        return [
            (bind, of, cheapest if less else amount)
            for (bind, of, amount), less in zip(wants, is_less, strict=True)
        ]

    # --- Before each attempt ---------------------------------------------------------------------------

    async def _has_room(self, attempt: Attempted) -> bool:
        own = self._rules.of_deployment(attempt.deployment)
        binds = [rule.bind(self._windows, self.at_ms) for rule in own]
        units = {rule.unit for rule in (*self._rules.own, *own) if rule.refuses}
        bound, worst = attempt.bound(), attempt.worst_nano_usd()
        if "usd" in units and worst is None:
            said = f"{_UNBOUNDED} cost at {attempt.deployment}: a budget cannot be kept"
            self.refusal = Refusal(402, "budget", said)
            return False
        if "tokens" in units and bound.tokens is None:
            said = f"{_UNBOUNDED} take at {attempt.deployment}: a limit cannot be kept"
            self.refusal = Refusal(429, "limit", said)
            return False
        refusal = self._beyond_a_request(worst or 0)
        if refusal is not None:
            self.refusal = refusal
            return False
        more: dict[Unit, int] = {"usd": worst or 0, "tokens": bound.tokens or 0, "requests": 1}
        places = [(bind, "") for bind in self._binds]
        places += [(bind, attempt.deployment) for bind in binds]
        wants = [
            (bind, of, self._needed(bind, of, more))
            for bind, of in places
            if bind.refuses or worst is not None
        ]
        denied = await self._hold(wants)
        if denied is not None:
            self.refusal = denied.refusal
        return denied is None

    def _beyond_a_request(self, worst: int) -> Refusal | None:
        """Where earlier attempts may have been billed and this one is not to be paid for besides."""
        before = sum(attempt.spent().cost_nano_usd or 0 for attempt in self.attempts)
        for rule in self._rules.own:
            if rule.per == "request" and before + worst > rule.cap:
                return _too_dear(rule, before + worst, self._body)
        return None

    def _needed(self, bind: Bind, deployment: str, more: Mapping[Unit, int]) -> int:
        """What earlier attempts may have used, and the most that the next one can."""
        if bind.unit == "requests" and not deployment:
            return 1
        return self._used(bind, deployment) + more[bind.unit]

    # --- Holding -----------------------------------------------------------------------------------

    async def _hold(self, wants: Sequence[tuple[Bind, str, int]]) -> "_Denied | None":
        """None when it is held, or goes on uncounted."""
        if not self.is_counted or not wants:
            return None
        asked = _strictest(Want(bind.account, amount) for bind, _, amount in wants)
        if all(self._amounts.get(want.account.name, -1) >= want.amount for want in asked):
            return None
        try:
            short = await self._counting.hold(self.id, asked, self._note())
        except StateError as error:
            self._counting.tell_lost(error)
            refuses = any(bind.refuses for bind, _, _ in wants)
            self.is_counted = refuses and not self._counting.fails_open
            said = f"limits cannot be counted just now: {error}"
            return _Denied(None, Refusal(503, "state", said, _SOON_S)) if self.is_counted else None
        if short is None:
            self._held |= {bind.account.name: (bind, of) for bind, of, _ in wants}
            self._alerting |= {bind for bind, _, _ in wants if bind.alert is not None}
            for want in asked:
                held = self._amounts.get(want.account.name, 0)
                self._amounts[want.account.name] = max(held, want.amount)
            return None
        bind = next(bind for bind, _, _ in wants if bind.account == short.account)
        return _Denied(bind, self._no_room(bind, short))

    # --- Saying no ---------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> str:
        self.refusal = refusal
        return "budget" if refusal.code == "budget" else "limit"

    def _no_room(self, bind: Bind, short: Short) -> Refusal:
        takes, used, held = (_amount(bind.unit, n) for n in (short.amount, short.spent, short.held))
        said = f"{bind.words}: this request may take {takes}; {used} used, {held} held"
        status, code = (402, "budget") if bind.unit == "usd" else (429, "limit")
        return Refusal(status, code, said, self._retry_after_s(short))

    def _retry_after_s(self, short: Short) -> int | None:
        if short.amount > short.account.cap:
            return None
        if short.frees_itself:
            return _SOON_S
        return max(1, -(-(short.account.ends_ms - self.at_ms) // 1000))


class _Denied(Struct, frozen=True):
    bind: Bind | None
    """None: the count cannot be reached."""
    refusal: Refusal


def _too_dear(rule: Rule, cost: int, body: Body) -> Refusal:
    said = f"{rule.words}: this request may cost {usd_text(cost)} USD"
    hint = "" if asked_for(body) else "; it sets no max_tokens"
    return Refusal(402, "budget", said + hint)


_UNBOUNDED: Final = "nobody knows what this request can"


def _strictest(wants: Iterable[Want]) -> list[Want]:
    """One want an account: of two budgets of the same kind the smaller one binds."""
    found: dict[str, Want] = {}
    for want in wants:
        known = found.get(want.account.name)
        if known is None or want.account.cap < known.account.cap:
            found[want.account.name] = want
    return list(found.values())


def _worst(known: Priced, body: Body, bound: Bound) -> int | None:
    return worst_nano_usd(bound, known.price, asks_priority=asks_priority(body))


def _amount(unit: Unit, amount: int) -> str:
    return f"{usd_text(amount)} USD" if unit == "usd" else f"{amount} {unit}"
