"""What a configuration of the hosted product cannot say, and what it says instead."""

from msgspec.structs import replace

from designer.gateways.base import Feature, Lack
from designer.gateways.legalize import POLICIES, each_deployment
from designer.gateways.portkey_cloud.slugs import provider_of, slug_of
from designer.gateways.portkey_cloud.tables import SLUG
from designer.gateways.portkey_config.lacks import (
    HEALTH,
    LAST,
    ROUTES,
    in_reading_order,
    trees,
)
from designer.ir import Deployment, Guardrail, Routing, deployments_of

_DOCUMENTED = "Portkey documentation, snapshot of 2026-08-21, read 2026-11-22"


def _by_slug(routing: Routing) -> Routing:
    """Each deployment by its integration's slug; key, host, version and region are kept there."""
    users: dict[str, str] = {}
    for route in routing.routes:
        for id_ in deployments_of(route.node):
            users.setdefault(id_, route.name)
            # An id that begins with its route's name tells the account.
            if id_.startswith(f"{route.name}/"):
                users[id_] = route.name

    def change(deployment: Deployment) -> Deployment:
        slug = slug_of(deployment, users.get(deployment.id, ""))
        return replace(
            deployment,
            provider=provider_of(slug),
            api_base=None,
            secret=None,
            region=None,
            settings=((SLUG, slug),),
        )

    return replace(routing, deployments=tuple(map(change, routing.deployments)))


def _params(deployment: Deployment) -> Deployment:
    params = {name: value for name, value in deployment.params if name != "model"}
    return replace(deployment, params=tuple(sorted(params.items())))


def _saved(routing: Routing) -> Routing:
    rails: dict[str, Guardrail] = {}
    for rail in routing.guardrails:
        name, number = rail.name, 1
        while name in rails:
            number += 1
            name = f"{rail.name}-{number}"
        rails[name] = Guardrail(name, "saved", rail.stages, "block", routes=rail.routes)
    return in_reading_order(replace(routing, guardrails=tuple(rails.values())))


LACKS: tuple[Lack, ...] = (
    *(Lack(feature, "it is left out", "not written yet") for feature in POLICIES),
    *ROUTES,
    *HEALTH,
    *trees("the caller gets it as it came: status 200, and nothing says that it is broken"),
    Lack(
        Feature("credentials, hosts and regions", _by_slug),
        "each target names a provider integration of the workspace, `@slug`, which must hold them",
        _DOCUMENTED,
    ),
    Lack(
        Feature("parameters in this form", each_deployment(_params)),
        "they are sorted, and `model` is the deployment's",
        _DOCUMENTED,
    ),
    Lack(
        Feature("what a guardrail looks for", _saved),
        "it names the saved guardrail of that id, which must exist in the workspace and do what the "
        "profile says",
        _DOCUMENTED,
    ),
    *LAST,
)
