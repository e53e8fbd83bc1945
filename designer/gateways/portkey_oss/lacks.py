"""What the open-source gateway cannot do, and what its configuration says instead."""

import re

from msgspec.structs import replace

from designer.gateways.base import Feature, Lack
from designer.gateways.legalize import (
    BUDGETS,
    CACHES,
    DOWNGRADES,
    EXPERIMENTS,
    OUTPUT_GUARDRAILS,
    RATE_LIMITS,
    TEAMS,
    TELEMETRY,
    each_deployment,
    each_guardrail,
)
from designer.gateways.portkey_config.conditions import NEVER_HOLDS
from designer.gateways.portkey_config.lacks import (
    HEALTH,
    LAST,
    MEASURED,
    QUOTA,
    ROUTES,
    in_reading_order,
    on_leaves,
    trees,
)
from designer.gateways.portkey_config.patterns import without_flags
from designer.gateways.portkey_config.providers import (
    ADDED_TO_HOST,
    AZURE_HOST,
    CLAUDE_PREFIX,
    LEFT_OUT_OF_HOST,
    MEANT,
    REGION_KEYS,
    SETTINGS,
    SPELLED,
)
from designer.gateways.portkey_oss import tables
from designer.ir import Condition, Deployment, Guardrail, Routing, frozen

# --- Deployments ----------------------------------------------------------------------------------


def _provider(deployment: Deployment) -> Deployment:
    provider = MEANT.get(deployment.provider, deployment.provider)
    if SPELLED.get(provider, provider) not in tables.PROVIDERS:
        provider = tables.COMPATIBLE
        base = deployment.api_base or tables.LOCAL[tables.COMPATIBLE]
        return replace(deployment, provider=provider, api_base=base)
    return replace(deployment, provider=provider)


def _host(deployment: Deployment) -> Deployment:
    """Addresses as they are usually written: without what only this gateway's `custom_host` holds."""
    provider, base = deployment.provider, deployment.api_base or ""
    ends = LEFT_OUT_OF_HOST.get(provider)
    ends_not = ADDED_TO_HOST.get(provider) or tables.NOT_IN_HOST.get(provider)
    if ends_not:
        base = base.rstrip("/")
        while base.endswith(ends_not):
            base = base.removesuffix(ends_not).rstrip("/")
    elif ends and base and not base.endswith(ends):
        base = base.rstrip("/") + ends
    if base in ("", ends):
        return replace(
            deployment, api_base=tables.LOCAL["ollama"] if provider == "ollama" else None
        )
    return replace(deployment, api_base=base)


def is_azure_resource(provider: str, base: str) -> bool:
    """Whether the host is one that `resource_name` stands for."""
    host = re.escape(AZURE_HOST).replace(r"\{\}", "[A-Za-z0-9-]+")
    return provider == "azure" and re.fullmatch(host, base) is not None


def _secret(deployment: Deployment) -> Deployment:
    secret = deployment.secret
    return replace(deployment, secret=secret if secret and secret.startswith("env:") else None)


def _settings(deployment: Deployment) -> Deployment:
    known = SETTINGS.get(deployment.provider, {})
    kept = {name: value for name, value in deployment.settings if name in known and value}
    return replace(deployment, settings=tuple(sorted(kept.items())))


def _region(deployment: Deployment) -> Deployment:
    if deployment.provider in REGION_KEYS and deployment.region:
        return deployment
    return replace(deployment, region=None)


def _vertex(deployment: Deployment) -> Deployment:
    if deployment.provider != "vertex":
        return deployment
    return replace(
        deployment,
        region=deployment.region or tables.VERTEX_REGION,
        secret=deployment.secret or tables.VERTEX_SECRET,
    )


def _model(deployment: Deployment) -> Deployment:
    params = tuple(
        sorted((k, frozen(v)) for k, v in dict(deployment.params).items() if k != "model")
    )
    model = deployment.model
    if deployment.provider == "vertex" and model.startswith(f"{CLAUDE_PREFIX}claude"):
        model = model.removeprefix(CLAUDE_PREFIX)
    return replace(deployment, model=model, params=params)


# --- Guardrails -----------------------------------------------------------------------------------


def _readable(rail: Guardrail) -> Guardrail | None:
    return rail if without_flags(rail.pattern, rail.ignore_case) is not None else None


def _case(rail: Guardrail) -> Guardrail:
    pattern = without_flags(rail.pattern, rail.ignore_case)
    assert pattern is not None
    return replace(rail, pattern=pattern, ignore_case=False)


def _last_message(routing: Routing) -> Routing:
    rails: dict[str, Guardrail] = {}
    for rail in routing.guardrails:
        name, number = rail.name, 1
        while name in rails:
            number += 1
            name = f"{rail.name}-{number}"
        rails[name] = replace(rail, name=name, messages="last", action="block", entities=())
    return in_reading_order(replace(routing, guardrails=tuple(rails.values())))


PII = Feature(
    "finding personal data",
    each_guardrail(lambda r: None if r.kind == "pii" else r),
    keys=("guardrails.pii",),
)
OUTPUT = replace(OUTPUT_GUARDRAILS, keys=("guardrails.pii.output", "guardrails.deny"))
"""A deny rule of the profile looks at answers too."""
SAVED = Feature("saved guardrails", each_guardrail(lambda r: None if r.kind == "saved" else r))
PATTERNS = Feature(
    "patterns that JavaScript does not read",
    each_guardrail(_readable),
    keys=("guardrails.deny.pattern",),
)
IGNORE_CASE = Feature(
    "patterns that ignore case", each_guardrail(_case), keys=("guardrails.deny.ignore_case",)
)
REFUSAL_TEXT = Feature(
    "a guardrail's own message",
    each_guardrail(lambda rail: replace(rail, message="")),
    keys=("guardrails.deny.message",),
)
HISTORY = Feature(
    "checking the whole conversation", _last_message, keys=("guardrails.deny.pattern",)
)

# --- Callers and money ----------------------------------------------------------------------------


def _nowhere(condition: Condition) -> Condition:
    return NEVER_HOLDS if condition.key == "team.region" else condition


def _told_by_caller(condition: Condition) -> Condition:
    space, _, name = condition.key.partition(".")
    if space != "team" or not name or "." in name:
        return condition
    return replace(condition, key=f"metadata.team_{name}")


def _spending_on(routing: Routing) -> Routing:
    budgets = tuple(replace(budget, refuses=False) for budget in routing.budgets)
    return replace(routing, budgets=budgets)


TEAM_REGION = Feature(
    "keeping a team's requests within its region", on_leaves(_nowhere), keys=("teams.region",)
)
TEAM_CONDITIONS = Feature(
    "conditions on the caller's team", on_leaves(_told_by_caller), keys=("workloads.route_by.key",)
)
REFUSING = Feature(
    "refusing requests once a budget is spent",
    _spending_on,
    keys=("workloads.budget.when_spent", "teams.budget.when_spent"),
)
REPLICAS = Feature(
    "several copies of the gateway",
    lambda routing: replace(routing, rollout=replace(routing.rollout, replicas=1)),
    keys=("operations.replicas",),
)
KUBERNETES = Feature(
    "values for Kubernetes",
    lambda routing: (
        replace(routing, rollout=replace(routing.rollout, deploy="compose"))
        if routing.rollout.deploy == "kubernetes"
        else routing
    ),
    keys=("gateway.deploy",),
)

POLICIES: tuple[Lack, ...] = (
    Lack(
        replace(EXPERIMENTS, keys=("workloads.experiment.by", "workloads.experiment.name")),
        "each request draws its arm by the shares, whoever asks",
        MEASURED,
    ),
    Lack(
        CACHES,
        "every request is sent on: the published builds have the cache compiled out",
        MEASURED,
    ),
    Lack(DOWNGRADES, "no cheaper deployment steps in", MEASURED),
    Lack(
        REFUSING,
        "NOTHING STOPS THE SPENDING: requests go on being answered, and paid for",
        MEASURED,
    ),
    Lack(BUDGETS, "nothing is counted, and nobody is told", MEASURED),
    Lack(RATE_LIMITS, "nothing is counted; only the providers' own limits hold", MEASURED),
    Lack(
        TEAM_REGION,
        "the gateway knows no teams, so a request would go wherever the main chain leads",
        MEASURED,
        refused=True,
    ),
    Lack(
        TEAM_CONDITIONS,
        "the client says in its metadata (`team_name`) which team it is, and nobody checks",
        MEASURED,
    ),
    Lack(
        TEAMS,
        "it has no keys of its own: whoever reaches it and holds the providers' keys may ask for "
        "everything",
        MEASURED,
    ),
    Lack(
        TELEMETRY,
        "it exports and stores nothing; unless it is started with `--headless`, its page `/public/` "
        "shows requests as they pass, prompts included, to whoever opens it",
        "package @portkey-ai/gateway 1.15.2, read 2026-11-24",
    ),
    QUOTA,
    Lack(
        REPLICAS,
        "compose.yaml starts one; it keeps no state, so any number behind a load balancer act alike",
        MEASURED,
    ),
    Lack(
        KUBERNETES,
        "compose.yaml is written: whoever runs it on Kubernetes writes the manifests",
        "package @portkey-ai/gateway 1.15.2 has no chart, read 2026-11-24",
    ),
)

# --- The list -------------------------------------------------------------------------------------

LACKS: tuple[Lack, ...] = (
    *ROUTES,
    *POLICIES,
    *HEALTH,
    *trees("the caller gets status 500, or what has come of a stream as if it were all"),
    Lack(
        Feature("this provider", each_deployment(_provider)),
        "it is addressed as a server with OpenAI's API",
        "provider list of the gateway's schema, 1.15.2, read 2026-11-22",
    ),
    Lack(
        Feature("this form of address", each_deployment(_host), keys=("providers.api_base",)),
        "`custom_host` holds the address up to where the gateway adds its own path",
        f"{MEASURED}; read in the package",
    ),
    Lack(
        Feature("secrets outside the client's environment", each_deployment(_secret)),
        "no key is sent",
        MEASURED,
    ),
    Lack(
        Feature(
            "this provider's further settings",
            each_deployment(_settings),
            keys=("providers.api_version",),
        ),
        "they are left out",
        "configuration schema of 1.15.2, read 2026-11-22",
    ),
    Lack(
        Feature(
            "a region for a provider whose address decides it",
            each_deployment(_region),
            keys=("providers.regions",),
        ),
        "the region is not in the file",
        "configuration schema of 1.15.2, read 2026-11-22",
    ),
    Lack(
        Feature(
            "Vertex AI without a region or credentials",
            each_deployment(_vertex),
            keys=("providers.secret",),
        ),
        f"the location is `{tables.VERTEX_REGION}`, and the service account that "
        "GOOGLE_APPLICATION_CREDENTIALS names is used",
        MEASURED,
    ),
    Lack(
        Feature("parameters in this form", each_deployment(_model)),
        "they are sorted, and `model` is the deployment's",
        MEASURED,
    ),
    Lack(
        PII,
        "redaction reaches only the last message of a conversation, and earlier ones would go out as "
        "they are",
        MEASURED,
        refused=True,
    ),
    Lack(
        SAVED,
        "the gateway accepts their ids and lets everything through",
        MEASURED,
        refused=True,
    ),
    Lack(OUTPUT, "streamed answers would go out unchecked", MEASURED, refused=True),
    Lack(
        PATTERNS,
        "the gateway would let everything through",
        MEASURED,
        refused=True,
    ),
    Lack(IGNORE_CASE, "each letter is written in both cases", MEASURED),
    Lack(REFUSAL_TEXT, "the caller sees status 446 with the gateway's own text", MEASURED),
    Lack(HISTORY, "only its last message is checked", MEASURED),
    *LAST,
)
