"""`designer simulate`: dry runs of configurations under outages, with assertions."""

import sys
from pathlib import Path

import click

from designer.cli.output import echo_json, format_option, play_options, tell, tell_settings
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.load import load_config
from designer.render.simulation import text as as_text
from designer.services import loads, services
from designer.simulate import BUILTIN, Result, Scenario, builtin_scenario, load_scenario
from designer.simulate import simulate as dry_run


@click.command(
    epilog=f"""\b
Examples:
  designer simulate out/eu-support --scenario provider-outage
  designer simulate old.yaml new.yaml --scenario brownout --seed 7
  designer simulate out/eu-support --scenario mine.yaml --format json

\b
Scenarios that come along:
  {", ".join(list(BUILTIN)[:5])},
  {", ".join(list(BUILTIN)[5:])}"""
)
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
@click.option(
    "--scenario",
    required=True,
    metavar="FILE|NAME",
    help="A file, or the name of one that comes along.",
)
@play_options
@click.option(
    "--allow-inconclusive", is_flag=True, help="Exit 0 although an assertion could not be judged."
)
@format_option()
def simulate(
    configs: tuple[str, ...],
    scenario: str,
    gateway: str | None,
    semantics: str,
    seed: int,
    allow_inconclusive: bool,
    format_: str,
) -> None:
    """Run each CONFIG through a scenario of traffic and outages, in virtual time.

    CONFIG is an emitted folder, or a LiteLLM, Portkey or OpenRouter file: it is the text that is
    simulated. Several are run side by side on the same traffic. Exit 1 when an assertion fails.
    """
    report = Report()
    played = _scenario(scenario, report)
    loaded = [load_config(path, report, gateway) for path in configs]
    if played is None or report.has_errors:
        tell(report)
        raise click.exceptions.Exit(2)
    results: list[Result] = []
    for config in loaded:
        if config is not None:
            parsed = config.with_semantics(semantics).parsed
            traffic = loads(config)
            results.append(dry_run(parsed, played, services(config), traffic, report, seed))
            tell_settings(parsed)
    tell(report)
    if report.has_errors:
        raise click.exceptions.Exit(2)
    if format_ == "json":
        said = [result.as_json() for result in results]
        echo_json(said if len(said) > 1 else said[0])
    else:
        click.echo(as_text(results))
    accepted = ("held", "inconclusive") if allow_inconclusive else ("held",)
    checks = [check for result in results for check in result.checks]
    raise click.exceptions.Exit(int(any(check.verdict not in accepted for check in checks)))


def _scenario(name: str, report: Report) -> Scenario | None:
    if name == "-":
        return load_scenario(sys.stdin.read(), "-", report)
    if name in BUILTIN:
        return builtin_scenario(name, report)
    path = Path(name)
    if not path.suffix and not path.exists():
        raise UsageError(f"no scenario is called {name!r}; there are {', '.join(BUILTIN)}")
    try:
        return load_scenario(path.read_text(encoding="utf-8"), name, report)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {name}: {error}") from error
