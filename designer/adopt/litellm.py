"""A LiteLLM configuration in a profile's words: which groups a workload can ask for, and how.

A group can be asked for when its deployments are models that the catalog knows, reached through an
account that a profile can describe. Whether the planner then makes the same of it is for `derive` to see.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from pydantic import ValidationError

from designer.adopt.draft import Draft, guessed_task
from designer.catalog import Catalog, Offering
from designer.catalog.model import TIERS
from designer.gateways.litellm.lower import MASTER_KEY_REFERENCE
from designer.gateways.litellm.tables import (
    AWS_ID,
    AWS_SECRET,
    OTHER_REGION_KEY,
    REGION_KEY,
    SECRET_KEY,
)
from designer.ir import Deployment, Guardrail, Pool, Retry, Routing, deployments_of, walk
from designer.load import Config
from designer.planner.accounts import wire_name
from designer.planner.routing import ALLOWED_FAILURES
from designer.profile.model import ProviderAccount, RoutingPolicy, Workload
from designer.profile.scalars import LEFT_ALONE
from designer.profile.units import format_duration_s

_Value = TypeVar("_Value")

PLANNED = (
    frozenset({"model", "custom_llm_provider", "api_base", "base_url", "api_key", "api_version"})
    | frozenset({"order", "timeout", "stream_timeout", "num_retries", "cooldown_time"})
    | frozenset({"allowed_fails", "id", AWS_ID, AWS_SECRET, OTHER_REGION_KEY})
    | frozenset({*REGION_KEY.values(), *SECRET_KEY.values()})
)
"""Keys of a deployment that the planner writes from the profile; the Routing shows whether it did."""
FACTS = frozenset(
    {
        *("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost"),
        *("base_model", "mode", "max_input_tokens"),
    }
)
"""Keys that it writes from the catalog: a file that says them otherwise has to be given."""

STRATEGIES = frozenset({"weighted", "least_busy", "cheapest", "fastest"})


class Group(Struct, frozen=True):
    """A route as the planner could be asked for it."""

    alias: str
    deployments: tuple[Deployment, ...]
    offerings: tuple[Offering, ...]
    tier: str
    task: str
    strategy: str
    """Of its one pool, or `priority`."""
    policy: Mapping[str, Any]
    """Keys of `routing`, without the strategy."""


def groups(config: Config, catalog: Catalog) -> tuple[Group, ...]:
    """Those that a workload may be able to ask for."""
    routing = config.parsed.routing
    found = (_group(config, catalog, route.name) for route in routing.routes)
    return tuple(group for group in found if group is not None)


def _group(config: Config, catalog: Catalog, alias: str) -> Group | None:
    routing = config.parsed.routing
    route = routing.route(alias)
    own = [routing.deployment(id_) for id_ in deployments_of(route.node)]
    offerings = [offering for d in own if (offering := _offering(config, catalog, d)) is not None]
    pools = {node.pick for node in walk(route.node) if isinstance(node, Pool)}
    if len(offerings) < len(own) or not own or not pools <= STRATEGIES or len(pools) > 1:
        return None
    policy = _policy(
        own, max((n.retries for n in walk(route.node) if isinstance(n, Retry)), default=0)
    )
    models = [catalog.model_of(offering) for offering in offerings]
    task = (
        "embed" if models[0].kind == "embedding" else guessed_task(alias, *(m.id for m in models))
    )
    task = "code" if any(model.purpose == "code" for model in models) else task
    tier = min((model.tier for model in models), key=TIERS.index)
    group = Group(
        alias, tuple(own), tuple(offerings), tier, task, next(iter(pools), "priority"), policy
    )
    return group if _can_be_said(group) else None


def _offering(config: Config, catalog: Catalog, deployment: Deployment) -> Offering | None:
    """By the model that the file says is behind it, else by the name on the wire."""
    base = config.parsed.terms[deployment.id].base_model
    named = catalog.by_gateway_name("litellm", base) if base else None
    of_provider = (o for o in (named, config.offering(deployment)) if o is not None)
    return next((o for o in of_provider if o.provider == deployment.provider), None)


def _policy(own: Sequence[Deployment], retries: int) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "retries": retries,
        "timeout": _limit(own[0].timeout_s),
        "first_token": _limit(own[0].first_token_s),
    }
    cooldown = own[0].cooldown
    alone = (None,) if len(own) == 1 else ()  # LiteLLM never counts where there is no other
    counted = cooldown is not None and cooldown.allowed_failures in (ALLOWED_FAILURES, *alone)
    policy["cooldown"] = _limit(cooldown.lasts_s) if cooldown and counted else LEFT_ALONE
    return policy


def _limit(seconds: float | None) -> str:
    return LEFT_ALONE if seconds is None else format_duration_s(seconds)


def _can_be_said(group: Group) -> bool:
    try:
        Workload.model_validate({"alias": group.alias, "task": group.task})
        RoutingPolicy.model_validate(group.policy)
        for deployment, offering in zip(group.deployments, group.offerings, strict=True):
            ProviderAccount.model_validate(_account(deployment, offering))
    except ValidationError:
        return False
    return True


# --- Accounts -------------------------------------------------------------------------------------


def _account(deployment: Deployment, offering: Offering) -> dict[str, Any]:
    """What a profile says of the account, as far as it differs from what it would be anyway."""
    account: dict[str, Any] = {"name": deployment.provider}
    if deployment.region is not None:
        account["regions"] = [deployment.region]
    if offering.deployment_type:
        account["deployment_type"] = offering.deployment_type
    if deployment.api_base is None:
        account["api_base"] = LEFT_ALONE
    elif deployment.api_base != offering.api_base:
        account["api_base"] = deployment.api_base
    version = dict(deployment.settings).get("api_version")
    if version is not None:
        account["api_version"] = version
    secret = LEFT_ALONE if deployment.secret is None else deployment.secret.removeprefix("env:")
    return account | {"secret": secret}


class _Found(Struct):
    """An account that deployments are reached through."""

    said: dict[str, Any]
    wish: str | None
    """The name that an id of the planner's, `alias/account/model`, gives it."""
    models: dict[str, dict[str, Any]]


class _Accounts:
    """The accounts of all groups, each under one name; collects while groups are added."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.found: list[_Found] = []

    def place(self, alias: str, deployment: Deployment, offering: Offering) -> int:
        said, wish = _account(deployment, offering), _account_in(alias, deployment, offering)
        plain = deployment.model == wire_name(offering, self.catalog)
        model = {} if plain else {"deployment": deployment.model}
        for index, other in enumerate(self.found):
            fits = other.models.get(offering.model, model) == model
            if other.said == said and other.wish == wish and fits:
                other.models[offering.model] = model
                return index
        self.found.append(_Found(said, wish, {offering.model: model}))
        return len(self.found) - 1

    def names(self) -> list[str]:
        """The provider's where it has one account, else after its variable."""
        count = Counter(account.said["name"] for account in self.found)
        taken: set[str] = set()
        names = []
        for account in self.found:
            provider = account.said["name"]
            wish = account.wish or (provider if count[provider] == 1 else _stem(account.said))
            barred = (
                taken if wish in (account.wish, provider) else taken | set(self.catalog.providers)
            )
            names.append(next(name for name in _numbered(wish) if name not in barred))
            taken.add(names[-1])
        return names

    def said(self) -> tuple[dict[str, Any], ...]:
        return tuple(
            {
                "name": account.said["name"],
                **({"as": name} if name != account.said["name"] else {}),
                **{key: value for key, value in account.said.items() if key != "name"},
                **({"models": account.models} if any(account.models.values()) else {}),
            }
            for name, account in zip(self.names(), self.found, strict=True)
        )


def _account_in(alias: str, deployment: Deployment, offering: Offering) -> str | None:
    before, after = f"{alias}/", f"/{offering.model}"
    if not deployment.id.startswith(before) or not deployment.id.endswith(after):
        return None
    account = deployment.id[len(before) : -len(after)]
    return account if _is_name(account) else None


def _is_name(text: str) -> bool:
    try:
        ProviderAccount.model_validate({"name": "openai", "as": text})
    except ValidationError:
        return False
    return True


def _stem(said: Mapping[str, Any]) -> str:
    if said["secret"] == LEFT_ALONE:
        return str(said["name"])
    stem = said["secret"].lower().replace("_", "-").removesuffix("-key").removesuffix("-api")
    return stem.strip("-")[:50] or str(said["name"])


def _numbered(stem: str) -> Iterable[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


# --- The draft ------------------------------------------------------------------------------------


def draft(
    config: Config, section: Mapping[str, Any], planned: Sequence[Group], catalog: Catalog
) -> Draft:
    """With `planned` asked for, and every other group given."""
    routing = config.parsed.routing
    accounts = _Accounts(catalog)
    places = {
        group.alias: [
            accounts.place(group.alias, d, o)
            for d, o in zip(group.deployments, group.offerings, strict=True)
        ]
        for group in planned
    }
    names = accounts.names()
    common = _common([group.policy for group in planned])
    workloads = {
        group.alias: _workload(group, [names[i] for i in places[group.alias]], common)
        for group in planned
    }
    rails = _guardrails(routing.guardrails) if planned else {}
    rest, added = _rest(section, planned, common, bool(rails))
    more = [
        extra
        for group in planned
        for extra in _extras(group, [names[i] for i in places[group.alias]], section)
    ]
    if more:
        rest["model_list"] = [*more, *rest.get("model_list", [])]
        added += 2 * len(more)  # the alias and the id
    left = {"deadline": LEFT_ALONE, "attempts_per_request": LEFT_ALONE}
    return Draft(
        workloads=tuple(workloads.values()),
        section=rest,
        routing=common | left if planned else {},
        guardrails=rails,
        providers=accounts.said(),
        added=added,
    )


def _common(policies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each key's most frequent value."""
    keys = policies[0] if policies else ()
    return {key: Counter(policy[key] for policy in policies).most_common(1)[0][0] for key in keys}


def _workload(group: Group, accounts: Sequence[str], common: Mapping[str, Any]) -> dict[str, Any]:
    listed = [_pattern(name, o) for name, o in zip(accounts, group.offerings, strict=True)]
    said: dict[str, Any] = {"alias": group.alias, "task": group.task, "quality": group.tier}
    if group.task == "embed":
        del said["quality"]
    if len(listed) > 1:
        said["prefer"] = "static"
    said["models"] = {"allow": listed}
    own = {key: value for key, value in group.policy.items() if value != common[key]}
    if group.strategy != "priority":
        own = {"strategy": group.strategy, **own}
    return said | {"routing": own} if own else said


def _pattern(account: str, offering: Offering) -> str:
    """Of several scopes of a model, one that is not global has to be named by the catalog's id."""
    return f"{account}/{offering.model}" if offering.region == "global" else offering.id


def _guardrails(rails: Sequence[Guardrail]) -> dict[str, Any]:
    """Personal data alone can be said, under the names that the planner gives."""
    ours = {f"pii-{rail.action}": rail for rail in rails if rail.kind == "pii"}
    if not rails or len(ours) != len(rails) or any(n != r.name for n, r in ours.items()):
        return {}
    if len({rail.entities for rail in rails}) > 1:
        return {}
    pii = {stage: rail.action for rail in rails for stage in sorted(rail.stages)}
    return {"pii": {**pii, "entities": list(rails[0].entities)}}


# --- What a deployment says beside ----


def _extras(
    group: Group, accounts: Sequence[str], section: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    """What entries say beyond the profile's words, to be merged with those that are planned."""
    listed = {_id(group.alias, n, e): e for n, e in enumerate(entries(section, group.alias), 1)}
    for deployment, offering, account in zip(
        group.deployments, group.offerings, accounts, strict=True
    ):
        entry = listed.get(deployment.id, {})
        extra = {
            key: {k: v for k, v in value.items() if k not in PLANNED | FACTS}
            if isinstance(value, Mapping)
            else value
            for key, value in entry.items()
            if key != "model_name"
        }
        extra = {key: value for key, value in extra.items() if value not in ({}, None)}
        if extra:
            info = {
                "id": f"{group.alias}/{account}/{offering.model}",
                **extra.get("model_info", {}),
            }
            yield {"model_name": group.alias, **extra, "model_info": info}


def _id(alias: str, number: int, entry: Mapping[str, Any]) -> str:
    info = entry.get("model_info")
    given = info.get("id") if isinstance(info, Mapping) else None
    return f"{alias}#{number}" if given is None else str(given)


# --- What is left of the file ---------------------------------------------------------------------


def _rest(
    section: Mapping[str, Any], planned: Sequence[Group], common: Mapping[str, Any], rails: bool
) -> tuple[dict[str, Any], int]:
    """The file without what the profile says, and how many settings were added to it."""
    if not planned:
        return dict(section), 0
    aliases = {group.alias for group in planned}
    rest = {key: dict(v) if isinstance(v, Mapping) else v for key, v in section.items()}
    left = [entry for entry in section["model_list"] if _name(entry) not in aliases]
    rest["model_list"] = left
    if rails:
        rest.pop("guardrails", None)
    router, own = _map(rest, "router_settings"), _map(rest, "litellm_settings")
    for settings in (router, own):
        if settings.get("num_retries") == common["retries"]:
            settings.pop("num_retries", None)
    if not left:
        for settings, key in ((router, "timeout"), (own, "request_timeout")):
            if key in settings and _is_limit(settings[key], common["timeout"]):
                del settings[key]
    if _map(rest, "general_settings").get("master_key") == MASTER_KEY_REFERENCE:
        del rest["general_settings"]["master_key"]
    added = 0
    if own.get("turn_off_message_logging") is True:
        del own["turn_off_message_logging"]
    elif "turn_off_message_logging" not in own and _logs(section):
        rest["litellm_settings"] = {**own, "turn_off_message_logging": False}
        added = 1
    return {key: value for key, value in rest.items() if value not in ({}, [])}, added


def _map(rest: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = rest.get(key)
    return value if isinstance(value, dict) else {}


def _is_limit(seconds: Any, said: str) -> bool:
    return isinstance(seconds, int | float) and _limit(float(seconds)) == said


def _logs(section: Mapping[str, Any]) -> bool:
    """Whether anything is told of requests, so that it matters whether their texts are."""
    own, general = section.get("litellm_settings"), section.get("general_settings")
    callbacks = ("callbacks", "success_callback", "failure_callback")
    return any(isinstance(own, Mapping) and own.get(key) for key in callbacks) or (
        isinstance(general, Mapping) and bool(general.get("store_prompts_in_spend_logs"))
    )


def _name(entry: Any) -> str | None:
    name = entry.get("model_name") if isinstance(entry, Mapping) else None
    return None if name is None or isinstance(name, Mapping | list) else str(name)


# --- What must not be lost ------------------------------------------------------------------------


def entries(section: Mapping[str, Any], alias: str) -> list[Mapping[str, Any]]:
    listed = section.get("model_list")
    found = listed if isinstance(listed, list) else []
    return [entry for entry in found if _name(entry) == alias]


def loses(asked: Sequence[Mapping[str, Any]], made: Sequence[Mapping[str, Any]]) -> bool:
    """Whether entries say something that those made in their place do not."""
    return len(asked) != len(made) or any(
        not _is_said(entry, other) for entry, other in zip(asked, made, strict=True)
    )


def _is_said(asked: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    for key, value in asked.items():
        if isinstance(value, Mapping):
            other = made.get(key)
            if not isinstance(other, Mapping) or not _is_said(value, other):
                return False
        elif key not in PLANNED and (key not in made or made[key] != value):
            return False
    return True


def made_up_ids(routing: Routing, section: Mapping[str, Any]) -> frozenset[str]:
    """Ids of deployments whose entry gives none."""
    infos = [
        entry.get("model_info") for entry in section["model_list"] if isinstance(entry, Mapping)
    ]
    given = {str(i["id"]) for i in infos if isinstance(i, Mapping) and i.get("id") is not None}
    return frozenset(d.id for d in routing.deployments if d.id not in given)
