"""Read a LiteLLM proxy configuration, ours or anybody's, as the Routing that its router performs.

The routing core is understood in full: groups, `order`, weights, retries, typed fallbacks, cooldowns,
timeouts, aliases, content filters. Everything else is listed as not analysed. Wrong values are read
as LiteLLM reads them where it goes on, and left out where it stops; finding fault is `lint`'s work.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import count, product
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from designer import keys
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Document, Path, read_json, read_yaml
from designer.engine.semantics import Semantics
from designer.gateways.base import Parsed, Terms
from designer.gateways.litellm.asking import for_request, without_fallbacks
from designer.gateways.litellm.groups import Group, Level, Lists, plain_counts, plain_weights, tree
from designer.gateways.litellm.includes import includes, merged
from designer.gateways.litellm.lacks import (
    NO_COOLDOWN,
    compiles,
    is_kept,
    is_widened,
    paired,
    tidy_s,
)
from designer.gateways.litellm.read_policies import (
    FoundTeam,
    caches,
    is_teams,
    spent_on,
    teams_of,
    telemetry,
    understands_cache,
    whole_budget,
)
from designer.gateways.litellm.screens import Model, assumed, screens, slots
from designer.gateways.litellm.semantics import semantics
from designer.gateways.litellm.tables import (
    ACTION,
    ALLOWED_FAILS_POLICY,
    ASCII,
    BARE_NAMES,
    CALLBACKS,
    CASE_SENSITIVE,
    CODE,
    CONTENT_FILTER,
    DEFAULT_ALLOWED_FAILS,
    DEFAULT_COOLDOWN_S,
    DEFAULT_RETRIES,
    ENTITIES,
    KNOWN_PREFIXES,
    LIMITS_CHECK,
    NOT_MODELLED,
    OTHER_REGION_KEY,
    PARAMS,
    PARAMS_NOT_MODELLED,
    PICK_OF_STRATEGY,
    PICKS_ROUGHLY,
    PROVIDER_OF_PREFIX,
    REDIS,
    REGION_KEY,
    RETRY_POLICY,
    SECRET_KEY,
    SESSION_CHECK,
    SETTINGS,
    STAGE_OF_MODE,
    STRATEGY,
    TOP_LEVEL,
    WEIGHTS,
)
from designer.gateways.litellm.versions import Habits, habits
from designer.gateways.settings import account, leaves
from designer.ir import (
    Cooldown,
    Deployment,
    Failures,
    Guardrail,
    Pick,
    Quota,
    Route,
    Routing,
    frozen,
)
from designer.keys import Key

NO_MODELS = Rule(
    "PAR510",
    Severity.ERROR,
    "there is no `model_list` in this LiteLLM configuration",
    "Without models the proxy has nothing to route to.",
    help="list the deployments under `model_list`, or name the right file",
)
NO_DEPLOYMENT = Rule(
    "PAR511",
    Severity.WARNING,
    "{where} is no deployment: it needs `model_name` and `litellm_params.model`",
    f"LiteLLM {semantics('').version} does not start with an entry that has no model "
    "(measured, 2026-11-22).",
    instead="it is left out here",
    help="give it both keys, or delete it",
)
SAME_ID = Rule(
    "PAR512",
    Severity.WARNING,
    "two deployments have the id {id!r}",
    "LiteLLM serves both under one id and mixes their cooldowns, budgets and latencies (measured on "
    "1.106.2, 2026-11-22).",
    instead="the second is called {other!r} here",
    help="give each deployment an id of its own, or none",
)
BARE_TARGET = Rule(
    "PAR516",
    Severity.WARNING,
    "{where} names one group where LiteLLM {version} wants a list",
    "LiteLLM 1.109.1 does not start with `fallbacks: [{{A: B}}]` (measured on a hybrid install, "
    "2026-11-22; router_python_core.py:3180); 1.106.2 takes it for `[{{A: [B]}}]`.",
    instead="the entry is left out here",
    help="write `[{{A: [B]}}]`",
)

NEVER_SO_MANY = 1_000_000
"""Failures that a group of one is allowed where its count does not apply to it."""

_ROUTER = "router_settings"
_LITELLM = "litellm_settings"


def recognises(path: str, value: Any) -> bool:
    del path
    if not isinstance(value, Mapping):
        return False
    if isinstance(value.get("model_list"), list) or _ROUTER in value or _LITELLM in value:
        return True
    return bool(includes(value)) and TOP_LEVEL.issuperset(value)


def parse(files: Mapping[str, str], report: Report, version: str = "") -> Parsed | None:
    """Of several files the first that is a configuration, with those of the others it includes."""
    documents = {}
    for path, text in files.items():
        if len(files) > 1 and not path.endswith((".yaml", ".yml", ".json")):
            continue
        as_json = path.endswith(".json")
        document = (
            read_json(text, path, report)
            if as_json
            else read_yaml(text, path, report, version="1.1")
        )
        if document is not None:
            documents[path] = document
    beside = next((d for p, d in documents.items() if is_teams(p, d.value)), None)
    own = (d for p, d in documents.items() if len(files) == 1 or recognises(p, d.value))
    first = next((document for document in own if document is not beside), None)
    if first is None:
        if not report.has_errors:
            report.add(NO_MODELS, Place(next(iter(files), "")))
        return None
    teams = () if beside is None else teams_of(beside.value)
    return _parse(merged(first, documents, report), teams, report, version)


def _parse(
    document: Document, teams: Sequence[FoundTeam], report: Report, version: str
) -> Parsed | None:
    config = _mapping(document.value)
    if not isinstance(config.get("model_list"), list):
        report.add(NO_MODELS, document.place())
        return None
    settings = _Settings(
        _mapping(config.get(_ROUTER)), _mapping(config.get(_LITELLM)), habits(version)
    )
    _tell_bare_targets(document, settings, report)
    entries = _entries(config["model_list"], document, report)
    by_group: dict[str, list[_Entry]] = {}
    for entry in entries:
        by_group.setdefault(entry.group, []).append(entry)
    deployments = tuple(
        _deployment(entry, settings, alone=len(by_group[entry.group]) == 1) for entry in entries
    )
    routes, aliases, groups = _routes(by_group, settings)
    rails, unread = _guardrails(config.get("guardrails"), by_group)
    cached = understands_cache(settings.litellm)
    accounted = account(
        leaves(document.value),
        lambda path: _is_simulated(path, unread, settings),
        lambda path, value: _is_checked(path, value, version),
    )
    places = {entry.id: document.place("model_list", entry.index) for entry in entries}
    for name, members in by_group.items():
        places.setdefault(name, document.place("model_list", members[0].index, "model_name"))
    return Parsed(
        gateway="litellm",
        routing=Routing(
            routes,
            deployments,
            rails,
            aliases,
            caches=caches(settings.litellm, _params_by_group(by_group)) if cached else (),
            budgets=(
                *whole_budget(settings.litellm),
                *(b for e in entries for b in spent_on("deployment", e.id, e.params)),
                *(b for team in teams for b in team.budgets),
            ),
            rate_limits=tuple(limit for team in teams for limit in team.limits),
            teams=tuple(team.team for team in teams),
            telemetry=telemetry(settings.litellm),
        ),
        semantics=_semantics(settings, entries, version),
        terms={entry.id: _terms(entry) for entry in entries},
        places=places,
        names=_names(entries),
        unmodelled=accounted.unmodelled,
        not_analysed=accounted.not_analysed,
        settings=accounted.count,
        documents=(document,),
        for_request=lambda routing, route, params: for_request(routing, groups, route, params),
    )


# --- Plain values ---------------------------------------------------------------------------------


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, Mapping | list) else str(value)


def _reference(value: Any) -> str | None:
    """`os.environ/NAME` → `env:NAME`; anything else may be a secret and is not kept."""
    prefix = "os.environ/"
    is_named = isinstance(value, str) and value.startswith(prefix) and len(value) > len(prefix)
    return f"env:{value.removeprefix(prefix)}" if is_named else None


class _Settings(Struct, frozen=True):
    """Both places where the router's settings may stand; its own counts first."""

    router: Mapping[str, Any]
    litellm: Mapping[str, Any]
    habits: Habits

    def get(self, key: str) -> Any:
        value = self.router.get(key)
        return value if value is not None else self.litellm.get(key)

    def fallbacks(self, key: str) -> list[Any]:
        """The entries of a list that the router starts with."""
        for place in (self.router, self.litellm):
            if isinstance(place.get(key), list) and place[key]:
                return [entry for entry in place[key] if not self.stops_at(entry)]
        return []

    def stops_at(self, entry: Any) -> bool:
        """Whether it does not start with this entry of a list of fallbacks: one name instead of several."""
        bare = any(isinstance(targets, str) for targets in _mapping(entry).values())
        return bare and not self.habits.starts_with_bare_targets

    def has_fallbacks(self, group: str) -> bool:
        listed = _fallback_lists(self).generic
        return bool(listed.get(group, listed.get("*", ())))

    @property
    def retries(self) -> int:
        number = _whole(self.get("num_retries"))
        return DEFAULT_RETRIES if number is None else max(number, 0)

    @property
    def allowed_fails(self) -> int | None:
        """None where the router takes it for unset."""
        given = _whole(self.router.get("allowed_fails"))
        unset = self.habits.takes_default_for_unset and given == self.own_allowed_fails
        return None if unset else given

    @property
    def own_allowed_fails(self) -> int:
        """The module's own value."""
        own = _whole(self.litellm.get("allowed_fails"))
        return DEFAULT_ALLOWED_FAILS if own is None else own

    @property
    def allowed_fails_policy(self) -> tuple[tuple[Failures, int], ...]:
        policy = _mapping(self.router.get("allowed_fails_policy"))
        counts = ((on, _whole(policy.get(key))) for key, on in ALLOWED_FAILS_POLICY.items())
        return tuple((on, count) for on, count in counts if count is not None)

    @property
    def cooldown_s(self) -> float | None:
        return tidy_s(_number(self.router.get("cooldown_time")))

    @property
    def checks(self) -> Collection[str]:
        listed = self.router.get("optional_pre_call_checks")
        return listed if isinstance(listed, list) else ()

    @property
    def strategy(self) -> str:
        return str(self.router.get("routing_strategy"))

    @property
    def pick(self) -> Pick:
        return PICK_OF_STRATEGY.get(self.strategy, "weighted")

    def of_group(self, name: str) -> "_Settings":
        """With the strategy of the routing group that this is, or that this model group belongs to."""
        for said in self.routing_groups:
            by_priority = said.get("routing_strategy") == "priority"
            named = said.get("group_name") == name
            if named or (name in _listed(said.get("models")) and not by_priority):
                strategy = STRATEGY["weighted"] if by_priority else said.get("routing_strategy")
                return replace(self, router={**self.router, "routing_strategy": strategy})
        return self

    @property
    def routing_groups(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(map(_mapping, _listed(self.router.get("routing_groups"))))


# --- Deployments ----------------------------------------------------------------------------------


class _Entry(Struct, frozen=True):
    index: int
    id: str
    group: str
    default_id: str
    params: Mapping[str, Any]
    info: Mapping[str, Any]

    @property
    def order(self) -> int | None:
        order = self.params.get("order")
        return _whole(order if order is not None else self.info.get("order"))


def _entries(listed: list[Any], document: Document, report: Report) -> list[_Entry]:
    found: list[_Entry] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for index, item in enumerate(listed):
        params = _mapping(_mapping(item).get("litellm_params"))
        group = _text(_mapping(item).get("model_name"))
        if group is None or not isinstance(params.get("model"), str):
            place = document.place("model_list", index)
            report.add(NO_DEPLOYMENT, place, where=f"model_list[{index}]")
            continue
        numbers[group] = numbers.get(group, 0) + 1
        default_id = f"{group}#{numbers[group]}"
        info = _mapping(_mapping(item).get("model_info"))
        given = _text(info.get("id"))
        id_ = _free(given or default_id, default_id, taken)
        if given and id_ != given:
            place = document.place("model_list", index, "model_info", "id")
            report.add(SAME_ID, place, id=given, other=id_)
        taken.add(id_)
        found.append(_Entry(index, id_, group, default_id, params, info))
    return found


def _free(wanted: str, default: str, taken: set[str]) -> str:
    candidates = (wanted, default, *())
    free = next((name for name in candidates if name not in taken), None)
    return free or next(n for i in count(2) if (n := f"{default}/{i}") not in taken)


def _names(entries: Iterable[_Entry]) -> dict[str, str]:
    """`<group>#<n>` of deployments that have an id of their own."""
    ids = {entry.id for entry in entries}
    return {e.default_id: e.id for e in entries if e.default_id not in ids}


def _deployment(entry: _Entry, settings: _Settings, alone: bool) -> Deployment:
    params = entry.params
    provider, model = _model(params)
    region_key = REGION_KEY.get(provider, OTHER_REGION_KEY)
    secret_key = SECRET_KEY.get(provider, "api_key")
    kept = {
        name: _reference(value) or _text(value) or ""
        for name, value in params.items()
        if name in SETTINGS and name not in (region_key, secret_key)
    }
    # In this order: router.py:4343, and measured on 1.106.2, 2026-11-24.
    shared = (settings.litellm.get("request_timeout"), settings.router.get("timeout"))
    base = _text(params.get("api_base", params.get("base_url")))
    deployment = Deployment(
        id=entry.id,
        provider=provider,
        model=model,
        api_base=base or None,
        secret=_reference(params.get(secret_key)) or _reference(params.get("api_key")),
        region=_text(params.get(region_key)) or _text(params.get(OTHER_REGION_KEY)) or None,
        settings=tuple(sorted((n, v) for n, v in kept.items() if is_kept(n, v))),
        params=tuple(
            sorted(
                (name, frozen(value))
                for name, value in params.items()
                if name in PARAMS and value is not None
            )
        ),
        timeout_s=_first_s((params.get("timeout"), params.get("request_timeout"), *shared)),
        first_token_s=_first_s(
            (params.get("stream_timeout"), settings.router.get("stream_timeout"))
        ),
        cooldown=_cooldown(entry, settings, alone),
        quota=_quota(entry, settings),
    )
    return paired(deployment)


def _quota(entry: _Entry, settings: _Settings) -> Quota | None:
    """rpm and tpm are limits only with a check that enforces them, and one of the two knows no tpm."""

    def limit(key: str, *places: Mapping[str, Any]) -> int | None:
        counts = (_whole(place.get(key)) for place in places)
        return next((count for count in counts if count is not None and count > 0), None)

    enforced = LIMITS_CHECK in settings.checks
    checked = settings.router.get("enable_pre_call_checks") is True
    both = (entry.params, entry.info) if enforced else ()
    quota = Quota(
        limit("rpm", *(both or ((entry.params,) if checked else ()))),
        limit("tpm", *both),
        limit("max_parallel_requests", entry.params),
    )
    return None if quota == Quota() else quota


def _first_s(values: Iterable[Any]) -> float | None:
    return next((s for s in map(tidy_s, map(_number, values)) if s is not None), None)


def _model(params: Mapping[str, Any]) -> tuple[str, str]:
    """Provider and name on the wire, by the prefix or, without one, as LiteLLM guesses."""
    written = str(params["model"])
    prefix, slash, rest = written.partition("/")
    if slash and (prefix in KNOWN_PREFIXES or prefix in PROVIDER_OF_PREFIX):
        return PROVIDER_OF_PREFIX.get(prefix, prefix), rest
    named = _text(params.get("custom_llm_provider"))
    if named:
        return PROVIDER_OF_PREFIX.get(named, named), written
    guess = next((p for start, p in BARE_NAMES if written.startswith(start)), "unknown")
    return guess, written


def _prefix(params: Mapping[str, Any]) -> str:
    """The provider in LiteLLM's own words."""
    prefix, slash, _ = str(params["model"]).partition("/")
    if slash and (prefix in KNOWN_PREFIXES or prefix in PROVIDER_OF_PREFIX):
        return prefix
    return _text(params.get("custom_llm_provider")) or _model(params)[0]


def _cooldown(entry: _Entry, settings: _Settings, alone: bool) -> Cooldown | None:
    if settings.router.get("disable_cooldowns") is True:
        return NO_COOLDOWN
    given = entry.info.get("cooldown_time")
    own_s = _number(given if given is not None else entry.params.get("cooldown_time"))
    own_fails = _whole(entry.info.get("allowed_fails"))
    if own_fails is not None and alone:
        return NO_COOLDOWN
    fails = own_fails if own_fails is not None else settings.allowed_fails
    policy = settings.allowed_fails_policy
    if policy and fails is None:  # beside a policy the count is no longer taken for unset
        fails = settings.own_allowed_fails
    if fails is not None and alone and _is_spared(entry, settings):
        fails = NEVER_SO_MANY
    if own_s is not None and own_s >= 0:
        lasts_s = tidy_s(own_s)
        return Cooldown(lasts_s, fails, False, policy) if lasts_s else NO_COOLDOWN
    if settings.cooldown_s is None and fails is None:
        return None
    return Cooldown(settings.cooldown_s or DEFAULT_COOLDOWN_S, fails, per_failure=policy)


def _is_spared(entry: _Entry, settings: _Settings) -> bool:
    """Whether only failures that the policy names let it cool, being its group's only deployment."""
    return settings.habits.spares_lone_deployments and not settings.has_fallbacks(entry.group)


def _terms(entry: _Entry) -> Terms:
    def price(key: str) -> Decimal | None:
        value = entry.params.get(key, entry.info.get(key))
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            per_mtok = Decimal(str(value)) * 1_000_000
        except InvalidOperation:
            return None
        return per_mtok.normalize() if per_mtok.is_finite() else None

    window = _whole(entry.info.get("max_input_tokens"))
    return Terms(
        base_model=_text(entry.info.get("base_model")) or "",
        input_usd_per_mtok=price("input_cost_per_token"),
        output_usd_per_mtok=price("output_cost_per_token"),
        cache_read_usd_per_mtok=price("cache_read_input_token_cost"),
        max_input_tokens=window,
        kind="embedding" if entry.info.get("mode") == "embedding" else "chat",
    )


# --- Routes ---------------------------------------------------------------------------------------


class _FallbackLists(Struct, frozen=True):
    generic: Mapping[str, tuple[str, ...]]
    context: Mapping[str, tuple[str, ...]]
    content: Mapping[str, tuple[str, ...]]

    def lists(self, name: str, binds_all: bool) -> Lists:
        """Which typed lists there are, for this group; `binds_all`: that of refusals for all, if any."""
        own = bool(self.content.get(name, self.content.get("*", ())))
        return Lists(bool(self.context), bool(self.content) if binds_all else own)

    def joined(self, group: Group, name: str, lists: Lists) -> Group:
        """With its own entries or, failing that, those for everybody (`*`)."""

        # A group that a fallback led to resumes the list of the one that was asked for instead.
        default = name not in self.generic

        def of(entries: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
            targets = entries.get(name, entries.get("*", ()))
            return tuple(dict.fromkeys(target for target in targets if target != name))

        return replace(
            group,
            generic=of(self.generic),
            default=default and bool(of(self.generic)),
            context=of(self.context) if lists.context else (),
            content=of(self.content) if lists.content else (),
        )


def _routes(
    by_group: Mapping[str, list[_Entry]], settings: _Settings
) -> tuple[tuple[Route, ...], tuple[tuple[str, str], ...], dict[str, tuple[Group, Lists]]]:
    fallbacks = _fallback_lists(settings)
    groups: dict[str, tuple[Group, Lists]] = {}

    def route(name: str, members: list[_Entry], strategy_of: str = "") -> Route:
        lists = fallbacks.lists(name, settings.habits.refusal_lists_bind_all)
        group = _group(name, members, settings.of_group(strategy_of or members[0].group))
        group = fallbacks.joined(group, name, lists)
        if _whole(settings.get("max_fallbacks")) == 0:
            group = without_fallbacks(group)
        groups[name] = group, lists
        embeds = all(entry.info.get("mode") == "embedding" for entry in members)
        sticky = "session" if _keeps_sessions(name, settings) else "none"
        return Route(name, tree(group, lists), sticky=sticky, embeds=embeds)

    routes = {name: route(name, members) for name, members in by_group.items()}
    aliases = []
    listed = dict(_aliases(settings))
    for alias, target in listed.items():
        members = by_group.get(target)
        if alias == target or members is None:
            continue
        own = route(alias, members)
        hides = alias in by_group or target in listed
        if not hides and own.node == routes[target].node:
            aliases.append((alias, target))
        else:  # fallbacks go by the name that was asked for, and an alias hides a group of its name
            routes[alias] = own
    for name, members in _callable(by_group, settings):
        if name not in listed:
            routes[name] = route(name, members, strategy_of=name)
    return tuple(routes.values()), tuple(aliases), groups


def _callable(
    by_group: Mapping[str, list[_Entry]], settings: _Settings
) -> Iterator[tuple[str, list[_Entry]]]:
    """Routing groups that can be asked for by name, with the deployments of all their models."""
    for said in settings.routing_groups:
        name, order = _text(said.get("group_name")), _mapping(said.get("model_priorities"))
        models = [model for model in _listed(said.get("models")) if model in by_group]
        if name is None or name in by_group or not models:
            continue
        members = [entry for model in models for entry in by_group[model]]
        if said.get("routing_strategy") == "priority":
            members = [
                replace(entry, params={**entry.params, "order": order.get(entry.group)})
                for entry in members
            ]
        yield name, members


def _keeps_sessions(name: str, settings: _Settings) -> bool:
    """A group's own list of checks stands in the place of the common one."""
    own = _mapping(settings.router.get("model_group_affinity_config")).get(name)
    return SESSION_CHECK in (own if isinstance(own, list) else settings.checks)


def _aliases(settings: _Settings) -> Iterator[tuple[str, str]]:
    for alias, value in _mapping(settings.get("model_group_alias")).items():
        target = value.get("model") if isinstance(value, Mapping) else value
        if isinstance(target, str):
            yield alias, target


def _fallback_lists(settings: _Settings) -> _FallbackLists:
    generic = _by_group(settings.fallbacks("fallbacks"))
    everybody = settings.get("default_fallbacks")
    if isinstance(everybody, list):
        names = tuple(name for name in everybody if isinstance(name, str))
        generic = {**generic, "*": names}
    return _FallbackLists(
        generic,
        _by_group(settings.fallbacks("context_window_fallbacks")),
        _by_group(settings.fallbacks("content_policy_fallbacks")),
    )


def _tell_bare_targets(document: Document, settings: _Settings, report: Report) -> None:
    for section, key in product((_ROUTER, _LITELLM), _FALLBACKS):
        listed = _mapping(_mapping(document.value).get(section)).get(key)
        for index, entry in enumerate(listed if isinstance(listed, list) else []):
            if settings.stops_at(entry):
                place = document.place(section, key, index)
                version, where = settings.habits.version, f"{section}.{key}[{index}]"
                report.add(BARE_TARGET, place, where=where, version=version)


_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


def _by_group(listed: list[Any]) -> dict[str, tuple[str, ...]]:
    """`[{group: [targets]}]`; of two entries for a group the first counts."""
    found: dict[str, tuple[str, ...]] = {}
    for item in listed:
        for name, targets in list(_mapping(item).items())[:1]:
            found.setdefault(name, tuple(_targets(targets)))
    return found


def _targets(targets: Any) -> Iterator[str]:
    for target in targets if isinstance(targets, list) else [targets]:
        name = target.get("model") if isinstance(target, Mapping) else target
        if isinstance(name, str):
            yield name


def _group(name: str, members: list[_Entry], settings: _Settings) -> Group:
    ordered: dict[int | None, list[_Entry]] = {}
    for entry in members:
        ordered.setdefault(entry.order, []).append(entry)
    numbers = sorted(order for order in ordered if order is not None)
    levels = [_level(ordered[number], settings) for number in numbers]
    rest = _level(ordered[None], settings) if None in ordered else None
    if not levels and rest is not None:
        levels, rest = [rest], None
    return Group(
        levels=tuple(levels),
        pick=settings.pick if any(len(level.ids) > 1 for level in levels) else "weighted",
        policy=_policy(name, settings),
        spare=rest,
    )


def _level(members: list[_Entry], settings: _Settings) -> Level:
    if settings.pick == "cheapest":
        members = _cheapest_first(members)
    given = [_whole(entry.params.get("num_retries")) for entry in members]
    counts = plain_counts(settings.retries if n is None else max(n, 0) for n in given)
    weights: tuple[float, ...] = ()
    for key in WEIGHTS if settings.pick == "weighted" else ():
        weights = tuple(max(_number(e.params.get(key)) or 0.0, 0.0) for e in members)
        if any(weights):
            break
    return Level(tuple(e.id for e in members), plain_weights(weights), counts)


def _cheapest_first(members: list[_Entry]) -> list[_Entry]:
    """As cost-based routing ranks them, where the file says every price (lowest_cost.py:291)."""
    prices = {entry.id: _terms(entry) for entry in members}
    sums = {
        id_: said.input_usd_per_mtok + said.output_usd_per_mtok
        for id_, said in prices.items()
        if said.input_usd_per_mtok is not None and said.output_usd_per_mtok is not None
    }
    if len(sums) < len(members):
        return members
    return sorted(members, key=lambda entry: sums[entry.id])


def _policy(name: str, settings: _Settings) -> tuple[tuple[str, int], ...]:
    """A group's own policy stands in the place of the common one, not beside it."""
    by_group = _mapping(settings.router.get("model_group_retry_policy"))
    policy = _mapping(by_group[name] if name in by_group else settings.router.get("retry_policy"))
    counts = {key: _whole(policy.get(key)) for key in RETRY_POLICY}
    return tuple((key, max(n, 0)) for key, n in counts.items() if n is not None)


def _semantics(settings: _Settings, entries: Collection[_Entry], version: str) -> Semantics:
    table = semantics(version)
    models = [_screened(entry, settings) for entry in entries]
    said = (*table.assumptions, *_assumed(settings, entries), *assumed(settings.router, models))
    table = replace(
        table,
        assumptions=tuple(dict.fromkeys(said)),
        screens=screens(settings.router, models),
        slots=slots(settings.router, models),
    )
    floor_s = _number(settings.router.get("retry_after")) or 0.0
    depth = _whole(settings.get("max_fallbacks"))
    if floor_s > 0:
        table = replace(table, backoff=replace(table.backoff, floor_s=floor_s))
    return table if depth is None else replace(table, depth=max(depth, 0))


def _screened(entry: _Entry, settings: _Settings) -> Model:
    return Model(
        entry.id,
        entry.group,
        _prefix(entry.params),
        settings.of_group(entry.group).strategy,
        entry.params,
        entry.info,
        _terms(entry),
    )


def _assumed(settings: _Settings, entries: Iterable[_Entry]) -> Iterator[str]:
    """What is taken to be so because a setting that is there is not modelled."""
    for key, instead in NOT_MODELLED.items():
        if settings.router.get(key):
            yield f"{key} is not modelled: {instead}"
    keys = {key for entry in entries for key, value in entry.params.items() if value}
    for key, instead in PARAMS_NOT_MODELLED.items():
        if key in keys:
            yield f"{key} is not modelled: {instead}"
    groups = dict.fromkeys(entry.group for entry in entries)
    for strategy in dict.fromkeys(settings.of_group(name).strategy for name in groups):
        if strategy in PICKS_ROUGHLY:
            yield f"{strategy}: {PICKS_ROUGHLY[strategy]}"


# --- Guardrails -----------------------------------------------------------------------------------


def _guardrails(
    listed: Any, by_group: Mapping[str, list[_Entry]]
) -> tuple[tuple[Guardrail, ...], frozenset[int]]:
    """Those that are understood, and the indexes of the others."""
    found: list[Guardrail] = []
    unread: set[int] = set()
    for index, item in enumerate(listed if isinstance(listed, list) else []):
        rail = _guardrail(_mapping(item), by_group)
        if rail is None or any(rail.name == other.name for other in found):
            unread.add(index)
        else:
            found.append(rail)
    return tuple(found), frozenset(unread)


_RAIL_KEYS = frozenset({"guardrail", "mode", "default_on", "patterns"})


def _guardrail(item: Mapping[str, Any], by_group: Mapping[str, list[_Entry]]) -> Guardrail | None:
    params = _mapping(item.get("litellm_params"))
    mode = params.get("mode")
    modes = mode if isinstance(mode, list) else [mode]
    stages = frozenset(STAGE_OF_MODE[m] for m in modes if isinstance(m, str) and m in STAGE_OF_MODE)
    patterns = params.get("patterns")
    name = _text(item.get("guardrail_name"))
    always = params.get("default_on") is True
    routes = () if always or name is None else _asking_for(name, by_group)
    if (
        name is None
        or params.get("guardrail") != CONTENT_FILTER
        or not (always or routes)
        or not params.keys() <= _RAIL_KEYS
        or not stages
        or len(stages) != len(modes)
        or not isinstance(patterns, list)
        or not patterns
    ):
        return None
    actions = {p.get("action") if isinstance(p, Mapping) else None for p in patterns}
    action = next((ours for ours, theirs in ACTION.items() if actions == {theirs}), None)
    if action is None:
        return None
    bare = [{k: v for k, v in p.items() if k != "action"} for p in patterns]
    rail = Guardrail(
        name=name,
        kind="pii",
        stages=stages,  # type: ignore[arg-type]  # values of STAGE_OF_MODE
        action=action,  # type: ignore[arg-type]  # keys of ACTION
        routes=routes,
    )
    entities = _entities(bare)
    if entities:
        return replace(rail, entities=entities)
    return _deny(rail, bare[0]) if len(bare) == 1 else None


def _asking_for(rail: str, by_group: Mapping[str, list[_Entry]]) -> tuple[str, ...]:
    """Groups one of whose deployments names the guardrail: it runs for the whole group then."""

    def listed(entry: _Entry) -> Collection[str]:
        named = entry.params.get("guardrails")
        return named if isinstance(named, list) else ()

    return tuple(name for name, own in by_group.items() if any(rail in listed(e) for e in own))


def _params_by_group(by_group: Mapping[str, list[_Entry]]) -> dict[str, Mapping[str, Any]]:
    return {name: members[0].params for name, members in by_group.items()}


def _entities(patterns: list[dict[str, Any]]) -> tuple[str, ...]:
    """The kinds of data that exactly these patterns stand for, or none."""
    found: list[str] = []
    at = 0
    while at < len(patterns):
        entity = next(
            (e for e, own in ENTITIES.items() if patterns[at : at + len(own)] == list(own)), None
        )
        if entity is None or entity in found:
            return ()
        found.append(entity)
        at += len(ENTITIES[entity])
    return tuple(found)


def _deny(rail: Guardrail, pattern: Mapping[str, Any]) -> Guardrail | None:
    text = pattern.get("pattern")
    if pattern.get("pattern_type") != "regex" or not isinstance(text, str) or not compiles(text):
        return None
    plain = text.removeprefix(ASCII)
    inner = plain.removeprefix(CASE_SENSITIVE).removesuffix(")")
    sensitive = plain.startswith(CASE_SENSITIVE) and plain.endswith(")") and compiles(inner)
    read = replace(
        rail, kind="deny", pattern=inner if sensitive else plain, ignore_case=not sensitive
    )
    return read if plain == text or is_widened(read.pattern) else replace(read, pattern=text)


# --- What is simulated, and what is known ---------------------------------------------------------------------------

_KNOWN_PARAMS = frozenset(
    {
        *("model", "api_base", "base_url", "api_key", "custom_llm_provider", "order", "timeout"),
        *("stream_timeout", "num_retries", "cooldown_time", *WEIGHTS, *SETTINGS, *PARAMS),
        *REGION_KEY.values(),
        OTHER_REGION_KEY,
        *("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost"),
        *("tags", "max_budget", "budget_duration"),
    }
)
_KNOWN_INFO = frozenset(
    {
        *("id", "base_model", "mode", "max_input_tokens", "allowed_fails", "cooldown_time"),
        *("order", "enable_tag_filtering", "input_cost_per_token", "output_cost_per_token"),
        *("cache_read_input_token_cost", "rpm", "tpm"),
    }
)
_KNOWN_ROUTER = frozenset(
    {
        *("num_retries", "timeout", "stream_timeout", "retry_after", "retry_policy"),
        *("model_group_retry_policy", "allowed_fails", "cooldown_time", "disable_cooldowns"),
        "allowed_fails_policy",
        *("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"),
        *("default_fallbacks", "max_fallbacks", "model_group_alias", "routing_strategy"),
        *("enable_tag_filtering", "tag_filtering_match_any", "enable_pre_call_checks"),
        *("provider_budget_config", "routing_groups"),
        *REDIS,
    }
)
_KNOWN_LITELLM = frozenset(
    {
        *("num_retries", "request_timeout", "allowed_fails", "fallbacks", "default_fallbacks"),
        *("context_window_fallbacks", "content_policy_fallbacks", "max_fallbacks"),
    }
)


def _is_simulated(path: Path, unread: frozenset[int], settings: _Settings) -> bool:
    match path:
        case ("model_list", int(), "model_name"):
            return True
        case ("model_list", int(), "litellm_params", "guardrails", *_):
            return not unread
        case ("model_list", int(), "litellm_params", str() as key, *_):
            return key in _KNOWN_PARAMS
        case ("model_list", int(), "model_info", str() as key):
            return key in _KNOWN_INFO
        case ("router_settings", "model_group_affinity_config", str() as group, int() as index):
            checks = settings.router["model_group_affinity_config"][group]
            return str(checks[index]) == SESSION_CHECK
        case ("router_settings", str() as key, *_):
            return key in _KNOWN_ROUTER
        case ("litellm_settings", str() as key, *_):
            return key in _KNOWN_LITELLM
        case ("guardrails", int() as index, *_):
            return index not in unread
        case () | ("model_list",):
            return True
        case _:
            return False


def _is_checked(path: Path, value: Any, version: str) -> bool:
    """Whether the inventory knows the key; what a key names as code, nothing here can know."""
    if path[0] == "model_list" and path[2:4] == ("litellm_params", "cache"):
        return True  # a deployment's own cache controls, which no inventory lists
    key = keys.locate("litellm", version, path)
    return key is not None and not _is_code(key, value, version)


def _is_code(key: Key, value: Any, version: str) -> bool:
    if value is None or value == []:
        return False
    if key.section == "litellm_settings" and key.name in CALLBACKS:
        return value not in keys.names("litellm", version, "callbacks")
    if key.section == "guardrails[].litellm_params" and key.name == "guardrail":
        return value not in keys.names("litellm", version, "guardrails")
    return key.name in CODE
