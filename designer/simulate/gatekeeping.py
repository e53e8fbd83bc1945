"""What a gateway answers or refuses by itself: its cache, its rate limits, its budgets.

Limits and budgets bind everybody, a route or a team, as far as traffic says whose it is. Those of a
deployment bar it and refuse nobody: they are the engine's (`designer.engine.screens`), where the gateway
has such a habit. A period begins with the simulation, and a month is thirty days.
"""

from collections.abc import Collection, Mapping

from msgspec import Struct, field

from designer.engine.semantics import Semantics, Stage, with_cache
from designer.ir import Budget, Cache, Period, RateLimit, Routing

PERIOD_S: Mapping[Period, float] = {
    "hour": 3_600.0,
    "day": 86_400.0,
    "week": 604_800.0,
    "month": 2_592_000.0,
    "year": 31_536_000.0,
}
MINUTE_S = 60.0


class Window(Struct):
    """An amount used up since its window began."""

    number: int = -1
    used: float = 0.0

    def used_at(self, at: float, length_s: float) -> float:
        number = int(at // length_s)
        if number != self.number:
            self.number, self.used = number, 0.0
        return self.used

    def add(self, at: float, length_s: float, amount: float) -> None:
        self.used = self.used_at(at, length_s) + amount


class _Limit(Struct):
    limit: RateLimit
    requests: Window = field(default_factory=Window)
    tokens: Window = field(default_factory=Window)


class _Spent(Struct):
    budget: Budget
    spent: Window = field(default_factory=Window)

    def is_over(self, at: float) -> bool:
        return self.spent.used_at(at, PERIOD_S[self.budget.per]) >= float(self.budget.limit_usd)


class Answer(Struct, frozen=True):
    """A stored one."""

    at: float
    cost_usd: float


class Gatekeeper:
    """The shared state of a gateway's own stages."""

    def __init__(self, routing: Routing, teams: Collection[str] = ()) -> None:
        """`teams` are those that requests are of."""
        self.caches = routing.caches
        self._limits = [_Limit(limit) for limit in routing.rate_limits if _binds(limit, teams)]
        self._budgets = [_Spent(b) for b in routing.budgets if _binds(b, teams) and b.refuses]
        self._stored: dict[tuple[str, int], Answer] = {}

    @property
    def refuses(self) -> bool:
        return bool(self._limits or self._budgets)

    @property
    def keeps(self) -> bool:
        """Whether an answer changes anything here."""
        return bool(self.caches or self._budgets)

    def cache_of(self, route: str) -> Cache | None:
        return next((cache for cache in self.caches if cache.covers(route)), None)

    def refused(self, route: str, tokens: int, at: float, team: str = "") -> str | None:
        """The failure token of what has no room; else the request has taken its own."""
        if any(one.is_over(at) for one in self._budgets if _covers(one.budget, route, team)):
            return "budget"
        asked = [one for one in self._limits if _covers(one.limit, route, team)]
        for one in asked:
            rpm, tpm = one.limit.rpm, one.limit.tpm
            if rpm is not None and one.requests.used_at(at, MINUTE_S) + 1 > rpm:
                return "limit"
            if tpm is not None and one.tokens.used_at(at, MINUTE_S) + tokens > tpm:
                return "limit"
        for one in asked:
            one.requests.add(at, MINUTE_S, 1)
            one.tokens.add(at, MINUTE_S, tokens)
        return None

    def spend(self, route: str, cost_usd: float, at: float, team: str = "") -> None:
        for spent in self._budgets:
            if _covers(spent.budget, route, team):
                spent.spent.add(at, PERIOD_S[spent.budget.per], cost_usd)

    def stored(self, route: str, question: int, at: float) -> Answer | None:
        """The answer to a question, if the route's cache still has it."""
        cache, answer = self.cache_of(route), self._stored.get((route, question))
        if cache is None or answer is None or at - answer.at > cache.ttl_s:
            return None
        return answer

    def store(self, route: str, question: int, cost_usd: float, at: float) -> None:
        if self.cache_of(route) is None:
            return
        self._stored[route, question] = Answer(at, cost_usd)
        if len(self._stored) > MOST_STORED:
            del self._stored[next(iter(self._stored))]


MOST_STORED = 100_000
"""Above, the oldest answers go. Only the most recent questions are asked again at all."""


def staged(semantics: Semantics, keeper: Gatekeeper, is_asked_again: bool) -> tuple[Stage, ...]:
    """The gateway's stages, with those that this configuration and its traffic give something to do."""
    stages = semantics.stages
    if keeper.caches and is_asked_again:
        stages = with_cache(stages)
    if keeper.refuses and "reserve" not in stages:
        stages = ("reserve", *stages)
    return stages


def _binds(one: Budget | RateLimit, teams: Collection[str]) -> bool:
    return one.scope in ("all", "route") or (one.scope == "team" and one.of in teams)


def _covers(one: Budget | RateLimit, route: str, team: str) -> bool:
    return one.scope == "all" or one.of == (team if one.scope == "team" else route)
