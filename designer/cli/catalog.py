"""`designer catalog`: the facts that every decision hangs on, with their sources."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from designer.catalog import Catalog, load_catalog, view
from designer.cli.output import echo_json, format_option, tell
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.files import write_atomically

_overlay = click.option(
    "--overlay",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your own prices, endpoints and contracts; they win over the catalog's facts.",
)
_file = click.option(
    "--catalog",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A catalog of another day (`catalog update -o`) instead of the packaged one.",
)
_as_of = click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Which facts count [the catalog's day]."
)


@click.group(
    epilog="""\b
Examples:
  designer catalog list 'bedrock/*@eu'
  designer catalog show azure/gpt-5.4@eu
  designer catalog diff --overlay ours.yaml
  designer catalog update --litellm prices.json --observed-on 2026-12-01 -o december.json
  designer catalog diff december.json
  designer catalog import-openrouter endpoints.json --observed-on 2026-12-01 -o ours.yaml"""
)
def catalog() -> None:
    """Models, prices, regions and contracts, each fact with its source and its day."""


def _load(overlay: Path | None, file: Path | None = None) -> Catalog:
    report = Report()
    loaded = load_catalog(overlay, report, file=file)
    tell(report)
    if report.has_errors:
        raise click.exceptions.Exit(2)
    return loaded


@catalog.command("list")
@click.argument("pattern", default="*")
@_overlay
@_file
@_as_of
@format_option()
def list_(
    pattern: str, overlay: Path | None, file: Path | None, as_of: datetime | None, format_: str
) -> None:
    """The offerings whose id (provider/model@region) matches PATTERN, a glob."""
    rows = view.list_rows(_load(overlay, file), pattern, as_of.date() if as_of else None)
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
@_file
@_as_of
@format_option()
def show(
    offering: str, overlay: Path | None, file: Path | None, as_of: datetime | None, format_: str
) -> None:
    """Everything about one OFFERING, each fact with its source and its day."""
    loaded = _load(overlay, file)
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
@click.argument("before", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.argument("after", required=False, type=click.Path(path_type=Path, dir_okay=False))
@_overlay
@format_option()
def diff(before: Path | None, after: Path | None, overlay: Path | None, format_: str) -> None:
    """What changed from BEFORE to AFTER, two catalogs of different days, or by an overlay.

    AFTER left out is the packaged catalog, and so is BEFORE with an overlay. Exit code 1: they differ.
    """
    if before is None and overlay is None:
        raise click.UsageError("name a catalog of another day, or an overlay: --overlay FILE")
    changes = view.diff(load_catalog(file=before), _load(overlay, after))
    _show_changes(changes, format_)
    raise click.exceptions.Exit(1 if changes else 0)


def _show_changes(changes: list[view.Change], format_: str) -> None:
    if format_ == "json":
        rows = [
            {"id": c.id, "what": c.what, "before": c.before, "after": c.after, "percent": c.percent}
            for c in changes
        ]
        echo_json({"schema_version": 1, "changes": rows})
        return
    for change in changes:
        click.echo(_change_line(change))
    click.echo(_changes_counted(changes))


def _change_line(change: view.Change) -> str:
    if change.what == "offering":
        return f"{'-' if change.before else '+'} {change.id}"
    percent = f" ({change.percent})" if change.percent else ""
    before, after = change.before or "none", change.after or "none"
    return f"~ {change.id}: {change.what}: {before} → {after}{percent}"


def _changes_counted(changes: list[view.Change]) -> str:
    came = sum(c.what == "offering" and not c.before for c in changes)
    went = sum(c.what == "offering" and not c.after for c in changes)
    changed = len({c.id for c in changes if c.what != "offering"})
    if not changes:
        return "no differences"
    return f"{came} added, {went} removed, {changed} changed"


_observed_on = click.option(
    "--observed-on",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day on which the data were current.",
)
_price_file = click.Path(dir_okay=False, path_type=Path)


@catalog.command()
@click.option(
    "--litellm",
    "--litellm-json",
    type=_price_file,
    help="model_prices_and_context_window_backup.json of a litellm [the installed one].",
)
@click.option(
    "--genai", type=_price_file, help="data.json of genai-prices [the installed package]."
)
@_observed_on
@click.option("--write", is_flag=True, help="Write the packaged files (of a checkout).")
@click.option("--check", is_flag=True, help="Exit 1 when the packaged files would change.")
@click.option("-o", "--out", type=_price_file, help="Write the catalog to a file of your own.")
@format_option()
def update(
    litellm: Path | None,
    genai: Path | None,
    observed_on: datetime | None,
    write: bool,
    check: bool,
    out: Path | None,
    format_: str,
) -> None:
    """Make the catalog anew from price data on this machine, and show what would change.

    Nothing is written without --write or -o, and nothing is downloaded.
    """
    from designer.catalog import update as script

    prices = litellm or script.installed_litellm()
    if prices is None:
        raise click.UsageError("no litellm is installed here: name its price file with --litellm")
    made = script.make(prices, genai, observed_on.date() if observed_on else None)
    _show_changes(view.diff(load_catalog(), made.catalog), format_)
    for row in made.gone:
        click.echo(f"left out, the price data no longer have it: {row}", err=True)
    if out is not None:
        write_atomically(out, made.files["catalog.json"])
        click.echo(f"wrote {out}", err=True)
    if write:
        click.echo(f"wrote {', '.join(script.write(made)) or 'nothing'}", err=True)
    raise click.exceptions.Exit(1 if check and script.stale(made) else 0)


@catalog.command("import-openrouter")
@click.argument("files", nargs=-1, required=True, type=_price_file)
@click.option("-o", "--out", type=_price_file, help="The overlay to write [standard output].")
@_observed_on
def import_openrouter(
    files: tuple[Path, ...], out: Path | None, observed_on: datetime | None
) -> None:
    """Saved listings of OpenRouter as an overlay: prices that differ, speeds, datacenters.

    FILES are answers of /models/AUTHOR/SLUG/endpoints and of /providers.
    """
    from designer.catalog.openrouter_listing import overlay_of

    if observed_on is None:
        raise click.UsageError("say on which day the listings were read: --observed-on DATE")
    if out is not None and out.exists():
        raise UsageError(f"{out} is there already: name another file, and merge them by hand")
    report = Report()
    text = overlay_of(files, observed_on.date(), load_catalog(), report)
    tell(report)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(out, text)
        click.echo(f"wrote {out}", err=True)
