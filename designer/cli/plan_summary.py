"""The summary of a plan on a terminal: the decision in a few lines, then where everything is."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

import click

from designer.diagnostics import Report, Severity
from designer.plan import Plan, in_words, span
from designer.planner.choose import Verdict
from designer.planner.forecast import Forecast


def summary(plan: Plan, profile: str, folder: Path | None, report: Report) -> str:
    blocks = [
        list(_gateway(plan)),
        list(_chains(plan)),
        list(_better(report)),
        list(_todo(plan)),
        list(_warnings(report)),
        list(_end(plan, profile, folder, report)),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _gateway(plan: Plan) -> Iterable[str]:
    chosen = plan.verdict
    yield f"{_bold(plan.profile.name)}  on  {_bold(chosen.gateway.title)}"
    lost, *others = chosen.reasons
    if chosen.losses:
        # Their names stand in the warnings below.
        lost = f"{lost.partition(':')[0]}, each told below"
    for reason in (lost, *others):
        yield _wrap(reason, "    + ")
    for verdict in plan.verdicts:
        if verdict is not chosen:
            yield _wrap(_against(verdict), "    - ")


def _against(verdict: Verdict) -> str:
    if verdict.rejected:
        return f"{verdict.gateway.title} rejected: {verdict.rejected[0]}"
    return f"{verdict.gateway.title}: {verdict.reasons[0]}"


def _chains(plan: Plan) -> Iterable[str]:
    width = max(len(workload.alias) for workload in plan.profile.workloads)
    for chosen in plan.chains:
        forecast = plan.forecasts[chosen.workload.alias]
        alias = click.style(chosen.workload.alias.ljust(width), fg="green", bold=True)
        yield f"  {alias}  {' → '.join(str(rung) for rung in chosen.rungs)}"
        figures = [f"{in_words(forecast.availability)} available", f"p95 {span(forecast.p95_s)}"]
        if forecast.usd_per_month:
            figures.append(span(forecast.usd_per_month))
        yield f"  {' ' * width}  {' · '.join(figures)}   {_grades(forecast)}"
        for reason in chosen.reasons:
            yield _wrap(reason, f"  {' ' * width}    ")
    for workload in plan.given:
        alias = click.style(workload.alias.ljust(width), fg="green", bold=True)
        yield f"  {alias}  given by passthrough: not planned, not checked"


def _grades(forecast: Forecast) -> str:
    """`(prior)`, or which of the figures were measured."""
    figures = {
        "availability": forecast.availability,
        "p95": forecast.p95_s,
        "cost": forecast.usd_per_month or forecast.usd_per_request,
    }
    measured = [name for name, figure in figures.items() if figure.grade == "measured"]
    if len(measured) in (0, len(figures)):
        return "(measured)" if measured else "(prior)"
    return f"(measured: {', '.join(measured)}; the rest prior)"


def _todo(plan: Plan) -> Iterable[str]:
    for what in plan.obtain:
        yield _wrap(f"obtain before go-live: {what}", "  ! ")


def _better(report: Report) -> Iterable[str]:
    """What a locked choice leaves on the table, and how to take it."""
    for finding in report:
        if finding.code in ("PLN107", "PLN108"):
            yield _wrap(f"{finding.message}; {finding.help}", "  ~ ")


def _warnings(report: Report) -> Iterable[str]:
    """A line for each thing said, however many places it is said of; `obtain` is told above."""
    places: dict[tuple[str, str], list[str]] = {}
    for finding in report.at_or_above(Severity.WARNING):
        if finding.severity is Severity.WARNING and finding.code != "PLN106":
            instead = f"; {finding.instead}" if finding.instead else ""
            said = (finding.code, f"{finding.message}{instead}")
            places.setdefault(said, []).append(str(finding.place).removeprefix("routes."))
    for (code, message), where in places.items():
        known = ", ".join(dict.fromkeys(place for place in where if place))
        text = f"{known}: {message}" if known else message
        yield _wrap(text, f"  {click.style(f'[{code}]', fg='yellow')} ", "    ")


def _end(plan: Plan, profile: str, folder: Path | None, report: Report) -> Iterable[str]:
    warnings = sum(f.severity is Severity.WARNING for f in report)
    count = f"{warnings} warning{'' if warnings == 1 else 's'}"
    if folder is None:
        yield f"  nothing written   {len(plan.texts)} files   {count}"
        return
    yield f"  wrote {folder}/   {len(plan.texts)} files   {count}"
    yield f"  next: designer check {profile} {folder}"


def _bold(text: str) -> str:
    return click.style(text, bold=True)


def _wrap(text: str, first: str, rest: str | None = None) -> str:
    plain = click.unstyle(first)
    indent = rest if rest is not None else " " * len(plain)
    lines = textwrap.wrap(text, 100 - len(plain), break_long_words=False, break_on_hyphens=False)
    return "\n".join((first if i == 0 else indent) + line for i, line in enumerate(lines))
