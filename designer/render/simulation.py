"""A dry run's result as a table for a terminal. Plain text: colour is the command line's affair."""

from collections.abc import Iterable, Sequence

from designer.simulate import Interval, Result, RouteResult
from designer.simulate.result import Phase


def text(results: Sequence[Result]) -> str:
    return "\n\n".join("\n".join(_lines(result)) for result in results)


def _lines(result: Result) -> Iterable[str]:
    yield (
        f"{result.scenario}  on  {result.gateway}   {_duration(result.for_s)} of virtual time, "
        f"{result.total.requests:,} requests, {_seeds(result)}"
    )
    if result.is_partial:
        yield "PARTIAL: interrupted before all was simulated"
    yield ""
    rows = [*result.routes, *([result.total] if len(result.routes) > 1 else [])]
    head = [
        "route",
        "requests",
        "availability",
        "attempts",
        "p50",
        "p95",
        "p99",
        "USD/1000",
        "answered by",
    ]
    yield from _table([head, *(_row(row) for row in rows)])
    if result.phases:
        yield ""
        yield from _table([["when", *head[1:]], *(_phase_row(phase) for phase in result.phases)])
    if result.recorded_usd is not None:
        cost_usd = result.total.cost_usd / result.seeds
        yield f"  {cost_usd:.4f} USD in all; the log says {result.recorded_usd:.4f} USD"
    for row in result.routes:
        if row.failures:
            told = ", ".join(f"{n:,} × {failure}" for failure, n in _most(row.failures))
            yield f"  {row.route}: callers were told {told}"
        if row.cached:
            part, saved = row.cached / row.served, row.saved_usd
            yield f"  {row.route}: {part:.1%} answered from the cache, {saved:.4g} USD saved"
    for check in result.checks:
        mark = {"held": "ok", "failed": "FAILED", "inconclusive": "INCONCLUSIVE"}[check.verdict]
        route = f"{check.route}: " if check.route else ""
        close = " (close: another seed may judge otherwise)" if check.is_close else ""
        yield f"  {mark:12} {route}{check.name} {check.wanted}: {check.found}{close}"
    for assumption in result.assumptions:
        yield f"  assumed: {assumption}"


def _phase_row(phase: Phase) -> list[str]:
    route = phase.routes[0] if len(phase.routes) == 1 else phase.total
    return [f"{_clock(phase.from_s)} to {_clock(phase.to_s)}", *_row(route)[1:-1], _served(route)]


def _served(row: RouteResult) -> str:
    whole = sum(row.served_by.values()) or 1
    return ", ".join(f"{_short(id_, row.route)} {n / whole:.1%}" for id_, n in _most(row.served_by))


def _row(row: RouteResult) -> list[str]:
    return [
        row.route or "all",
        f"{row.requests:,}",
        _share(row.availability),
        f"{row.attempts_mean:.2f} (most {row.attempts_max})",
        _seconds(row.p50_s),
        _seconds(row.p95_s),
        _seconds(row.p99_s),
        "unknown" if row.cost_per_1k_usd is None else f"{row.cost_per_1k_usd.value:.4g}",
        _served(row) if row.route else "",
    ]


def _seeds(result: Result) -> str:
    if result.seeds == 1:
        return f"seed {result.seed}"
    return f"seeds {result.seed} to {result.seed + result.seeds - 1}"


def _clock(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds % 60 == 0 else f"{seconds:g} s"


def _short(id_: str, route: str) -> str:
    return id_.removeprefix(f"{route}/")


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _share(figure: Interval | None) -> str:
    if figure is None:
        return "–"
    return f"{100 * figure.value:.3f} % [{100 * figure.low:.2f}, {100 * figure.high:.2f}]"


def _seconds(figure: Interval | None) -> str:
    return "–" if figure is None else f"{figure.value:.2f} s"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()
