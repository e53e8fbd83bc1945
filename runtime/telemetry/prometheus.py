"""Counters and histograms for Prometheus, at `/metrics`.

prometheus-client adds up what several workers count, through files in the folder that
`PROMETHEUS_MULTIPROC_DIR` names; the name has to be set before this module is imported.
"""

import os
from typing import Final, Generic, Protocol, Self, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from runtime.limits.binding import Bind
from runtime.telemetry.record import Record

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
# As OpenTelemetry advises for the duration of GenAI operations (semantic conventions 1.38).
_SECONDS: Final = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28),
    *(2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)


class _Labelled(Protocol):
    def labels(self, *values: str) -> Self: ...


T = TypeVar("T", bound=_Labelled)


class _Children(dict[tuple[str, ...], T], Generic[T]):
    """A metric by its labels' values; prometheus-client's own `labels` asks each time what it was given."""

    def __init__(self, metric: T) -> None:
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> T:
        child = self[values] = self._metric.labels(*values)
        return child


class Metrics:
    """Label values are names of the configuration and tokens of failures, so they are bounded."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = _Children(
            Counter(
                "designer_requests",
                "Requests performed.",
                ("route", "status", "cache"),
                registry=registry,
            )
        )
        self._attempts = _Children(
            Counter(
                "designer_attempts",
                "Attempts at deployments, by how they ended: 200 or a failure's name.",
                ("route", "deployment", "outcome"),
                registry=registry,
            )
        )
        self._tokens = _Children(
            Counter(
                "designer_tokens",
                "Tokens that providers billed.",
                ("route", "deployment", "type"),
                registry=registry,
            )
        )
        self._cost = _Children(
            Counter(
                "designer_cost_usd",
                "What answers cost, as far as prices are known.",
                ("route", "deployment"),
                registry=registry,
            )
        )
        self._unpriced = _Children(
            Counter(
                "designer_unpriced_requests",
                "Answers whose cost nobody knows.",
                ("route", "deployment"),
                registry=registry,
            )
        )
        self._redactions = _Children(
            Counter("designer_redactions", "Values taken out.", ("route",), registry=registry)
        )
        self._alerts = Counter(
            "designer_budget_alerts",
            "Windows in which a budget passed its alert share.",
            ("budget",),
            registry=registry,
        )
        self._took = _Children(
            Histogram(
                "designer_request_seconds",
                "From a request's arrival to the end of its answer.",
                ("route",),
                buckets=_SECONDS,
                registry=registry,
            )
        )
        self._first_token = _Children(
            Histogram(
                "designer_first_token_seconds",
                "From an attempt's beginning to the first content of its stream.",
                ("route", "deployment"),
                buckets=_SECONDS,
                registry=registry,
            )
        )

    def told(self, record: Record) -> None:
        route, by = record.route, record.served_by
        self._requests[route, str(record.status), record.cache].inc()
        self._took[(route,)].observe(record.took_s)
        for tried in record.attempts:
            self._attempts[route, tried.deployment, tried.outcome].inc()
            if tried.first_token_s is not None:
                self._first_token[route, tried.deployment].observe(tried.first_token_s)
        if record.redactions:
            self._redactions[(route,)].inc(record.redactions)
        if record.input_tokens:
            self._tokens[route, by, "input"].inc(record.input_tokens)
        if record.output_tokens:
            self._tokens[route, by, "output"].inc(record.output_tokens)
        if record.cost_usd == "unknown":
            self._unpriced[route, by].inc()
        elif by:
            self._cost[route, by].inc(float(record.cost_usd))

    def alerted(self, budget: Bind) -> None:
        self._alerts.labels(budget.words).inc()

    def text(self) -> bytes:
        """Of all workers, where there are several."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # prometheus-client's own
        return generate_latest(together)

    def close(self) -> None:
        """Nothing is held: files of a worker stay for the sum of all."""
