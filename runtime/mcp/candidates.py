"""The routes that a configuration offers to MCP servers, with the facts that preferences weigh."""

from collections.abc import Callable

from designer.catalog import Catalog, Offering
from designer.catalog.model import TIERS
from designer.ir import Deployment, Route, Routing, deployments_of
from runtime.mcp.preferences import Candidate

_TOKENS = 500
"""Of the answer whose time is compared; any usual length orders models alike."""


def candidates(
    routing: Routing, offering: Callable[[Deployment], Offering | None], catalog: Catalog
) -> tuple[Candidate, ...]:
    """Every route that answers chats, in the configuration's order."""
    return tuple(
        _candidate(route, routing, offering, catalog)
        for route in routing.routes
        if not route.embeds
    )


def _candidate(
    route: Route,
    routing: Routing,
    offering: Callable[[Deployment], Offering | None],
    catalog: Catalog,
) -> Candidate:
    asked = [routing.deployment(id_) for id_ in deployments_of(route.node)]
    names = tuple(dict.fromkeys(n for d in asked[:1] for n in _names(d, offering(d))))
    first = offering(asked[0]) if asked else None
    if first is None:
        return Candidate(route.name, names)
    latency, model = first.latency, catalog.model_of(first)
    return Candidate(
        route.name,
        names,
        usd_per_mtok=float(first.price.input + first.price.output) / 2,
        answer_s=latency.ttft_p50_s + _TOKENS / latency.tokens_per_s,
        intelligence=float(TIERS.index(model.tier)),
    )


def _names(deployment: Deployment, offering: Offering | None) -> tuple[str, ...]:
    return (deployment.model, *((offering.model,) if offering else ()))
