"""What every request cost and who asked for it: one row each, committed before the caller's reply.

Money is a whole number of nano-dollars. A price that is not known is no price: the row says so
(`cost_nano_usd` None) and `spend` counts it apart, so that nothing is ever booked as free. Where a
provider does not say what was used, the row holds the most that it can have been and says so. A row
that cannot be written is an exception and never forgotten.
"""

from collections.abc import Awaitable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from designer.catalog import Price
from designer.engine.events import Usage
from runtime.state.base import StateError
from runtime.state.sqlite import BUSY_S, SqliteDatabase
from runtime.state.sqlite_writer import SqliteWriter
from runtime.state.writer import Database, Writer, Writing

NANO: Final = Decimal(1_000_000_000)


def _quoted(columns: Iterable[str]) -> list[str]:
    """PostgreSQL has a `user` of its own."""
    return [f'"{column}"' for column in columns]


@dataclass(frozen=True, slots=True)
class Billed:
    """An attempt that did not answer, and what it cost or may have cost at most."""

    deployment: str
    provider: str
    model: str
    outcome: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    is_estimated: int = 0
    cost_nano_usd: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    request_id: str
    at_ms: int
    """Unix time."""
    status: int
    """What the caller got."""
    route: str
    deployment: str = ""
    """Which answered; empty when none did."""
    provider: str = ""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    is_estimated: int = 0
    """1: somebody did not say how many tokens there were, and the cost is the most that it can be."""
    cost_nano_usd: int | None = None
    """Of all attempts. None: nobody knows the price."""
    price_input: str = ""
    """USD per million tokens, as it was when the row was written."""
    price_output: str = ""
    catalog_date: str = ""
    key_id: str = ""
    """Names the key; never the key itself."""
    user: str = ""
    team: str = ""
    project: str = ""
    attempts: int = 0
    failed_attempts: int = 0
    redactions: int = 0
    arm: str = ""
    unchecked: str = ""
    """Guardrails that could not look, and let pass: by name, with commas."""
    extra_nano_usd: int = 0
    """What of the cost was billed for attempts that did not answer."""
    cache: str = "off"
    """`hit`: answered from the cache, at no cost; `miss`; `off` where the route keeps no answers."""
    saved_nano_usd: int = 0
    """What more it would have cost without the provider's prompt cache; of a hit, all of its cost."""
    failed: tuple[Billed, ...] = ()
    """The attempts that did not answer and may have been billed all the same."""


_COLUMNS: Final = tuple(f.name for f in fields(Row) if f.name != "failed")
_VALUES: Final = attrgetter(*_COLUMNS)
_INSERT: Final = (
    f"INSERT INTO ledger ({', '.join(_quoted(_COLUMNS))}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT (request_id) DO NOTHING"
)
_ATTEMPT_COLUMNS: Final = tuple(f.name for f in fields(Billed))
_ATTEMPT_VALUES: Final = attrgetter(*_ATTEMPT_COLUMNS)
_INSERT_ATTEMPT: Final = (
    f"INSERT INTO attempts (request_id, number, {', '.join(_ATTEMPT_COLUMNS)}) "
    f"VALUES (?, ?, {', '.join('?' * len(_ATTEMPT_COLUMNS))})"
)


# --- money ---------------------------------------------------------------------------------------


def usage_of(usage: Mapping[str, Any] | None) -> Usage | None:
    """OpenAI's usage as numbers that can be relied on, None when the provider gave none."""
    if not usage:
        return None
    prompt = _count(usage.get("prompt_tokens"))
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0
    return Usage(prompt, _count(usage.get("completion_tokens")), min(cached, prompt))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def written_tokens(usage: Mapping[str, Any] | None) -> int:
    """Of the prompt, what the provider wrote into its cache."""
    details = usage.get("prompt_tokens_details") if usage else None
    return _count(details.get("cache_creation_tokens")) if isinstance(details, Mapping) else 0


def usd_text(nano_usd: int) -> str:
    """Digits without an exponent: `0.0000205`."""
    text = format(Decimal(nano_usd) / NANO, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def cost_nano_usd(
    price: Price, usage: Usage, *, cache_write_tokens: int = 0, at: datetime | None = None
) -> int:
    """`at` lets cheaper hours count; without it the price is the peak's."""
    usd = price.cost_usd(
        usage.prompt_tokens,
        usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=cache_write_tokens,
        at=at,
    )
    return int((usd * NANO).to_integral_value(ROUND_HALF_UP))


# --- writing -------------------------------------------------------------------------------------


class Ledger:
    """Open until `close`, which writes what is still waiting."""

    def __init__(
        self,
        where: Path | Database[Any],
        writer: SqliteWriter | None = None,
        *,
        busy_s: float = BUSY_S,
    ) -> None:
        """A state file, or another database with these tables; `writer` is one that is shared.

        `busy_s` is how long another process may keep a state file to itself. Raises StateError when
        it cannot be used.
        """
        self._database: Database[Any] = SqliteDatabase(where) if isinstance(where, Path) else where
        if isinstance(self._database, SqliteDatabase):
            self._writer: Writing = writer or SqliteWriter(self._database, busy_s)
        else:
            self._writer = Writer(self._database)
        self._insert = self._database.sql(_INSERT)
        self._insert_attempt = self._database.sql(_INSERT_ATTEMPT)

    @property
    def name(self) -> str:
        """The same to all processes of a host that write to it."""
        database = self._database
        return (
            str(database.path.resolve()) if isinstance(database, SqliteDatabase) else database.name
        )

    async def record(self, row: Row) -> bool:
        """Returns once the row is committed: True, or False when its request was in already.

        Raises `StateError` when it could not be written. Giving up on the call does not take the
        row back.
        """
        return await self.begin(row)

    def begin(self, row: Row) -> Awaitable[bool]:
        """What `record` returns, to be waited for after something else that is to be written too."""
        if self._writer.is_closed:
            raise StateError(f"{self._database.name}: the ledger is closed")
        return self._writer.do(lambda db: self._write(db, row))

    def _write(self, db: Any, row: Row) -> bool:
        is_new: bool = db.execute(self._insert, _VALUES(row)).rowcount == 1
        if is_new:
            for number, attempt in enumerate(row.failed):
                values = (row.request_id, number, *_ATTEMPT_VALUES(attempt))
                db.execute(self._insert_attempt, values)
        return is_new

    async def cost_of(self, request_id: str) -> int | None:
        """What a request that was booked cost in nano-dollars; None where that is not known."""
        sql = self._database.sql("SELECT cost_nano_usd FROM ledger WHERE request_id = ?")
        row = await self._writer.do(lambda db: db.execute(sql, (request_id,)).fetchone())
        return None if row is None else row[0]

    def trouble(self) -> str | None:
        """Why rows cannot be written, as far as that shows without writing one."""
        return "the ledger is closed" if self._writer.is_closed else self._writer.trouble()

    def close(self) -> None:
        self._writer.close()

    def spend(
        self, by: str, since: datetime | None = None, until: datetime | None = None
    ) -> list["Spend"]:
        with closing(self._database.connect()) as db:
            return spend(db, by, since, until, self._database)


# --- reading -------------------------------------------------------------------------------------

# How each grouping is read from the tables; a key by its name, which is what people know.
_GROUPS: Final = {
    "key": "coalesce((SELECT name || ' (' || id || ')' FROM keys WHERE id = key_id), key_id)",
    "user": '"user"',
    "team": "team",
    "project": "project",
    "model": "model",
    "provider": "provider",
    "deployment": "deployment",
    "route": "route",
    "arm": "arm",
}
SPEND_BY: Final = tuple(_GROUPS)


@dataclass(frozen=True, slots=True)
class Spend:
    group: str
    requests: int
    failed: int
    """Those that the caller saw fail."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_nano_usd: int
    unpriced: int
    """Requests that used tokens whose price nobody knows: the cost is too low by theirs."""
    estimated: int
    """Answers and attempts booked at the most that they can have cost: nobody said what was used."""
    hits: int
    """Requests that the cache answered."""
    saved_nano_usd: int
    """What more it would have cost without caches, the providers' and the runtime's."""

    @property
    def cost_usd(self) -> Decimal:
        return Decimal(self.cost_nano_usd) / NANO

    @property
    def saved_usd(self) -> Decimal:
        return Decimal(self.saved_nano_usd) / NANO


def spend(
    db: Any,
    by: str,
    since: datetime | None = None,
    until: datetime | None = None,
    database: Database[Any] | None = None,
) -> list[Spend]:
    """The dearest first. `since` is included, `until` is not; both know their time zone.

    Attempts that did not answer are counted where they were made, and not as requests. `database`
    is what `db` is a connection to; a state file where it is left out.
    """
    group = _GROUPS[by] if database is None or database.keeps_keys or by != "key" else "key_id"
    statement = _SPEND.format(by=group)
    between = (_ms(since, -(2**62)), _ms(until, 2**62))
    rows = db.execute(database.sql(statement) if database else statement, between * 2)
    return [Spend(str(group), *map(int, sums)) for group, *sums in rows]


# What was used at once and what was billed besides, as one table; `by` may be a column of either.
_SPEND: Final = """
    SELECT grouped, sum(one), sum(has_failed), sum(tokens_in), sum(tokens_out), sum(cached), coalesce(sum(cost), 0),
        sum(CASE WHEN cost IS NULL AND tokens_in + tokens_out + guessed > 0 THEN 1 ELSE 0 END),
        sum(guessed), sum(hit), sum(saved)
    FROM (
        SELECT {by} AS grouped, 1 AS one, CASE WHEN status >= 400 THEN 1 ELSE 0 END AS has_failed,
            prompt_tokens AS tokens_in, completion_tokens AS tokens_out, cached_tokens AS cached,
            cost_nano_usd - extra_nano_usd AS cost, saved_nano_usd AS saved,
            CASE WHEN cache = 'hit' THEN 1 ELSE 0 END AS hit,
            CASE WHEN is_estimated = 1 AND NOT EXISTS (
                SELECT 1 FROM attempts AS a
                WHERE a.request_id = ledger.request_id AND a.is_estimated = 1
            ) THEN 1 ELSE 0 END AS guessed
        FROM ledger WHERE at_ms >= ? AND at_ms < ?
        UNION ALL
        SELECT {by} AS grouped, 0, 0, attempts.prompt_tokens, attempts.completion_tokens,
            attempts.cached_tokens, attempts.cost_nano_usd, 0, 0, attempts.is_estimated
        FROM (SELECT request_id, at_ms, route, key_id, "user", team, project, arm FROM ledger) AS l
        JOIN attempts ON attempts.request_id = l.request_id WHERE at_ms >= ? AND at_ms < ?
    ) AS booked
    GROUP BY grouped ORDER BY 7 DESC, grouped
"""


def _ms(moment: datetime | None, otherwise: int) -> int:
    if moment is None:
        return otherwise
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return round(moment.timestamp() * 1000)
