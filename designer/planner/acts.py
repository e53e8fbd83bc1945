"""Profile keys that the planner itself acts on, whatever the gateway, and how.

The others are the dialects' affair: their Routing holds them, or nothing does (`designer.matrix`).
"""

from collections.abc import Collection, Mapping

ACTS: Mapping[str, str] = {
    "version": "the form of the profile",
    "name": "the name of the output folder",
    "extends": "read into the profile",
    "ignore": "findings that are left out",
    "gateway.use": "the gateway that is written for",
    "gateway.version": "the version whose table is used; an unmeasured one is said",
    "gateway.deploy": "which files are written beside the configuration",
    "workloads.alias": "the name of the route",
    "workloads.given": "a route that stands under passthrough: nothing is planned for it",
    "workloads.task": "which models are candidates",
    "workloads.quality": "which models are good enough",
    "workloads.needs": "what every model of the chain must be able to do",
    "workloads.context": "what every model of the chain must take",
    "workloads.latency": "compared with the forecast, and a doubt where it is missed",
    "workloads.availability": "how many deployments the chain has",
    "workloads.traffic": "the forecast, and the traffic of a dry run",
    "workloads.prefer": "what decides between models that all will do",
    "workloads.models": "which deployments may serve, and which is the first",
    "cost.max_per_request": "a limit on the price of the worst path, where every try is billed",
    "compliance.residency": "which deployments may serve",
    "compliance.frameworks": "which providers may serve",
    "compliance.retention": "which deployments may serve",
    "compliance.training": "which deployments may serve",
    "teams.region": "a chain of deployments within it, for that team",
    "operations.hosting": "which gateways will do",
    "operations.sre_team": "what running a gateway costs in the choice",
    "operations.billing": "which gateways will do",
    "operations.region": "what counts as processed at home, and which aliases may enter where",
    "providers.name": "which accounts there are",
    "providers.as": "what the account is called",
    "providers.regions": "where the account's deployments are",
    "providers.deployment_type": "how far a request may travel inside the provider",
    "providers.api_base": "the address of each deployment",
    "providers.api_version": "a setting of each deployment",
    "providers.secret": "the name of the variable with the key",
    "providers.cost": "the forecast",
    "providers.agreements": "which facts hold",
    "providers.models.deployment": "the name on the wire",
    "providers.models.committed": "the order of deployments where cost decides",
    "providers.models.context": "a model that the catalog does not know",
    "providers.models.capabilities": "a model that the catalog does not know",
    "passthrough": "merged into the gateway's own file as it is",
}


def acts_on(path: str, acting: Collection[str]) -> bool:
    """Whether a key, or one above it, is among those that something acts on."""
    parts = path.split(".")
    return any(".".join(parts[:length]) in acting for length in range(len(parts), 0, -1))
