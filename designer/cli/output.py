"""What the commands share: options, findings on the right stream and in the asked format, exit codes."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from designer.diagnostics import Diagnostic, Report, Severity
from designer.gateways.base import Parsed
from designer.gateways.reference import REFERENCE
from designer.gateways.registry import GATEWAYS
from designer.render import findings as render

_Command = TypeVar("_Command", bound=Callable[..., Any])

_COLOUR = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def format_option(*more: str) -> Callable[[_Command], _Command]:
    choices = click.Choice(["text", "json", *more])
    return click.option("--format", "format_", type=choices, default="text", show_default=True)


def semantics_option(default: str) -> Callable[[_Command], _Command]:
    """Whose behaviour: `own`, `reference`, or a gateway's token."""
    return click.option(
        "--semantics",
        default=default,
        show_default=True,
        metavar="own|reference|TOKEN",
        callback=_known_semantics,
        help="Behave as the file's own gateway does, as a careful engineer would want, or as another "
        "gateway: litellm@1.106.",
    )


def _known_semantics(_: click.Context, param: click.Parameter, value: str) -> str:
    known = ("own", REFERENCE.name, *GATEWAYS)
    if value.partition("@")[0] not in known or value.startswith(("own@", "reference@")):
        raise click.BadParameter(f"{value!r} is none of {', '.join(known)}.", param=param)
    return value


def play_options(command: _Command) -> _Command:
    """How a configuration is understood and played: `--gateway`, `--semantics`, `--seed`."""
    for option in (
        click.option(
            "--seed",
            type=int,
            default=0,
            show_default=True,
            help="For chance that is not scripted: the same seed gives the same bytes.",
        ),
        semantics_option("own"),
        click.option(
            "--gateway",
            metavar="TOKEN",
            help="Whose configuration it is, where it cannot be told, or which version: litellm@1.109.",
        ),
    ):
        command = option(command)
    return command


def tell(report: Report, err: bool = True) -> None:
    """Findings as text, coloured on a terminal only."""
    for finding in sorted(report, key=lambda f: f.severity.rank):
        click.echo(_coloured(finding), err=err)


def tell_settings(parsed: Parsed, err: bool = True) -> None:
    """What became of a configuration's settings, where some of them are not simulated."""
    if parsed.simulated == parsed.settings:
        return
    few = ", ".join(parsed.not_analysed[:_MOST_LISTED])
    more = len(parsed.not_analysed) - _MOST_LISTED
    listed = f": {few}" + (f" and {more} more" if more > 0 else "") if few else ""
    click.echo(f"{parsed.summary}{listed}", err=err)


_MOST_LISTED = 5


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
