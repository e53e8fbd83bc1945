"""`designer trace`: what a gateway makes of scripted outcomes, attempt by attempt."""

import sys
from pathlib import Path

import click

from designer.cli.output import echo_json, format_option, play_options, tell, tell_settings
from designer.diagnostics import Report
from designer.engine.semantics import Semantics
from designer.errors import UsageError
from designer.load import load_config
from designer.tasks import TASKS, shares
from designer.trace import Script, as_json, as_text, load_outcomes, saying
from designer.trace import trace as run_trace


@click.command(
    epilog="""\b
Examples:
  designer trace out/eu-support --route support-chat --outcomes outcomes.json
  designer trace config.yaml --outcomes outcomes.json --format json
  designer trace config.yaml --prompt 'Fix this SQL' --semantics reference
  echo '{"outcomes": {"chat/openai/gpt-5": [{"status": 503}]}}' |
    designer trace out/NAME --route chat --outcomes -"""
)
@click.argument("config")
@click.option("--route", default="", help="The alias asked for; not needed where there is one.")
@click.option(
    "--outcomes",
    default="",
    metavar="FILE",
    help="What each deployment answers, in JSON or YAML; - is standard input.",
)
@click.option(
    "--prompt", metavar="TEXT", help="What the user says; without --outcomes all answer 200."
)
@play_options
@format_option()
def trace(
    config: str,
    route: str,
    outcomes: str,
    prompt: str | None,
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
    script = _script(outcomes, prompt, report)
    if loaded is None or script is None:
        tell(report)
        raise click.exceptions.Exit(2)
    parsed = loaded.with_semantics(semantics, report).parsed
    traced = run_trace(parsed, script, report, route, seed, loaded.terms)
    tell(report)
    tell_settings(parsed)
    if prompt is not None:
        click.echo(_likely(prompt, parsed.semantics), err=True)
    if traced is None:
        raise click.exceptions.Exit(2)
    if format_ == "json":
        echo_json(as_json(traced, script))
    else:
        click.echo(as_text(traced), nl=False)


def _script(outcomes: str, prompt: str | None, report: Report) -> Script | None:
    if prompt is None:
        if not outcomes:
            raise UsageError("say what the deployments answer, --outcomes FILE, or give a --prompt")
        return load_outcomes(_text(outcomes), outcomes, report)
    text, name = (_text(outcomes), outcomes) if outcomes else ("{}", "--prompt")
    script = load_outcomes(text, name, report)
    return None if script is None else saying(script, prompt)


def _likely(prompt: str, semantics: Semantics) -> str:
    """What the prompt looks like, and whether that matters."""
    ranked = sorted(zip(shares(prompt), TASKS, strict=True), reverse=True)
    listed = ", ".join(f"{task} {share:.0%}" for share, task in ranked[:_MOST_TASKS])
    if semantics.guesses_task:
        return f"the prompt looks like {listed}"
    return f"the prompt looks like {listed}; {semantics.name} goes by what the request says alone"


_MOST_TASKS = 3


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
