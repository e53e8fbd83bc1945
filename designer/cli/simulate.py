"""`designer simulate`: dry runs of configurations under outages, with assertions."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from designer.cli.output import echo_json, format_option, play_options, tell, tell_settings
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.load import Config, load_config
from designer.profile.units import NotAValue, parse_duration_s
from designer.render.simulation import text as as_text
from designer.services import loads, services
from designer.simulate import (
    BACKENDS,
    BUILTIN,
    Job,
    Result,
    Scenario,
    Workers,
    builtin_scenario,
    load_scenario,
    recording_of,
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
  designer simulate config.yaml --scenario brownout --against ~/litellm/bin/litellm --compress 60

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
@click.option(
    "--against",
    metavar="PATH",
    help="Play it on this gateway too (LiteLLM's or Portkey's program, a folder with one, or the word "
    "runtime), and compare request by request.",
)
@click.option(
    "--compress",
    type=click.FloatRange(1.0),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="With --against: divide the scenario's times, not its rates, by this.",
)
@click.option(
    "--at-most",
    type=click.IntRange(1, 2000),
    default=200,
    show_default=True,
    metavar="N",
    help="With --against: how many requests are sent.",
)
@click.option(
    "--within", default="60s", show_default=True, help="With --against: for how long they are sent."
)
@click.option(
    "--tolerance",
    default="500ms",
    show_default=True,
    help="With --against: how much later than on paper something may happen.",
)
@click.option(
    "--at-least",
    type=click.FloatRange(0, 100),
    default=95.0,
    show_default=True,
    metavar="PERCENT",
    help="With --against: fewer requests alike than that are a difference, exit 1.",
)
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
    against: str | None,
    compress: float,
    at_most: int,
    within: str,
    tolerance: str,
    at_least: float,
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
    try:
        recordings = [recording_of(one, report, strict) for one in played]
    except KeyboardInterrupt:
        tell(report)
        _show_partly([], len(configs) * len(played), format_)
    loaded = [load_config(path, report, gateway) for path in configs]
    if report.has_errors:
        tell(report)
        raise click.exceptions.Exit(2)
    if against is not None:
        bounds = (at_most, _seconds(within), compress, _seconds(tolerance), at_least / 100)
        if len(loaded) > 1 or len(played) > 1 or seeds > 1:
            raise UsageError("--against plays one configuration, one scenario and one seed")
        _against(loaded[0], played[0], against, semantics, seed, bounds, report, format_)
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
    if len(results) < len(jobs) or any(result.is_partial for result in results):
        _show_partly(results, len(jobs), format_)
    _show(results, len(jobs), format_)
    accepted = ("held", "inconclusive") if allow_inconclusive else ("held",)
    checks = [check for result in results for check in result.checks]
    raise click.exceptions.Exit(int(any(check.verdict not in accepted for check in checks)))


def _show(results: Sequence[Result], wanted: int, format_: str) -> None:
    if format_ == "json":
        said = [result.as_json() for result in results] or [NOTHING]
        echo_json(said if wanted > 1 else said[0])
    else:
        click.echo(as_text(results))


def _show_partly(results: Sequence[Result], wanted: int, format_: str) -> NoReturn:
    _show(results, wanted, format_)
    click.echo("interrupted: what is said here is partial", err=True)
    raise click.exceptions.Exit(130)


def _against(
    config: Config | None,
    scenario: Scenario,
    gateway: str,
    semantics: str,
    seed: int,
    bounds: tuple[int, float, float, float, float],
    report: Report,
    format_: str,
) -> NoReturn:
    from designer.cli.worlds import Bounds, against, show

    assert config is not None, "a report without errors has a configuration"
    found = config.with_semantics(semantics, report)
    both = against(found, scenario, gateway, semantics, seed, Bounds(*bounds), report)
    tell(report)
    show(both, format_)
    raise click.exceptions.Exit(int(not both.agrees))


def _seconds(text: str) -> float:
    try:
        return parse_duration_s(text)
    except NotAValue as problem:
        raise UsageError(f"{text!r} is {problem}") from problem


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
