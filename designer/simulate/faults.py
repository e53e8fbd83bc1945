"""Which faults a deployment or a guardrail of a configuration meets, and what it answers then."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from msgspec.structs import replace

from designer.diagnostics import Report, Rule, Severity
from designer.engine.outcomes import SLOW_FIRST_TOKEN_S, Outcome, refusal_of
from designer.ir import Deployment, Guardrail, Ref, Routing, Target, walk
from designer.simulate.scenario import Fault, Scenario
from designer.simulate.services import REFUSAL_S, Service

FIRST = "@first"

MEETS_NOTHING = Rule(
    "SIM631",
    Severity.WARNING,
    "no {what} of this configuration matches {target}",
    "A dry run in which nothing goes wrong proves nothing.",
    instead="the fault never acts",
    help="here are: {known}",
)


class Acting:
    """A fault as it meets a deployment: `answer` is what it says whatever would have been said, if so."""

    __slots__ = ("answer", "fault", "from_s", "refusal", "route", "share", "to_s")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.from_s, self.to_s, self.share = fault.from_s, fault.to_s, fault.share
        self.route = fault.target.route
        self.answer = struck(fault, Outcome()) if fault.kind in _WHATEVER else None
        is_certain = self.answer is not None and self.share >= 1.0
        self.refusal = refusal_of(self.answer) if self.answer and is_certain else None

    def covers(self, route: str) -> bool:
        return not self.route or fnmatchcase(route, self.route)


_WHATEVER = frozenset(
    {
        *("http", "rate_limit", "exhausted", "context_length", "content_policy", "reject_prefill"),
        *("refuse_connection", "down", "timeout"),
    }
)
"""Kinds whose answer does not depend on what the provider would have said."""


class Faults:
    """A scenario's faults, joined with a configuration: immutable after construction."""

    def __init__(
        self,
        scenario: Scenario,
        routing: Routing,
        services: Mapping[str, Service],
        busiest: str,
        report: Report,
    ) -> None:
        self._routing = routing
        self._services = services
        self._first = _first_of(routing, busiest)
        self._of_deployment: dict[str, tuple[Acting, ...]] = {}
        self._of_guardrail: dict[str, tuple[Fault, ...]] = {}
        self._of_cache: dict[str, tuple[Fault, ...]] = {}
        faults = [self._without_first(fault) for fault in scenario.faults]
        on_rails = [fault for fault in faults if fault.target.guardrail]
        on_caches = [fault for fault in faults if fault.target.cache]
        on_deployments = [
            fault for fault in faults if not (fault.target.guardrail or fault.target.cache)
        ]
        for deployment in routing.deployments:
            met = tuple(Acting(f) for f in on_deployments if self._meets(f, deployment))
            if met:
                self._of_deployment[deployment.id] = met
        for rail in routing.guardrails:
            rails = tuple(f for f in on_rails if _meets_rail(f, rail, routing))
            if rails:
                self._of_guardrail[rail.name] = rails
        for cache in routing.caches:
            down = tuple(f for f in on_caches if fnmatchcase(cache.mode, f.target.cache))
            if down:
                self._of_cache[cache.mode] = down
        self._report(faults, report)

    def of_deployment(self, id_: str) -> tuple["Acting", ...]:
        """Those that ever act on it, in the scenario's order."""
        return self._of_deployment.get(id_, ())

    def of_guardrail(self, name: str, route: str, at: float) -> Iterator[Fault]:
        for fault in self._of_guardrail.get(name, ()):
            if fault.from_s <= at < fault.to_s and _covers(fault, route):
                yield fault

    def of_cache(self, mode: str, route: str, at: float) -> Iterator[Fault]:
        for fault in self._of_cache.get(mode, ()):
            if fault.from_s <= at < fault.to_s and _covers(fault, route):
                yield fault

    def _without_first(self, fault: Fault) -> Fault:
        """`@first` replaced by what it means here; by nothing that exists, where it is not known."""
        first, target = self._first, fault.target
        if first is None:
            return fault
        service = self._services.get(first.id)
        known = {
            # The catalog's word: behind an aggregator every deployment has the aggregator's name.
            "provider": (service.provider if service else "") or first.provider,
            "model": first.model,
            "region": first.region or (service.region if service else None) or FIRST,
            "deployment": first.id,
        }
        meant = {key: name for key, name in known.items() if getattr(target, key) == FIRST}
        # What is meant is a name and not a pattern, whatever characters it is made of.
        literal = {key: name.replace("[", "[[]") for key, name in meant.items()}
        return replace(fault, target=replace(target, **literal)) if literal else fault

    def _meets(self, fault: Fault, deployment: Deployment) -> bool:
        target, service = fault.target, self._services.get(deployment.id)
        place = {deployment.region or "", (service.region if service else None) or ""}
        zones = (service.zones if service else None) or frozenset()
        catalog_model = service.model if service else ""
        return (
            _matches(target.provider, {deployment.provider, service.provider if service else ""})
            and _matches(
                target.model,
                {deployment.model, f"{deployment.provider}/{deployment.model}", catalog_model},
            )
            and _matches(target.region, place | zones)
            and _matches(target.deployment, {deployment.id})
            and (not target.route or any(_covers(fault, r.name) for r in self._routing.routes))
        )

    def _report(self, faults: list[Fault], report: Report) -> None:
        met = [
            f
            for of in (self._of_guardrail, self._of_cache)
            for listed in of.values()
            for f in listed
        ]
        met += [acting.fault for listed in self._of_deployment.values() for acting in listed]
        for fault in faults:
            if fault in met:
                continue
            what, names = "deployment", self._known()
            if fault.target.guardrail:
                what, names = "guardrail", [rail.name for rail in self._routing.guardrails]
            elif fault.target.cache:
                what, names = "cache", [cache.mode for cache in self._routing.caches]
            known = ", ".join(names) or "none"
            report.add(MEETS_NOTHING, fault.place, what=what, target=fault.target, known=known)

    def _known(self) -> list[str]:
        described = []
        for deployment in self._routing.deployments:
            service = self._services.get(deployment.id)
            region = deployment.region or (service.region if service else None)
            where = f" in {region}" if region else ""
            described.append(f"{deployment.id} ({deployment.provider}{where})")
        return described


def _matches(pattern: str, names: set[str] | frozenset[str]) -> bool:
    return not pattern or any(name and fnmatchcase(name, pattern) for name in names)


def _covers(fault: Fault, route: str) -> bool:
    return not fault.target.route or fnmatchcase(route, fault.target.route)


def _meets_rail(fault: Fault, rail: Guardrail, routing: Routing) -> bool:
    covered = (r.name for r in routing.routes if rail.covers(r.name))
    return fnmatchcase(rail.name, fault.target.guardrail) and any(
        _covers(fault, r) for r in covered
    )


def _first_of(routing: Routing, route: str) -> Deployment | None:
    """The deployment that a route's tree names first, through other routes if need be."""
    seen: set[str] = set()
    while route not in seen and routing.has_route(route):
        seen.add(route)
        for node in walk(routing.route(route).node):
            match node:
                case Target(deployment=id_):
                    return routing.deployment(id_)
                case Ref(route=other):
                    route = other
                    break
                case _:
                    pass
    return None


# --- What is answered -----------------------------------------------------------------------------


def struck(fault: Fault, good: Outcome) -> Outcome:
    """What a deployment that would have answered `good` answers under a fault."""
    match fault.kind:
        case "http" | "rate_limit" | "exhausted":
            headers = (
                {} if fault.retry_after_s is None else {"retry-after": f"{fault.retry_after_s:g}"}
            )
            delay_s = REFUSAL_S if fault.delay_s is None else fault.delay_s
            return Outcome(status=fault.status, kind=fault.kind, headers=headers, delay_s=delay_s)
        case "context_length" | "content_policy" | "reject_prefill":
            return Outcome(status=fault.status, kind=fault.kind, delay_s=REFUSAL_S)
        case "refuse_connection" | "down":
            return Outcome(kind=fault.kind)
        case "reset" | "empty" | "malformed":
            delay_s = good.delay_s if fault.delay_s is None else fault.delay_s
            return Outcome(kind=fault.kind, delay_s=delay_s)
        case "timeout":
            return Outcome(kind="timeout")
        case "latency":
            return replace(
                good,
                delay_s=good.delay_s * fault.factor,
                ends_s=None if good.ends_s is None else good.ends_s * fault.factor,
            )
        case "slow_first_token":
            begins_s = SLOW_FIRST_TOKEN_S if fault.first_token_s is None else fault.first_token_s
            generates_s = (good.ends_s or good.delay_s) - good.delay_s
            return replace(good, first_token_s=begins_s, ends_s=begins_s + generates_s)
        case _:  # faults inside a stream
            return replace(good, kind=fault.kind, after_chunks=fault.after_chunks)
