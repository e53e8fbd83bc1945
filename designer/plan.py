"""A finished plan, and the three documents about it: plan.json, REPORT.md and CLIENT.md.

plan.json holds what changes from run to run (versions, dates, hashes), so that the other files stay
the same as long as they mean the same. It is read for facts and hashes, never as the configuration:
what a dry run simulates is the emitted text.
"""

import math
import shlex
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from designer import __version__
from designer.catalog import Catalog
from designer.diagnostics import Report
from designer.gateways.base import File, Gateway, Terms
from designer.ir import (
    Chain,
    Failures,
    Node,
    Ref,
    Retry,
    Routing,
    Target,
    children,
)
from designer.planner.chain import Chosen
from designer.planner.choose import Verdict
from designer.planner.forecast import Figure, Forecast, bill
from designer.planner.processors import entrances
from designer.primary import FAILURES, Primary
from designer.profile.model import Profile, Workload
from designer.profile.policy import policy_of

SCHEMA_VERSION = 1


class Plan(Struct, frozen=True):
    profile: Profile
    gateway: Gateway
    routing: Routing
    """Legal for the gateway: what the files mean."""
    terms: Mapping[str, Terms]
    chains: tuple[Chosen, ...]
    forecasts: Mapping[str, Forecast]
    """By alias."""
    verdicts: tuple[Verdict, ...]
    """Every gateway, the best first."""
    loosened: tuple[str, ...]
    """Where a workload asks for less than the profile's own default."""
    not_honoured: tuple[str, ...]
    report: Report
    texts: Mapping[str, str]
    """By path below the output folder, plan.json last."""
    version: str
    """The gateway's: the one that was asked for, or else the one that was measured."""
    unmodelled: tuple[str, ...] = ()
    """Settings of the files that the profile passes through and that are checked only."""
    not_analysed: tuple[str, ...] = ()
    """What is passed through and not understood, as paths in the gateway's files."""
    files: tuple[File, ...] = ()
    """The gateway's own configuration, which `routing` is read back from."""
    artefacts: tuple[File, ...] = ()
    """What is deployed beside it."""
    primaries: tuple[Primary, ...] = ()
    """By the emitted text: what happens when the first deployment of an alias dies."""

    @property
    def verdict(self) -> Verdict:
        return next(v for v in self.verdicts if v.gateway is self.gateway)

    @property
    def given(self) -> tuple[Workload, ...]:
        """What `passthrough` says whole; nothing was planned for it."""
        return tuple(workload for workload in self.profile.workloads if workload.given)

    @property
    def obtain(self) -> tuple[str, ...]:
        of_chains = (what for chosen in self.chains for what in chosen.to_obtain)
        return tuple(dict.fromkeys((*of_chains, *self.verdict.obtain)))


# --- plan.json ------------------------------------------------------------------------------------


def as_json(plan: Plan, catalog: Catalog, hashes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "name": plan.profile.name,
        "gateway": f"{plan.gateway.name}@{plan.version}",
        "routing": encode(plan.routing),
        "deployments": {
            chosen.id_of(rung): _facts(rung, catalog)
            for chosen in plan.chains
            for rung, _ in chosen.deployments
        },
        "decision": {
            "gateway": [_verdict(verdict) for verdict in plan.verdicts],
            "chains": {chosen.workload.alias: _chain(chosen) for chosen in plan.chains},
            "obtain": list(plan.obtain),
            "loosened": list(plan.loosened),
            "not_honoured": list(plan.not_honoured),
            "given": [workload.alias for workload in plan.given],
            "unmodelled": list(plan.unmodelled),
            "not_analysed": list(plan.not_analysed),
        },
        "forecast": {alias: encode(f) for alias, f in plan.forecasts.items()},
        "findings": [finding.as_json() for finding in plan.report],
        "provenance": {
            "designer": __version__,
            "catalog": str(catalog.date),
            "sources": [f"{s.id} {s.version}, {s.observed_on}" for s in catalog.sources],
        },
        "profile": plan.profile.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "files": dict(sorted(hashes.items())),
    }


def _facts(rung: Any, catalog: Catalog) -> dict[str, Any]:
    """The catalog's facts that simulation, proofs and books need of a deployment."""
    offering = rung.offering
    return {
        "offering": offering.id,
        "account": rung.account.name,
        "provider": offering.provider,
        "model": offering.model,
        "region": rung.region or offering.region,
        "residency": offering.residency,
        "failure_domain": offering.failure_domain,
        "input_usd_per_mtok": str(offering.price.input),
        "output_usd_per_mtok": str(offering.price.output),
        "price_agreement": offering.price.agreement,
        "price_sources": [
            f"{e.source} {e.entry}, {e.observed_on}" for e in offering.price.evidence
        ],
        "ttft_s": offering.latency.ttft_p50_s,
        "tokens_per_s": offering.latency.tokens_per_s,
        "latency_source": f"{offering.latency.source}, {offering.latency.as_of}",
        "context_tokens": offering.context_tokens,
        "capabilities": sorted(offering.capabilities),
        "catalog": str(catalog.date),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "gateway": verdict.gateway.name,
        "rejected": list(verdict.rejected),
        "score": verdict.score,
        "weights": [structs.asdict(weight) for weight in verdict.weights],
        "reasons": list(verdict.reasons),
        "losses": [
            {
                "feature": lack.feature.name,
                "instead": lack.instead,
                "source": lack.source,
                "refused": lack.refused,
                "at": list(places),
            }
            for lack, places in verdict.losses
        ],
    }


def _chain(chosen: Chosen) -> dict[str, Any]:
    return {
        "rungs": [
            {"deployment": str(rung), "reason": reason}
            for rung, reason in zip(chosen.rungs, chosen.reasons, strict=True)
        ],
        "variants": [
            {
                variant.kind: variant.name,
                "share": variant.share,
                "rungs": [str(rung) for rung in variant.chain.rungs],
            }
            for variant in chosen.variants
        ],
        "runners_up": [{"deployment": str(c), "reason": why} for c, why in chosen.runners_up],
        "rejected": _rejected(chosen),
        "obtain": list(chosen.obtain),
        "notes": list(chosen.notes),
        "warnings": list(chosen.warnings),
    }


def _rejected(chosen: Chosen) -> list[dict[str, Any]]:
    """By what they fail: many deployments share one reason."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for r in chosen.rejected:
        why = (r.requirement.says, str(r.requirement.place), r.verdict.reason, r.verdict.source)
        found.setdefault(why, []).append(str(r.candidate))
    return [
        {
            "requirement": says,
            "at": at,
            "reason": reason,
            "source": source,
            "deployments": deployments,
        }
        for (says, at, reason, source), deployments in found.items()
    ]


def encode(value: Any) -> Any:
    """Dataclasses as JSON; each says its `kind`, so that unions can be told apart."""
    match value:
        case Failures():
            key = "all_but" if value.all_but else "any_of"
            return {key: sorted(value.tokens)}
        case Decimal():
            return str(value)
        case frozenset():
            return sorted(encode(item) for item in value)
        case list() | tuple():
            return [encode(item) for item in value]
        case Mapping():
            return {str(key): encode(item) for key, item in value.items()}
        case Struct():
            fields = {f.name: encode(getattr(value, f.name)) for f in structs.fields(value)}
            return {"kind": type(value).__name__.lower(), **fields}
        case _:
            return value


# --- REPORT.md and CLIENT.md ----------------------------------------------------------------------


def documents(plan: Plan) -> Iterable[File]:
    yield File(path="REPORT.md", template="REPORT.md.j2", values=_report_values(plan))
    yield File(path="CLIENT.md", template="CLIENT.md.j2", values=_client_values(plan))


def _report_values(plan: Plan) -> dict[str, Any]:
    verdict = plan.verdict
    return {
        "name": plan.profile.name,
        "gateway": plan.gateway.title,
        "reasons": verdict.reasons,
        "others": [
            (v.gateway.title, v.rejected or v.reasons[:1], bool(v.rejected))
            for v in plan.verdicts
            if v is not verdict
        ],
        "losses": [
            (lack.feature.name, lack.instead, ", ".join(places), lack.source)
            for lack, places in verdict.losses
        ],
        "routes": [
            {
                "alias": chosen.workload.alias,
                "rungs": list(zip(map(str, chosen.rungs), chosen.reasons, strict=True)),
                "figures": list(figures(plan.forecasts[chosen.workload.alias])),
                "runners_up": [(str(c), why) for c, why in chosen.runners_up[:5]],
                "rejected": len(chosen.rejected),
                "notes": chosen.notes,
                "warnings": chosen.warnings,
            }
            for chosen in plan.chains
        ],
        "failures": tuple(FAILURES),
        "bill": _bill_in_words(plan),
        "primaries": plan.primaries,
        "obtain": plan.obtain,
        "loosened": plan.loosened,
        "not_honoured": plan.not_honoured,
        "given": [workload.alias for workload in plan.given],
        "unmodelled": plan.unmodelled,
        "not_analysed": plan.not_analysed,
        "secrets": plan.gateway.secrets(plan.routing, plan.files),
    }


def _client_values(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.profile.name,
        "gateway": plan.gateway.title,
        "token": plan.gateway.name,
        "entrances": dict(_entrances(plan)),
        "routes": [
            {
                "alias": workload.alias,
                "shell": shlex.quote(workload.alias),
                "task": workload.task,
                "timeout_s": _client_timeout_s(plan, workload.alias),
                "attempts": plan.routing.route(workload.alias).attempts_limit,
            }
            for workload in plan.profile.workloads
            if plan.routing.has_route(workload.alias)
        ],
    }


def _entrances(plan: Plan) -> Iterable[tuple[str, str]]:
    """Where the gateway runs in several regions: those that may see an alias's requests, if not all."""
    for workload in plan.profile.workloads:
        compliance = policy_of(plan.profile, workload).compliance
        allowed = entrances(plan.profile, plan.gateway.name, compliance)
        if allowed != plan.profile.operations.region:
            yield workload.alias, " or ".join(allowed)


def _client_timeout_s(plan: Plan, alias: str) -> float:
    """Longer than anything the gateway may take, so that the client never gives up first."""
    deadline_s = plan.routing.route(alias).deadline_s or math.inf
    return min(_longest_s(Ref(alias), plan.routing, {}), deadline_s) + _SPARE_S


def _longest_s(node: Node, routing: Routing, known: dict[str, float]) -> float:
    """How long every try of a tree takes when each of them runs into its limit.

    `known` fills with the routes that were met: fallbacks may lead in a circle, which nothing walks
    twice.
    """
    match node:
        case Target(deployment=id_):
            return routing.deployment(id_).timeout_s or _UNLIMITED_S
        case Ref(route=name):
            if name not in known and routing.has_route(name):
                known[name] = 0.0
                known[name] = _longest_s(routing.route(name).node, routing, known)
            return known.get(name, 0.0)
        case Retry(child=child, retries=retries):
            return (1 + retries) * _longest_s(child, routing, known)
        case Chain(rungs=rungs):
            return sum(_longest_s(rung.child, routing, known) for rung in rungs)
        case _:
            below = (_longest_s(child, routing, known) for child in children(node))
            return max(below, default=0.0)


_SPARE_S = 5.0
"""For what comes on top: waits between tries, and the gateway's own work."""
_UNLIMITED_S = 60.0
"""Of a try that the gateway does not limit: what the slowest ordinary answer takes."""


def figures(forecast: Forecast) -> Iterable[tuple[str, str, str]]:
    """(what, interval in words, source) of each figure."""
    named = {
        "availability": forecast.availability,
        "p95 of the whole answer": forecast.p95_s,
        "cost of a request": forecast.usd_per_request,
        "cost": forecast.usd_per_month,
    }
    for name, figure in named.items():
        if figure:
            yield f"{name} ({figure.grade})", in_words(figure), figure.source
    for fixed in forecast.fixed:
        yield (
            f"{fixed.account}, asked or not",
            f"{fixed.usd_per_month:,.0f} USD/month",
            fixed.source,
        )


def _bill_in_words(plan: Plan) -> str:
    """Nothing where no alias has a rate of traffic and no machine is paid by the hour."""
    month = bill(plan.forecasts)
    if not month.high:
        return ""
    asked = plan.profile.cost.monthly_budget
    said = [
        f"All aliases together: **{month.low:,.0f}–{month.high:,.0f} USD a month**, the sums of the "
        "intervals above."
    ]
    if month.fixed:
        said.append(f"{month.fixed:,.0f} USD of it is paid whether anything is asked or not.")
    if month.without:
        said.append(f"Without a rate of traffic, so not in it: {', '.join(month.without)}.")
    if asked is not None:
        said.append(f"`cost.monthly_budget` is {asked}.")
    return " ".join(said)


def in_words(figure: Figure) -> str:
    """An availability by its mean first: a month without any failure is not a promise."""
    if figure.unit != "share of requests":
        return span(figure)
    return f"{_number(figure, figure.mean)} % ({span(figure)})"


def span(figure: Figure) -> str:
    """`2.1–3.4 s`, one number where both ends read the same."""
    low, high = (_number(figure, value) for value in (figure.low, figure.high))
    text = low if low == high else f"{low}–{high}"
    unit = "%" if figure.unit == "share of requests" else figure.unit
    return f"{text} {unit}"


def _number(figure: Figure, value: float) -> str:
    match figure.unit:
        case "share of requests":
            return f"{100 * value:.3f}"
        case "s":
            return f"{value:.1f}"
        case "USD":
            return f"{value:.5f}"
        case _:
            return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
