"""`designer verify`: what holds of a configuration on every path and under every set of failures."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic

import click

from designer.catalog import load_catalog
from designer.cli.output import echo_json, format_option, tell, tell_as, tell_settings
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.files import write_atomically
from designer.load import Config, load_config
from designer.project import project_above, read_project
from designer.render import verification as render
from designer.repair import Repairs, Unrepaired
from designer.verify import (
    PACKS,
    Judge,
    Property,
    Verdict,
    facts,
    implied,
    load_pack,
    load_properties,
    noticed,
    tell_unknown_routes,
)
from designer.verify.facts import Facts


@click.command(
    epilog=f"""\b
Examples:
  designer verify out/eu-support
  designer verify config.yaml --failures 2
  designer verify config.yaml --pack gdpr-eu --pack finops
  designer verify config.yaml --properties properties.yaml --format sarif

\b
Packs that come along: {", ".join(PACKS)}"""
)
@click.argument("config", metavar="CONFIG")
@click.option(
    "--failures",
    type=click.IntRange(1, 4),
    metavar="K",
    help="Parts that fail at a time in what is implied [1].",
)
@click.option(
    "--properties",
    "properties_",
    metavar="FILE",
    help="What must hold, besides what the profile promises; - is standard input. [designer.yaml's]",
)
@click.option("--pack", "packs", multiple=True, metavar="NAME", help="Properties that come along.")
@click.option("--route", "routes", multiple=True, metavar="ALIAS", help="Only of these routes.")
@click.option("--gateway", metavar="TOKEN", help="Whose configuration it is, as litellm@1.109.")
@click.option(
    "--overlay",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Facts of your own, over the catalog's.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Which facts count [the catalog's day].",
)
@click.option(
    "--allow-inconclusive", is_flag=True, help="Exit 0 although a property could not be judged."
)
@click.option(
    "--repair", "repairs", is_flag=True, help="Show an edit of the file for what is violated."
)
@click.option("--fix", is_flag=True, help="Make the edits that --repair would show.")
@click.option(
    "--mutants",
    is_flag=True,
    help="Make the configuration worse, thing by thing, and say what no property notices.",
)
@format_option("github", "junit", "sarif", "markdown")
def verify(
    config: str,
    failures: int | None,
    properties_: str | None,
    packs: tuple[str, ...],
    routes: tuple[str, ...],
    gateway: str | None,
    overlay: Path | None,
    as_of: datetime | None,
    allow_inconclusive: bool,
    repairs: bool,
    fix: bool,
    mutants: bool,
    format_: str,
) -> None:
    """Prove what CONFIG does on every path, whatever fails, or show a request for which it does not.

    CONFIG is an emitted folder, or a LiteLLM, Portkey or OpenRouter file. Judged is what the profile
    beside it promises, what the properties and packs say and, with none of these, that every single
    failure is survived. Exit 1 when a property is violated or inconclusive.
    """
    report = Report()
    loaded = load_config(config, report, gateway)
    catalog = load_catalog(overlay, report)
    if properties_ is None:
        properties_ = _properties_of_project(Path(config), report)
    listed = _properties(loaded, failures, properties_, packs, report)
    if loaded is not None:
        tell_unknown_routes(listed, loaded.parsed.routing, report)
    if loaded is None or report.has_errors:
        tell(report)
        raise click.exceptions.Exit(2)
    unknown = [name for name in routes if not loaded.parsed.routing.has_route(name)]
    if unknown:
        known = ", ".join(route.name for route in loaded.parsed.routing.routes)
        raise UsageError(f"no route is called {unknown[0]!r}; there are {known}")
    day = as_of.date() if as_of else catalog.date
    judge = Judge(facts(loaded, day, catalog))
    if mutants:
        raise click.exceptions.Exit(_score(judge, listed, format_))
    judged = judge.verdicts(listed)
    found, is_partial = _gathered(judged, routes)
    tell(report)
    tell_settings(loaded.parsed)
    _show(found, is_partial, format_)
    if (repairs or fix) and not is_partial:
        _repair(judge.facts, listed, found, Path(config) if fix else None)
    raise click.exceptions.Exit(130 if is_partial else _code(found, allow_inconclusive))


def _score(judge: Judge, listed: Sequence[Property], format_: str) -> int:
    """Says what no property notices; 1 when there is something."""
    if format_ not in ("text", "json"):
        raise UsageError(f"mutants are told of as text or json, not as {format_}")
    found = list(noticed(judge, listed))
    if format_ == "json":
        echo_json(render.mutants_json(found))
    else:
        click.echo(render.mutants_text(found))
    return int(any(one.by is None for one in found))


def _repair(
    known: Facts, listed: Sequence[Property], found: Sequence[Verdict], path: Path | None
) -> None:
    """Shows an edit for each violation or, with `path`, makes the first one and says so.

    Edits are found one by one: after one is made, another run finds the next.
    """
    began_s = monotonic()
    repairs = Repairs(known, listed, monotonic, began_s + REPAIRS_S, found)
    violated = [verdict for verdict in found if verdict.outcome == "violated"]
    for number, verdict in enumerate(violated):
        mended = repairs.of(verdict)
        about = f"{verdict.route}: {verdict.property}"
        if isinstance(mended, Unrepaired):
            click.echo(f"{about}: {_why(mended, len(violated) - number)}", err=True)
            if not mended.is_all:
                return
        elif path is None:
            tell(Report([mended.finding]))
            click.echo(mended.patch, nl=False)
        elif str(path) == "-":
            raise UsageError("standard input cannot be written to; --repair shows the edit")
        else:
            write_atomically(path / mended.file if path.is_dir() else path, mended.after)
            tell(Report([mended.finding]))
            return


def _why(unrepaired: Unrepaired, left: int) -> str:
    """`left`: how many violations had no repair looked for to its end, this one among them."""
    if unrepaired.is_all:
        return "no single edit of the grid makes it hold"
    said = f"{REPAIRS_S:g} s are over and {unrepaired.tried} edits were tried in vain"
    others = f"; {left - 1} more violations are left" if left > 1 else ""
    return f"{said}{others}: --route looks at fewer"


REPAIRS_S = 60.0
"""How long repairs are looked for in all. Design decision: longer than that nobody waits in a terminal."""


def _properties(
    config: Config | None,
    failures: int | None,
    file: str | None,
    packs: Sequence[str],
    report: Report,
) -> list[Property]:
    """A file or a pack takes the place of what is implied of a configuration without a profile."""
    listed: list[Property] = []
    if config is not None and (config.profile or failures or not (file or packs)):
        listed += implied(config, failures or 1)
    for name in packs:
        listed += load_pack(name, report)
    if file is not None:
        listed += load_properties(_text(file), file, report) or ()
    return listed


def _properties_of_project(config: Path, report: Report) -> str | None:
    """The file that the `designer.yaml` beside the configuration, or above it, names."""
    above = project_above(config) if config.exists() else None
    named = "" if above is None else read_project(report, above).properties
    return str(above.parent / named) if above is not None and named else None


def _text(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error


def _gathered(judged: Iterator[Verdict], routes: Sequence[str]) -> tuple[list[Verdict], bool]:
    """The verdicts, and whether somebody lost patience before all of them were there."""
    found: list[Verdict] = []
    try:
        for verdict in judged:
            if not routes or verdict.route in routes:
                found.append(verdict)
            if sys.stderr.isatty():
                click.echo(f"\r{len(found)} verdicts", nl=False, err=True)
    except KeyboardInterrupt:
        return found, True
    finally:
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)
    return found, False


def _show(found: Sequence[Verdict], is_partial: bool, format_: str) -> None:
    if format_ == "json":
        echo_json(render.as_json(found, is_partial))
    elif format_ == "text":
        click.echo(render.text(found, is_partial))
    else:
        tell_as(render.findings(found), format_)
        click.echo(render.summary(found, is_partial), err=True)


def _code(found: Sequence[Verdict], allow_inconclusive: bool) -> int:
    accepted = ("holds", "inconclusive") if allow_inconclusive else ("holds",)
    return int(any(one.outcome not in accepted for one in found))
