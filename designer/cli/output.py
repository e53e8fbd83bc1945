"""What the commands share: findings on the right stream in the asked format, and their exit codes."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from designer.diagnostics import Diagnostic, Report, Severity
from designer.render import findings as render

_Command = TypeVar("_Command", bound=Callable[..., Any])

_COLOUR = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def format_option(*more: str) -> Callable[[_Command], _Command]:
    choices = click.Choice(["text", "json", *more])
    return click.option("--format", "format_", type=choices, default="text", show_default=True)


def fail_on_option(command: _Command) -> _Command:
    """The lowest severity that makes the exit code 1."""
    return click.option(
        "--fail-on",
        type=click.Choice([str(s) for s in Severity]),
        default="error",
        show_default=True,
        help="Exit 1 on findings of this severity or graver.",
    )(command)


def tell(report: Report, err: bool = True) -> None:
    """Findings as text, coloured on a terminal only."""
    for finding in sorted(report, key=lambda f: f.severity.rank):
        click.echo(_coloured(finding), err=err)


def _coloured(finding: Diagnostic) -> str:
    text = render.text([finding])
    plain = f"{finding.severity}[{finding.code}]"
    return text.replace(plain, click.style(plain, fg=_COLOUR[finding.severity], bold=True), 1)


def tell_as(report: Report, format_: str) -> None:
    """Findings alone, on standard output, in a format for machines."""
    click.echo(render.FORMATS[format_](report.diagnostics))


def echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def exit_code(report: Report, fail_on: str = "error", when_found: int = 1) -> int:
    return when_found if report.at_or_above(Severity(fail_on)) else 0


def is_terminal() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def read_stdin_or(path: str) -> str | None:
    """The text of standard input for `-`, None for a path (its reader reports its own troubles)."""
    return sys.stdin.read() if path == "-" else None
