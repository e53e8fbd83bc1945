"""`designer trace`: what a gateway makes of scripted outcomes, attempt by attempt."""

import sys
from pathlib import Path

import click

from designer.cli.output import echo_json, format_option, play_options, tell, tell_settings
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.load import load_config
from designer.trace import as_json, as_text, load_outcomes
from designer.trace import trace as run_trace


@click.command(
    epilog="""\b
Examples:
  designer trace out/eu-support --route support-chat --outcomes outcomes.json
  designer trace config.yaml --outcomes outcomes.json --format json
  echo '{"outcomes": {"chat/openai/gpt-5": [{"status": 503}]}}' |
    designer trace out/NAME --route chat --outcomes -"""
)
@click.argument("config")
@click.option("--route", default="", help="The alias asked for; not needed where there is one.")
@click.option(
    "--outcomes",
    required=True,
    metavar="FILE",
    help="What each deployment answers, in JSON or YAML; - is standard input.",
)
@play_options
@format_option()
def trace(
    config: str,
    route: str,
    outcomes: str,
    gateway: str | None,
    semantics: str,
    seed: int,
    format_: str,
) -> None:
    """Follow one request, or several, through CONFIG with scripted OUTCOMES.

    CONFIG is an emitted folder, a LiteLLM, Portkey or OpenRouter file, or -. Times are virtual and
    without jitter. The format of an outcomes file is described in docs/trace.md.
    """
    report = Report()
    loaded = load_config(config, report, gateway)
    script = load_outcomes(_text(outcomes), outcomes, report)
    if loaded is None or script is None:
        tell(report)
        raise click.exceptions.Exit(2)
    parsed = loaded.with_semantics(semantics, report).parsed
    traced = run_trace(parsed, script, report, route, seed, loaded.terms)
    tell(report)
    tell_settings(parsed)
    if traced is None:
        raise click.exceptions.Exit(2)
    if format_ == "json":
        echo_json(as_json(traced, script))
    else:
        click.echo(as_text(traced), nl=False)


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
