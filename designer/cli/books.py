"""`designer keys` and `designer spend`: the runtime's state file, from outside."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from designer.cli.output import echo_json, format_option
from designer.errors import UsageError

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
  designer keys mint web-prod --team web --user alice
  designer keys list
  designer keys revoke web-prod"""
)
def keys() -> None:
    """Mint, list and revoke virtual keys of the runtime."""


@keys.command()
@click.argument("name")
@click.option("--user", default="", help="Who it is for.")
@click.option("--team", default="", help="The team that its spend is booked to.")
@click.option("--project", default="", help="The project that its spend is booked to.")
@_state
@format_option()
def mint(name: str, user: str, team: str, project: str, state: Path, format_: str) -> None:
    """Make a key called NAME and show it, once: only its digest is kept."""
    from runtime.keys import mint as mint_key
    from runtime.state.sqlite import connect

    with closing(connect(state)) as db:
        at = datetime.now(UTC)
        key, record = mint_key(db, name, at=at, user=user, team=team, project=project)
    if format_ == "json":
        echo_json({"schema_version": 1, "key": key, "id": record.id, "name": name})
    else:
        click.echo(key)
        click.echo(f"this is the only time it is shown; its id is {record.id}", err=True)


@keys.command("list")
@_state
@format_option()
def list_(state: Path, format_: str) -> None:
    """All keys that ever were, the oldest first; the keys themselves are not known."""
    from runtime.keys import list_keys
    from runtime.state.sqlite import connect

    _must_exist(state)
    with closing(connect(state)) as db:
        records = list_keys(db)
    rows = [
        {
            "id": r.id,
            "name": r.name,
            "user": r.user,
            "team": r.team,
            "project": r.project,
            "created": r.created_at.isoformat(timespec="seconds"),
            "revoked": r.revoked_at.isoformat(timespec="seconds") if r.revoked_at else "",
        }
        for r in records
    ]
    if format_ == "json":
        echo_json({"schema_version": 1, "keys": rows})
        return
    for row in rows:
        whose = " ".join(f"{k}={row[k]}" for k in ("user", "team", "project") if row[k])
        revoked = f"   revoked {row['revoked']}" if row["revoked"] else ""
        click.echo(f"{row['id']}  {row['name']}  {whose}{revoked}")
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
@_state
@format_option()
def spend(
    by: str, since: datetime | None, until: datetime | None, state: Path, format_: str
) -> None:
    """What the runtime's ledger says was spent, the dearest first."""
    from runtime.ledger import spend as read_spend
    from runtime.state.sqlite import connect

    _must_exist(state)
    with closing(connect(state)) as db:
        rows = read_spend(
            db,
            by,
            since.replace(tzinfo=UTC) if since else None,
            until.replace(tzinfo=UTC) if until else None,
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
        f"{by:<{width}}  {'USD':>14}  {'requests':>8}  {'failed':>6}  {'in':>10}  {'out':>10}"
    )
    for row in rows:
        doubts = [f"{row.unpriced} unpriced"] if row.unpriced else []
        doubts += [f"{row.estimated} estimated"] if row.estimated else []
        if row.hits:
            doubts.append(f"{row.hits} from the cache, {row.saved_usd:.6f} USD saved")
        click.echo(
            f"{row.group or '–':<{width}}  {row.cost_usd:>14.6f}  {row.requests:>8}  {row.failed:>6}  "
            f"{row.prompt_tokens:>10}  {row.completion_tokens:>10}  {', '.join(doubts)}".rstrip()
        )


def _must_exist(state: Path) -> None:
    if not state.exists():
        raise UsageError(f"there is no {state}; `designer serve` makes it, or name it with --state")
