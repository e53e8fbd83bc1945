"""`designer plan`: the pipeline, its summary on screen, its files on disk."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click

from designer.catalog import Catalog, load_catalog
from designer.cli.output import echo_json, exit_code, format_option, tell, tell_as
from designer.cli.plan_summary import summary
from designer.compiler import (
    INFEASIBLE,
    NO_GATEWAY,
    Options,
    compile_profile,
    lock_for,
    write_lock,
    write_plan,
)
from designer.diagnostics import Report, Severity
from designer.errors import UsageError
from designer.plan import Plan
from designer.planner.lock import Lock
from designer.profile.load import load_profile
from designer.project import read_project
from designer.render import findings


@click.command(
    epilog="""\b
Examples:
  designer plan profile.yaml
  designer plan profile.yaml --gateway litellm -o deploy/
  designer plan profile.yaml --no-write --format json
  designer plan profile.yaml --replan support-chat
  designer plan profile.yaml --until 2027-06-30
  designer plan profile.yaml --overlay measured.yaml"""
)
@click.argument("profile", type=str)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder to write [out/NAME].")
@click.option("--no-write", is_flag=True, help="Decide and check, but write nothing.")
@click.option("--overwrite", is_flag=True, help="Overwrite files that were edited by hand.")
@click.option("--gateway", help="A gateway's token instead of the profile's choice.")
@click.option(
    "--replan",
    multiple=True,
    is_flag=False,
    flag_value="*",
    metavar="[ALIAS]",
    help="Reconsider the locked choice of an alias, or of all.",
)
@click.option(
    "--overlay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own prices, contracts and measurements; they win over the packaged facts.",
)
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Which facts count [the catalog's day]."
)
@click.option(
    "--catalog",
    "catalog_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A catalog of another day (`catalog update -o`) instead of the packaged one.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Tell what is announced up to this day: retirements, prices, and what then.",
)
@format_option("github", "junit", "sarif", "markdown")
def plan(
    profile: str,
    out: Path | None,
    no_write: bool,
    overwrite: bool,
    gateway: str | None,
    replan: tuple[str, ...],
    overlay: Path | None,
    as_of: datetime | None,
    catalog_file: Path | None,
    until: datetime | None,
    format_: str,
) -> None:
    """Turn PROFILE (a file, or - for standard input) into a gateway and its checked configuration.

    Writes out/NAME/ and designer.lock beside the profile. The files are validated against their
    schema and read back before they are written; what the gateway cannot express is reported with
    what happens instead.
    """
    report = Report()
    text = sys.stdin.read() if profile == "-" else None
    loaded = load_profile(profile, text, report=report)
    if loaded is None or report.has_errors:
        _end(report, format_, code=2)
    project = read_project(report)
    catalog = load_catalog(
        overlay or project.overlay_path, report, file=catalog_file or project.catalog_path
    )
    if report.has_errors:
        _end(report, format_, code=2)
    name, path = loaded.profile.name, Path(profile)
    lock = Lock() if profile == "-" else lock_for(path, name, report)
    if report.has_errors:
        _end(report, format_, code=2)
    options = Options(
        gateway=gateway,
        replan=None if "*" in replan else frozenset(replan),
        as_of=as_of.date() if as_of else None,
        until=until.date() if until else None,
    )
    made = compile_profile(loaded, catalog, lock, options, report)
    if made is None:
        infeasible = any(f.rule in (INFEASIBLE, NO_GATEWAY) for f in report)
        _end(report, format_, code=3 if infeasible else 2)
    folder = out or Path(project.out) / name
    written = (
        not no_write
        and not report.has_errors
        and _write(made, folder, () if profile == "-" else loaded.files, catalog, overwrite, report)
    )
    _show(made, profile, folder if written else None, report, format_)
    raise click.exceptions.Exit(exit_code(report))


def _write(
    made: Plan,
    folder: Path,
    files: Sequence[str],
    catalog: Catalog,
    overwrite: bool,
    report: Report,
) -> bool:
    """`files` is what the profile was read from, itself first; empty for standard input."""
    if write_plan(made, folder, report, overwrite, files) is None:
        return False
    if files:
        try:
            write_lock(made, Path(files[0]), catalog)
        except UsageError as error:
            raise UsageError(f"{error}; the plan itself was written to {folder}") from error
    return True


def _show(made: Plan, profile: str, folder: Path | None, report: Report, format_: str) -> None:
    if format_ == "json":
        echo_json(
            {
                "schema_version": findings.SCHEMA_VERSION,
                "name": made.profile.name,
                "gateway": made.gateway.name,
                "folder": str(folder) if folder else None,
                "files": sorted(made.texts),
                "chains": {c.workload.alias: [str(rung) for rung in c.rungs] for c in made.chains},
                "obtain": list(made.obtain),
                "findings": [finding.as_json() for finding in report],
            }
        )
    elif format_ == "text":
        click.echo(summary(made, profile, folder, report))
        # Doubts, losses and agreements are in the summary; here is what asks for an edit.
        graver = Report(report.at_or_above(Severity.ERROR))
        tell(graver)
    else:
        tell_as(report, format_)


def _end(report: Report, format_: str, code: int) -> NoReturn:
    if format_ == "text":
        tell(report)
        click.echo(findings.summary(report), err=True)
    else:
        tell_as(report, format_)
    raise click.exceptions.Exit(code)
