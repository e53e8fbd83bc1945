"""`designer catalog`: the facts that every decision hangs on, with their sources."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from designer.catalog import Catalog, load_catalog, view
from designer.cli.output import echo_json, format_option, tell
from designer.diagnostics import Report
from designer.errors import UsageError

_overlay = click.option(
    "--overlay",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your own prices, endpoints and contracts; they win over the packaged facts.",
)
_as_of = click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Which facts count [the catalog's day]."
)


@click.group(
    epilog="""\b
Examples:
  designer catalog list 'bedrock/*@eu'
  designer catalog show azure/gpt-5.4@eu
  designer catalog diff --overlay ours.yaml"""
)
def catalog() -> None:
    """Models, prices, regions and contracts, each fact with its source and its day."""


def _load(overlay: Path | None) -> Catalog:
    report = Report()
    loaded = load_catalog(overlay, report)
    tell(report)
    if report.has_errors:
        raise click.exceptions.Exit(2)
    return loaded


@catalog.command("list")
@click.argument("pattern", default="*")
@_overlay
@_as_of
@format_option()
def list_(pattern: str, overlay: Path | None, as_of: datetime | None, format_: str) -> None:
    """The offerings whose id (provider/model@region) matches PATTERN, a glob."""
    rows = view.list_rows(_load(overlay), pattern, as_of.date() if as_of else None)
    if not rows:
        raise UsageError(f"no offering matches {pattern!r}; try `designer catalog list`")
    if format_ == "json":
        echo_json({"schema_version": 1, "offerings": rows})
        return
    columns = {
        "id": "offering",
        "tier": "tier",
        "status": "status",
        "residency": "stays in",
        "context": "context",
        "input_usd_per_mtok": "in $/M",
        "output_usd_per_mtok": "out $/M",
        "price_agreement": "sources",
    }
    click.echo(_table([list(columns.values()), *[[row[c] for c in columns] for row in rows]]))


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


@catalog.command()
@click.argument("offering")
@_overlay
@_as_of
@format_option()
def show(offering: str, overlay: Path | None, as_of: datetime | None, format_: str) -> None:
    """Everything about one OFFERING, each fact with its source and its day."""
    loaded = _load(overlay)
    found = view.show(loaded, offering, as_of.date() if as_of else None)
    if found is None:
        near = [o.id for o in loaded.matching(f"*{offering.rpartition('/')[2].partition('@')[0]}*")]
        hint = f"; did you mean {', '.join(near[:4])}?" if near else ""
        raise UsageError(f"the catalog has no {offering!r}{hint}")
    if format_ == "json":
        echo_json({"schema_version": 1, **found})
    else:
        click.echo("\n".join(_lines(found)))


def _lines(value: Any, indent: str = "") -> list[str]:
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{indent}{key}:", *_lines(item, indent + "  ")]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append(f"{indent}{key}:")
            for entry in item:
                first, *rest = _lines(entry, "")
                lines += [f"{indent}  - {first}", *(f"{indent}    {line}" for line in rest)]
        elif item not in ("", None, [], {}):
            text = ", ".join(map(str, item)) if isinstance(item, list) else str(item)
            lines.append(f"{indent}{key}: {text}")
    return lines


@catalog.command()
@_overlay
@format_option()
def diff(overlay: Path | None, format_: str) -> None:
    """What an overlay changes in the packaged catalog."""
    if overlay is None:
        raise click.UsageError("name the overlay to compare with: --overlay FILE")
    changes = view.diff(load_catalog(), _load(overlay))
    if format_ == "json":
        rows = [{"id": c.id, "what": c.what, "before": c.before, "after": c.after} for c in changes]
        echo_json({"schema_version": 1, "changes": rows})
        return
    for change in changes:
        click.echo(f"{change.id}: {change.what}: {change.before or '–'} → {change.after or '–'}")
    if not changes:
        click.echo("no differences")


@catalog.command()
@click.option(
    "--litellm-json",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="model_prices_and_context_window_backup.json of an installed litellm.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the files would change.")
def update(litellm_json: Path, check: bool) -> None:
    """Make the packaged catalog anew from data that is on this machine (a checkout is needed)."""
    from designer.catalog.update import main

    arguments = ["--litellm-json", str(litellm_json), *(["--check"] if check else [])]
    raise click.exceptions.Exit(main(arguments))
