"""How often and how long a request is tried at the worst."""

from collections.abc import Sequence

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Chain, Node, Pool, Ref, Remote, Retry, Route, Split, Switch, Target
from designer.lint.routes.walk import Walk
from designer.lint.subject import Subject

_MANY_ATTEMPTS = 20
_CLIENT_PATIENCE_S = 600.0
"""OpenAI's and Anthropic's SDKs give up after ten minutes unless told otherwise."""
_DOWN, _SILENT = "500", "timeout"

MANY_ATTEMPTS = Rule(
    "LNT402",
    Severity.WARNING,
    "a request for {route!r} is tried up to {attempts} times before it fails{others}",
    "Retries of every group on the way add up, so that one request becomes many while providers are "
    "already failing, and the caller waits for all of them.",
    instead="in an outage each request makes {attempts} calls",
    help="retry less where there are fallbacks, or shorten the chain",
    source="https://github.com/BerriAI/litellm/issues/40405; attempts add up: measured, LiteLLM "
    "1.106.2 and Portkey 1.15.2, 2026-11-22",
)
LATE_FALLBACK = Rule(
    "LNT406",
    Severity.WARNING,
    "a silent provider holds a request for {route!r} for {held:,.0f} s before its fallback is asked"
    "{others}",
    "Every try waits for its whole timeout, and the retries come before the fallback; clients give up "
    "after 600 s unless they are told otherwise.",
    instead="the client is gone before the fallback is asked",
    help="make (retries + 1) × timeout shorter than what the client waits",
    source="timeouts are per attempt: measured, LiteLLM 1.106.2 and Portkey 1.15.2, 2026-11-22; "
    "https://dev.to/claire_nguyen/fault-injecting-our-llm-provider-to-trust-bifrost-fallbacks-233e",
)


def attempts_are_bounded(subject: Subject, walks: Sequence[Walk], report: Report) -> None:
    counts = {walk.route.name: _attempts(subject, walk.route) for walk in walks}
    many = {name: count for name, count in counts.items() if count > _MANY_ATTEMPTS}
    if many:
        worst = max(many, key=lambda name: many[name])
        others = _others(len(many) - 1)
        place = subject.place(worst)
        report.add(MANY_ATTEMPTS, place, route=worst, attempts=many[worst], others=others)


def _attempts(subject: Subject, route: Route) -> int:
    """When everybody answers 500, each group once, as deep as the gateway goes."""
    visited = {route.name}
    depth = subject.parsed.semantics.depth

    def count(node: Node, hops: int) -> int:
        match node:
            case Target():
                return 1
            case Pool(children=inner):
                return max((count(child, hops) for child in inner), default=0)
            case Split(arms=arms):
                return max((count(arm.child, hops) for arm in arms), default=0)
            case Retry():
                return (1 + _retries(node, _DOWN)) * count(node.child, hops)
            case Remote():
                return 1  # one request of ours
            case Switch(cases=cases, otherwise=otherwise):
                rest = () if otherwise is None else (otherwise,)
                inner = (*(case.child for case in cases), *rest)
                return max((count(child, hops) for child in inner), default=0)
            case Chain(rungs=rungs):
                reached = [r for i, r in enumerate(rungs) if not i or _DOWN in r.on]
                return sum(count(rung.child, hops) for rung in reached)
            case Ref(route=name):
                if name in visited or hops >= depth or not subject.routing.has_route(name):
                    return 0
                visited.add(name)
                return count(subject.routing.route(name).node, hops + 1)

    return count(route.node, 0)


def _retries(retry: Retry, token: str) -> int:
    own = next((n for failures, n in retry.per_failure if token in failures), None)
    if own is not None:
        return own
    most = max((n for _, n in retry.per_deployment), default=0)
    return max(retry.retries, most) if token in retry.on else 0


def fallbacks_are_asked_in_time(subject: Subject, walks: Sequence[Walk], report: Report) -> None:
    held = {walk.route.name: _held_s(subject, walk.route.node) for walk in walks if walk.further}
    late = {name: s for name, s in held.items() if s > _CLIENT_PATIENCE_S}
    if late:
        worst = max(late, key=lambda name: late[name])
        others = _others(len(late) - 1)
        report.add(
            LATE_FALLBACK, subject.place(worst), route=worst, held=late[worst], others=others
        )


def _held_s(subject: Subject, node: Node) -> float:
    """All tries of a chain's first rung; 0 where it has no timeout of its own."""
    match node:
        case Target(deployment=id_):
            return subject.routing.deployment(id_).timeout_s or 0.0
        case Pool(children=inner):
            return max((_held_s(subject, child) for child in inner), default=0.0)
        case Retry():
            return (1 + _retries(node, _SILENT)) * _held_s(subject, node.child)
        case Chain(rungs=rungs):
            return _held_s(subject, rungs[0].child)
        case _:
            return 0.0


def _others(count: int) -> str:
    return f", and {count} more routes are like it" if count > 1 else ", and one more" * count


ACROSS_ROUTES = (attempts_are_bounded, fallbacks_are_asked_in_time)
