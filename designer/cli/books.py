"""`designer keys` and `designer spend`: the runtime's state file, from outside."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from designer.cli.output import echo_json, format_option
from designer.errors import UsageError
from designer.profile.units import Money, NotAValue, parse_money

if TYPE_CHECKING:
    from runtime.ledger import Spend
    from runtime.limits.binding import Allowed

_state = click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("designer.sqlite"),
    show_default=True,
    help="The runtime's state file.",
)


@click.group(
    epilog="""\b
Examples:
  designer keys mint web-prod --team web --user alice --budget "30 USD/day" --rpm 600
  designer keys limit project search --budget "500 USD/month" --budget "0.05 USD/request"
  designer keys list
  designer keys revoke web-prod"""
)
def keys() -> None:
    """Mint, list, limit and revoke virtual keys of the runtime."""


def _limit_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--tpm", type=click.IntRange(1), help="Tokens a minute, in and out together."),
        click.option("--rpm", type=click.IntRange(1), help="Requests a minute."),
        click.option(
            "--when-spent",
            type=click.Choice(["refuse", "downgrade"]),
            default="refuse",
            show_default=True,
            help="What becomes of requests that a budget has no room for: refused, or first tried "
            "on cheaper deployments.",
        ),
        click.option(
            "--budget",
            "budgets",
            multiple=True,
            metavar="'30 USD/day'",
            help="An hour, day, week, month, year or request; may be given several times.",
        ),
    ):
        command = option(command)
    return command


@keys.command()
@click.argument("name")
@click.option("--user", default="", help="Who it is for.")
@click.option("--team", default="", help="The team that its spend is booked to.")
@click.option("--project", default="", help="The project that its spend is booked to.")
@_limit_options
@_state
@format_option()
def mint(
    name: str,
    user: str,
    team: str,
    project: str,
    budgets: tuple[str, ...],
    when_spent: str,
    rpm: int | None,
    tpm: int | None,
    state: Path,
    format_: str,
) -> None:
    """Make a key called NAME and show it, once: only its digest is kept."""
    from runtime.keys import mint as mint_key
    from runtime.limits.allowed import allow
    from runtime.state.sqlite import connect

    allowed = _allowed("key", name, budgets, when_spent, rpm, tpm)
    with closing(connect(state)) as db:
        at = datetime.now(UTC)
        key, record = mint_key(db, name, at=at, user=user, team=team, project=project)
        allow(db, replace(allowed, name=record.id))
    if format_ == "json":
        echo_json({"schema_version": 1, "key": key, "id": record.id, "name": name})
    else:
        click.echo(key)
        click.echo(f"this is the only time it is shown; its id is {record.id}", err=True)


@keys.command()
@click.argument("scope", type=click.Choice(["key", "user", "team", "project"]))
@click.argument("name")
@_limit_options
@_state
def limit(
    scope: str,
    name: str,
    budgets: tuple[str, ...],
    when_spent: str,
    rpm: int | None,
    tpm: int | None,
    state: Path,
) -> None:
    """Say what a key, user, team or project may; without options its limits are taken away.

    It counts at once, and beside the limits of the configuration.
    """
    from runtime.keys import find
    from runtime.limits.allowed import allow, in_words
    from runtime.state.sqlite import connect

    _must_exist(state)
    allowed = _allowed(scope, name, budgets, when_spent, rpm, tpm)
    with closing(connect(state)) as db:
        if scope == "key":
            allowed = replace(allowed, name=find(db, name).id)
        allow(db, allowed)
    click.echo(f"{scope} {name}: {in_words(allowed) or 'no limits of its own'}")


def _allowed(
    scope: str,
    name: str,
    budgets: tuple[str, ...],
    when_spent: str,
    rpm: int | None,
    tpm: int | None,
) -> "Allowed":
    from runtime.limits.binding import Allowance, Allowed

    amounts = [_amount(text) for text in budgets]
    downgrades = when_spent == "downgrade"
    return Allowed(
        scope, name, tuple(Allowance(a.usd, a.per, downgrades) for a in amounts if a.per), rpm, tpm
    )


def _amount(text: str) -> Money:
    try:
        amount = parse_money(text)
    except NotAValue as error:
        raise UsageError(f"--budget {text!r}: {error}") from error
    if amount.per is None:
        raise UsageError(f"--budget {text!r}: say for how long, for example `30 USD/day`")
    return amount


@keys.command("list")
@_state
@format_option()
def list_(state: Path, format_: str) -> None:
    """All keys that ever were, the oldest first; the keys themselves are not known."""
    from runtime.keys import list_keys
    from runtime.limits.allowed import all_allowed, in_words
    from runtime.state.sqlite import connect

    _must_exist(state)
    with closing(connect(state)) as db:
        records = list_keys(db)
        limits = {(a.scope, a.name): in_words(a) for a in all_allowed(db)}
    rows = [
        {
            "id": r.id,
            "name": r.name,
            "user": r.user,
            "team": r.team,
            "project": r.project,
            "created": r.created_at.isoformat(timespec="seconds"),
            "revoked": r.revoked_at.isoformat(timespec="seconds") if r.revoked_at else "",
            "limits": limits.get(("key", r.id), ""),
        }
        for r in records
    ]
    if format_ == "json":
        others = [
            {"scope": scope, "name": name, "limits": words}
            for (scope, name), words in limits.items()
            if scope != "key"
        ]
        echo_json({"schema_version": 1, "keys": rows, "limits": others})
        return
    for row in rows:
        whose = " ".join(f"{k}={row[k]}" for k in ("user", "team", "project") if row[k])
        revoked = f"   revoked {row['revoked']}" if row["revoked"] else ""
        may = f"   {row['limits']}" if row["limits"] else ""
        click.echo(f"{row['id']}  {row['name']}  {whose}{may}{revoked}")
    for (scope, name), words in limits.items():
        if scope != "key":
            click.echo(f"{scope} {name}   {words}")
    if not rows:
        click.echo("no keys: anybody may call", err=True)


@keys.command()
@click.argument("name_or_id")
@_state
def revoke(name_or_id: str, state: Path) -> None:
    """Make the key of that name or id stop working, at once."""
    from runtime.keys import revoke as revoke_key
    from runtime.state.sqlite import connect

    _must_exist(state)
    with closing(connect(state)) as db:
        record = revoke_key(db, name_or_id, at=datetime.now(UTC))
    click.echo(f"revoked {record.name} ({record.id})")


@click.command(
    epilog="""\b
Examples:
  designer spend --by team
  designer spend --by model --since 2026-11-01 --format json"""
)
@click.option(
    "--by",
    type=click.Choice(
        ["key", "user", "team", "project", "model", "provider", "deployment", "route", "arm"]
    ),
    default="model",
    show_default=True,
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Before this day (UTC).")
@click.option(
    "--ledger", metavar="postgresql://…", help="Where the ledger is kept. Default: --state."
)
@_state
@format_option()
def spend(
    by: str,
    since: datetime | None,
    until: datetime | None,
    ledger: str | None,
    state: Path,
    format_: str,
) -> None:
    """What the runtime's ledger says was spent, the dearest first.

    `estimated` counts answers and attempts booked at the most that they can have cost, since nobody
    said what was used; `saved` is what more it would have cost without the providers' prompt caches.
    """
    rows = _spent(
        by,
        since.replace(tzinfo=UTC) if since else None,
        until.replace(tzinfo=UTC) if until else None,
        ledger,
        state,
    )
    if format_ == "json":
        echo_json(
            {
                "schema_version": 1,
                "by": by,
                "rows": [
                    {
                        by: row.group,
                        "requests": row.requests,
                        "failed": row.failed,
                        "prompt_tokens": row.prompt_tokens,
                        "completion_tokens": row.completion_tokens,
                        "cached_tokens": row.cached_tokens,
                        "cost_usd": format(row.cost_usd, "f"),
                        "unpriced": row.unpriced,
                        "estimated": row.estimated,
                        "cache_hits": row.hits,
                        "saved_usd": format(row.saved_usd, "f"),
                    }
                    for row in rows
                ],
            }
        )
        return
    width = max([len(by), *(len(row.group or "–") for row in rows)])
    click.echo(
        f"{by:<{width}}  {'USD':>14}  {'saved':>12}  {'requests':>8}  {'failed':>6}  {'in':>10}  "
        f"{'out':>10}"
    )
    for row in rows:
        doubts = [f"{row.unpriced} unpriced"] if row.unpriced else []
        doubts += [f"{row.estimated} estimated"] if row.estimated else []
        if row.hits:
            doubts.append(f"{row.hits} from the cache, {row.saved_usd:.6f} USD saved")
        click.echo(
            f"{row.group or '–':<{width}}  {row.cost_usd:>14.6f}  {row.saved_usd:>12.6f}  {row.requests:>8}  {row.failed:>6}  "
            f"{row.prompt_tokens:>10}  {row.completion_tokens:>10}  {', '.join(doubts)}".rstrip()
        )


def _spent(
    by: str, since: datetime | None, until: datetime | None, ledger: str | None, state: Path
) -> "list[Spend]":
    from runtime.ledger import spend as read_spend
    from runtime.state.sqlite import connect

    if ledger is None:
        _must_exist(state)
        with closing(connect(state)) as db:
            return read_spend(db, by, since, until)
    if not find_spec("psycopg"):
        raise UsageError("psycopg is missing: pip install 'llm-gateway-designer[postgres]'")
    from runtime.state.postgres import PostgresDatabase

    database = PostgresDatabase(ledger)
    with closing(database.connect()) as connection:
        return read_spend(connection, by, since, until, database)


def _must_exist(state: Path) -> None:
    if not state.exists():
        raise UsageError(f"there is no {state}; `designer serve` makes it, or name it with --state")
