"""Which budgets and rate limits bind a request: those of the configuration, and those of its caller.

A budget that goes on once it is spent refuses nothing: it is counted where somebody wants to be told
of it, and else the ledger has it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from designer.ir import Budget, RateLimit
from runtime.limits.windows import Span, Windows
from runtime.state.base import Account

_NANO: Final = 1_000_000_000
_NO_CAP: Final = 2**62
"""Of a budget that refuses nothing."""

Unit = Literal["usd", "requests", "tokens"]


class Allowance(Struct, frozen=True):
    """A budget of somebody that is in no configuration: a key, a user, a project."""

    limit_usd: Decimal
    per: Span | Literal["request"]
    downgrades: bool = False


class Allowed(Struct, frozen=True):
    """What somebody may, by the state file."""

    scope: str
    name: str
    budgets: tuple[Allowance, ...] = ()
    rpm: int | None = None
    tpm: int | None = None


class Bind(Struct, frozen=True):
    """One limit, and the account of its present window."""

    account: Account
    unit: Unit
    words: str
    """Whose it is and how much, for people: `team web: 30 USD/day`."""
    downgrades: bool = False
    refuses: bool = True
    alert: int | None = None
    """How much is spent when somebody is told."""


class Rule(Struct, frozen=True):
    """A limit of any origin. `cap` is in nano-dollars, tokens or requests."""

    scope: str
    of: str
    unit: Unit
    per: Span | Literal["request"]
    cap: int
    words: str
    downgrades: bool = False
    refuses: bool = True
    alert: int | None = None

    def bind(self, windows: Windows, at_ms: int) -> Bind:
        assert self.per != "request"
        return _bound(self, *windows.at(self.per, at_ms))


@lru_cache(maxsize=4096)  # each request asks, and the window is nearly always the last one's
def _bound(rule: Rule, starts_ms: int, ends_ms: int) -> Bind:
    name = f"{rule.scope}:{rule.of}:{rule.unit}/{rule.per}"
    account = Account(name, starts_ms, ends_ms, rule.cap if rule.refuses else _NO_CAP)
    return Bind(account, rule.unit, rule.words, rule.downgrades, rule.refuses, rule.alert)


def of_configuration(
    budgets: Iterable[Budget], limits: Iterable[RateLimit]
) -> Mapping[tuple[str, str], Sequence[Rule]]:
    """By (scope, of)."""
    found: dict[tuple[str, str], list[Rule]] = {}
    for budget in budgets:
        if budget.refuses or budget.alert is not None:
            found.setdefault((budget.scope, budget.of), []).append(_of_budget(budget))
    for limit in limits:
        rates = _rates(limit.scope, limit.of, limit.rpm, limit.tpm)
        found.setdefault((limit.scope, limit.of), []).extend(rates)
    return found


def of_request(max_usd: Decimal) -> Rule:
    """What any one request may cost, whoever asks."""
    return _money("all", "", max_usd, "request", downgrades=False)


def of_allowed(allowed: Allowed) -> Iterator[Rule]:
    for budget in allowed.budgets:
        yield _money(allowed.scope, allowed.name, budget.limit_usd, budget.per, budget.downgrades)
    yield from _rates(allowed.scope, allowed.name, allowed.rpm, allowed.tpm)


def _of_budget(budget: Budget) -> Rule:
    rule = _money(budget.scope, budget.of, budget.limit_usd, budget.per, budget.downgrades)
    alert = budget.alert
    at = None if alert is None else int(budget.limit_usd * Decimal(str(alert)) * _NANO)
    return replace(rule, refuses=budget.refuses, alert=at)


def _money(
    scope: str, of: str, limit_usd: Decimal, per: Span | Literal["request"], downgrades: bool
) -> Rule:
    cap = int(limit_usd * _NANO)
    return Rule(
        scope, of, "usd", per, cap, f"{_whose(scope, of)}: {limit_usd} USD/{per}", downgrades
    )


def _rates(scope: str, of: str, rpm: int | None, tpm: int | None) -> Iterator[Rule]:
    if rpm is not None:
        yield Rule(
            scope, of, "requests", "minute", rpm, f"{_whose(scope, of)}: {rpm} requests/minute"
        )
    if tpm is not None:
        yield Rule(scope, of, "tokens", "minute", tpm, f"{_whose(scope, of)}: {tpm} tokens/minute")


def _whose(scope: str, of: str) -> str:
    return "everybody" if scope == "all" else f"{scope} {of}"
