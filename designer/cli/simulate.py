"""`designer simulate`: dry runs of configurations under outages, with assertions."""

import os
import sys
from pathlib import Path

import click

from designer.cli.output import echo_json, format_option, play_options, tell, tell_settings
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.load import load_config
from designer.render.simulation import text as as_text
from designer.services import loads, services
from designer.simulate import (
    BACKENDS,
    BUILTIN,
    Job,
    Recording,
    Scenario,
    Workers,
    builtin_scenario,
    load_scenario,
    read_recording,
    sweep,
)
from designer.simulate.result import SCHEMA_VERSION
from designer.simulate.sweep import Backend

NOTHING = {"schema_version": SCHEMA_VERSION, "partial": True}
"""What a run says that was interrupted before anything was known."""


@click.command(
    epilog=f"""\b
Examples:
  designer simulate out/eu-support --scenario provider-outage
  designer simulate old.yaml new.yaml --scenario brownout --seed 7
  designer simulate out/eu-support --scenario brownout --scenario all-down --seeds 20
  designer simulate out/eu-support --scenario mine.yaml --format json

\b
Scenarios that come along:
  {", ".join(list(BUILTIN)[:5])},
  {", ".join(list(BUILTIN)[5:])}"""
)
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
@click.option(
    "--scenario",
    "scenarios",
    required=True,
    multiple=True,
    metavar="FILE|NAME",
    help="A file, or the name of one that comes along; may be repeated.",
)
@play_options
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many runs, with seeds from --seed on; intervals are then over the runs.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="How many processes share several runs; all cores by default.",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="loky",
    show_default=True,
    help="Who shares them: this machine, or a Dask or Ray cluster.",
)
@click.option("--address", help="Of a running cluster; without it one is started here.")
@click.option("--strict", is_flag=True, help="Refuse a log of which an entry cannot be read.")
@click.option(
    "--allow-inconclusive", is_flag=True, help="Exit 0 although an assertion could not be judged."
)
@format_option()
def simulate(
    configs: tuple[str, ...],
    scenarios: tuple[str, ...],
    gateway: str | None,
    semantics: str,
    seed: int,
    seeds: int,
    workers: int | None,
    backend: Backend,
    address: str | None,
    strict: bool,
    allow_inconclusive: bool,
    format_: str,
) -> None:
    """Run each CONFIG through scenarios of traffic and outages, in virtual time.

    CONFIG is an emitted folder, or a LiteLLM, Portkey or OpenRouter file: it is the text that is
    simulated. Several are run side by side on the same traffic. Exit 1 when an assertion fails.
    """
    report = Report()
    scenarios_read = [read_scenario(name, report) for name in scenarios]
    played = [one for one in scenarios_read if one is not None]
    recordings = [_recording(one, strict, report) for one in played]
    loaded = [load_config(path, report, gateway) for path in configs]
    if report.has_errors:
        tell(report)
        raise click.exceptions.Exit(2)
    jobs = []
    for config in loaded:
        if config is not None:
            parsed = config.with_semantics(semantics, report).parsed
            terms = services(config), loads(config)
            jobs += [
                Job(parsed, scenario, *terms, recording)
                for scenario, recording in zip(played, recordings, strict=True)
            ]
            tell_settings(parsed)
    by = Workers(workers or os.cpu_count() or 1, backend, address)
    results = sweep(jobs, range(seed, seed + seeds), report, by)
    tell(report)
    if report.has_errors:
        raise click.exceptions.Exit(2)
    is_partial = len(results) < len(jobs) or any(result.is_partial for result in results)
    if format_ == "json":
        said = [result.as_json() for result in results] or [NOTHING]
        echo_json(said if len(jobs) > 1 else said[0])
    else:
        click.echo(as_text(results))
    if is_partial:
        click.echo("interrupted: what is said here is partial", err=True)
        raise click.exceptions.Exit(130)
    accepted = ("held", "inconclusive") if allow_inconclusive else ("held",)
    checks = [check for result in results for check in result.checks]
    raise click.exceptions.Exit(int(any(check.verdict not in accepted for check in checks)))


def _recording(scenario: Scenario, is_strict: bool, report: Report) -> Recording | None:
    """Of a scenario that replays one; its path is beside the scenario's file."""
    replay = scenario.traffic.replay
    if not replay:
        return None
    path = Path(scenario.file).parent / replay
    return read_recording(path, scenario.traffic.place, report, is_strict)


def read_scenario(name: str, report: Report) -> Scenario | None:
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
