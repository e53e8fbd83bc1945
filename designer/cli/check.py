"""`designer check`: the whole gate of a continuous integration in one command."""

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
from msgspec.structs import replace

from designer.check import STEPS, Step, Wanted, exit_code
from designer.check import check as run_check
from designer.check.words import Checked, Terms, as_json, junit, line, told
from designer.cli.output import format_option, tell
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.project import FILE, Project, read_project
from designer.render import findings


@click.command(
    epilog="""\b
Examples:
  designer check profile.yaml
  designer check profile.yaml deploy/support --diff
  designer check --fail-on warning --format github      # the profiles of designer.yaml"""
)
@click.argument("profile", required=False, metavar="[PROFILE]")
@click.argument(
    "folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    help="Exit 1 for findings at or above this [error, or what designer.yaml says].",
)
@click.option("--gateway", help="A gateway's token instead of the profile's choice, as for plan.")
@click.option(
    "--overlay",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Your own facts over the catalog's, as for plan [what designer.yaml says].",
)
@click.option(
    "--catalog",
    "catalog_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A catalog of another day, as for plan [what designer.yaml says].",
)
@click.option("--diff", is_flag=True, help="Show what planning again would change in DIR.")
@click.option("-v", "--verbose", is_flag=True, help="Show the findings below --fail-on too.")
@click.option(
    "--allow-inconclusive",
    is_flag=True,
    help="Exit 0 although something could not be decided.",
)
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Which facts count [the catalog's day]."
)
@format_option("github", "junit", "sarif", "markdown")
def check(
    profile: str | None,
    folder: Path | None,
    fail_on: str | None,
    gateway: str | None,
    overlay: Path | None,
    catalog_file: Path | None,
    diff: bool,
    verbose: bool,
    allow_inconclusive: bool,
    as_of: datetime | None,
    format_: str,
) -> None:
    """Check PROFILE and what was planned from it, in DIR [out/NAME].

    The plan and what is still to be obtained, drift of the files, their schemas and meaning, lint,
    every single failure, route tests, scenarios: all of it runs, and the worst decides the exit code.
    Without PROFILE, the profiles that designer.yaml names. See docs/check.md.
    """
    project = _project()
    if overlay is not None:
        project = replace(project, overlay=str(overlay))
    if catalog_file is not None:
        project = replace(project, catalog=str(catalog_file))
    terms = Terms(fail_on or project.fail_on, allow_inconclusive)
    profiles = (profile,) if profile else project.profiles
    if not profiles:
        raise UsageError(f"no PROFILE is given, and {FILE} names none")
    day = as_of.date() if as_of else None
    checked = []
    for path in profiles:
        text = sys.stdin.read() if path == "-" else None
        steps = []
        if format_ == "text" and len(profiles) > 1:
            click.echo(click.style(path, bold=True))
        for step, took_s in _timed(run_check(Wanted(path, text, folder, project, gateway, day))):
            steps.append(step)
            if format_ == "text":
                _show(step, took_s, terms, verbose, diff)
        checked.append(Checked(path, tuple(steps)))
    every = [step for one in checked for step in one.steps]
    if format_ == "text":
        _conclude(every, terms, verbose)
    else:
        click.echo(_machine(checked, every, terms, format_))
    raise click.exceptions.Exit(exit_code(every, terms.fail_on, terms.allow_inconclusive))


def _machine(checked: list[Checked], steps: list[Step], terms: Terms, format_: str) -> str:
    match format_:
        case "json":
            return as_json(checked, terms)
        case "junit":
            return junit(checked, terms)
        case _:
            return findings.FORMATS[format_]([f for step in steps for f in step.findings])


def _project() -> Project:
    report = Report()
    project = read_project(report)
    if report:
        tell(report)
    if report.has_errors:
        raise click.exceptions.Exit(2)
    return project


def _timed(steps: Iterator[Step]) -> Iterator[tuple[Step, float]]:
    """Each step and the seconds it took; on a terminal, what is being done now."""
    shows = sys.stderr.isatty()
    for name in STEPS:
        if shows:
            click.echo(f"\r{name} …\x1b[K", nl=False, err=True)
        began_s = time.perf_counter()
        step = next(steps, None)
        if shows:
            click.echo("\r\x1b[K", nl=False, err=True)
        if step is None:
            return
        yield step, time.perf_counter() - began_s


def _show(step: Step, took_s: float, terms: Terms, verbose: bool, diff: bool) -> None:
    text = line(step, took_s, terms)
    failing = terms.failing(step)
    click.echo(click.style(text, fg="red") if failing else text)
    tell(Report(told(step, terms, verbose)), err=False)
    if diff and step.diff:
        click.echo(step.diff, nl=False)


def _conclude(steps: list[Step], terms: Terms, verbose: bool) -> None:
    hidden = sum(len(s.findings) - len(told(s, terms, verbose)) for s in steps)
    if hidden:
        click.echo(f"{hidden} lesser findings are not shown; -v shows them")
