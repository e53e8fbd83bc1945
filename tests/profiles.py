"""Random profiles for laws: every key of the format, drawn from the model itself.

A key that is new in `designer.profile.model` is drawn at once where its type tells its values, and
fails here until `VALUES` has some where it does not. Names that refer to others are made to fit, so
that a profile is read without an error; whether anything can serve it is left open.
"""

import json
from itertools import count
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from designer.profile.model import Profile, ProviderAccount, Section

Drawn = dict[str, Any]

ALIASES = ("chat", "a/b", "Größe 2", "no")
TEAMS = ("web", "ops")
RULES: tuple[Drawn, ...] = (
    {"name": "dosage", "pattern": "lethal dose", "ignore_case": True, "message": "No: that."},
    {"name": "card", "pattern": r"\b\d{4}-\d{4}\b", "examples": {"block": ["1234-5678"]}},
    {"name": "either", "pattern": "^(?:stop|halt)$", "examples": {"pass": ["do not stop"]}},
)
ACCOUNTS: tuple[Drawn, ...] = (
    {"name": "openai"},
    {"name": "openai", "as": "second", "models": {"openai/gpt-5.4": {}, "gpt-4.1-mini": {}}},
    {"name": "anthropic"},
    {"name": "bedrock", "regions": ["eu-central-1", "us-east-1"]},
    {
        "name": "azure",
        "as": "azure-se",
        "regions": ["swedencentral"],
        "deployment_type": "datazone",
        "api_base": "https://x.openai.azure.com",
        "api_version": "2024-10-21",
        "models": {"gpt-5.4": {"deployment": "own-name", "committed": "7300 USD/month"}},
    },
    {"name": "vertex", "regions": ["europe-west4"]},
    {"name": "cohere"},
    {"name": "groq", "api_base": "gateway"},
    {
        "name": "vllm",
        "api_base": "https://gpu.example/v1",
        "cost": "9 USD/hour",
        "models": {"own": {"context": "131k", "capabilities": ["tools", "json", "streaming"]}},
    },
)
GIVEN: Drawn = {
    "litellm": lambda alias: {
        "model_list": [{"model_name": alias, "litellm_params": {"model": "openai/gpt-5.4"}}]
    },
    "portkey-oss": lambda alias: {alias: {"provider": "openai", "api_key": "${OPENAI_API_KEY}"}},
    "portkey-cloud": lambda alias: {alias: {"provider": "@openai"}},
    "openrouter": lambda alias: {alias: {"model": "openai/gpt-5.4"}},
}
"""A route that `passthrough` gives whole, by gateway."""

_shares = st.sampled_from(["0%", "12.5%", 0.4, "95%"])
_counts = st.sampled_from([1, 60, 800, "32k"])
_seconds = st.sampled_from(["800ms", "1s", "2500ms", "30s", "5m"])
_limits = _seconds | st.just("gateway")
_regions = st.sampled_from(["eu", "eea", "us", "de", "eu-central-1"])
_models = st.sampled_from(["openai/*", "bedrock/*", "*/gpt-5.4", "anthropic/*"])
_pinned = st.sampled_from(["openai/gpt-5.4", "anthropic/claude-opus-5", "openai/gpt-4.1"])

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "version": st.just(1),
    "name": st.just("drawn"),
    "extends": st.just([]),
    "passthrough": st.just({}),
    "ignore": st.lists(
        st.just({"code": "PLN105", "at": "**", "why": "known", "until": "2030-01-01"}), max_size=1
    ),
    "providers": st.lists(st.sampled_from(ACCOUNTS), max_size=5, unique_by=repr),
    "gateway.version": st.just("9.9"),
    "workloads.alias": st.sampled_from(ALIASES),
    "workloads.quality": st.sampled_from(
        ["fast", "balanced", "smart", {"bench": "arena_text", "min": 1200.0}]
    ),
    "workloads.context": st.sampled_from(["1k", "32k", 100_000]),
    "workloads.availability": st.sampled_from(["90%", "99.9%", "99.999%"]),
    "params.max_tokens": _counts,
    "params.temperature": st.sampled_from([0.0, 0.7, 1.0]),
    "params.top_p": st.sampled_from([0.1, 1.0]),
    "params.seed": st.sampled_from([0, -3, 7]),
    "params.stop": st.sampled_from([["END"], ["a: b", "#"]]),
    "latency.ttft_p95": _seconds,
    "latency.total_p95": _seconds,
    "traffic.rate": st.sampled_from(["200k/day", "20/s", "1/week"]),
    "traffic.peak_rps": st.sampled_from([0.5, 12.0]),
    "traffic.input_tokens": _counts,
    "traffic.output_tokens": _counts,
    "traffic.repeats": _shares,
    "traffic.prompt_cache": _shares,
    "traffic.window": st.just("01:00-05:00 Europe/Berlin"),
    "models.first": _pinned,
    "models.allow": st.lists(_models, min_size=1, max_size=3, unique=True),
    "models.deny": st.just(["*/gpt-4o"]),
    "experiment.name": st.sampled_from(["new-model", "b"]),
    "experiment.by": st.sampled_from(["user", "request", "metadata.tenant"]),
    "experiment.arms": st.sampled_from(
        [
            {"a": {"share": "90%"}, "b": {"share": "10%"}},
            {"a": {"share": 0.5, "model": "openai/gpt-5.4"}, "b": {"share": "50%"}},
        ]
    ),
    "route_by.key": st.sampled_from(["task", "team.name", "team.region", "metadata.tier"]),
    "route_by.cases": st.just({}),
    "route_by.else": st.just(""),
    "budget.limit": st.sampled_from(["1 USD/hour", "30 USD/day", "99.5 USD/week", "9 USD/month"]),
    "budget.alert": st.sampled_from(["12.5%", 0.4, "95%", "100%"]),
    "rate_limit.rpm": _counts,
    "rate_limit.tpm": _counts,
    "routing.retries": st.integers(0, 3),
    "routing.attempts_per_request": st.sampled_from([1, 3, "gateway"]),
    "routing.timeout": _limits,
    "routing.first_token": _limits,
    "routing.deadline": _limits,
    "routing.cooldown": _limits | st.just("0s"),
    "routing.latency_window": _seconds,
    "cost.monthly_budget": st.sampled_from(["8000 USD", "1 USD/month"]),
    "cost.max_per_request": st.sampled_from(["0.5 USD", "0.01 USD"]),
    "compliance.residency": st.lists(_regions, max_size=2, unique=True),
    "pii.entities": st.sampled_from([["email"], ["us_ssn", "iban"], ["vat", "national_id"]]),
    "guardrails.deny": st.lists(st.sampled_from(RULES), max_size=2, unique_by=repr),
    "cache.ttl": _seconds,
    "cache.similarity": st.sampled_from(["80%", 0.95, 1.0]),
    "teams.name": st.sampled_from(TEAMS),
    "teams.region": st.sampled_from(["eu", "us"]),
    "teams.workloads": st.lists(st.integers(0, 3), max_size=2),
    "keys.name": st.just(""),
    "operations.replicas": st.integers(1, 3),
    "operations.region": _regions | st.lists(_regions, min_size=1, max_size=2, unique=True),
    "providers.secret": st.sampled_from(["A_KEY", "gateway"]),
    "agreements.ref": st.just("MAM-4711"),
    "agreements.until": st.sampled_from(["2020-01-01", "2030-06-30"]),
    "quota.tpm": _counts,
    "quota.rpm": _counts,
    "quota.parallel": _counts,
}
"""By the end of a key's path, for what its type alone does not tell."""


def _values(path: str, annotation: Any) -> st.SearchStrategy[Any]:
    end = ".".join(path.split(".")[-2:])
    if end in VALUES:
        return VALUES[end]
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return sections(annotation, path)
    if annotation is bool:
        return st.booleans()
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if get_origin(annotation) is Literal:
        return st.sampled_from(arguments)
    if get_origin(annotation) is tuple:
        return st.lists(_values(path, arguments[0]), max_size=2, unique_by=repr)
    if not arguments:
        raise LookupError(f"{path}: VALUES has nothing for it")
    return _values(path, arguments[0])


def sections(
    section: type[Section], path: str = "", without: tuple[str, ...] = ()
) -> st.SearchStrategy[Drawn]:
    """Each key of a section is there or not."""
    needed, optional = {}, {}
    for name, field in section.model_fields.items():
        key = field.serialization_alias or name
        if key not in without:
            drawn = _values(f"{path}.{key}" if path else key, field.annotation)
            (needed if field.is_required() else optional)[key] = drawn
    return st.fixed_dictionaries(needed, optional=optional)


_drawn = sections(Profile)
_of_accounts = sections(
    ProviderAccount,
    "providers",
    without=(
        "name",
        "as",
        "regions",
        "deployment_type",
        "api_base",
        "api_version",
        "cost",
        "models",
    ),
)


@st.composite
def profiles(draw: st.DrawFn, least: int = 1) -> Drawn:
    """What a profile's file says, with `least` workloads or more."""
    profile = draw(_drawn)
    workloads = profile["workloads"]
    while len(workloads) < least:
        workloads.append({"alias": "", "task": "chat"})
    for workload, alias in zip(workloads, draw(st.permutations(ALIASES)), strict=False):
        workload["alias"] = alias
        workload.pop("given", None)
        _fit_models(workload.get("models", {}))
    aliases = [workload["alias"] for workload in workloads]
    profile["teams"] = _fit_teams(profile.get("teams", []), aliases)
    _fit_routes(workloads, [team["name"] for team in profile["teams"]])
    if "providers" in profile:
        profile["providers"] = [
            {**draw(_of_accounts), **account} for account in (ACCOUNTS[0], *profile["providers"])
        ][: 1 + len(profile["providers"])]
        named = {account.get("as", account["name"]): account for account in profile["providers"]}
        profile["providers"] = list(named.values())
    if len(workloads) > least and "passthrough" in profile:
        _give(profile, workloads[-1])
    return profile


def _fit_models(models: Drawn) -> None:
    if "first" in models and "allow" in models:
        models["allow"] = [*models["allow"], models["first"]]


def _fit_teams(teams: list[Drawn], aliases: list[str]) -> list[Drawn]:
    number = count()
    for team, name in zip(teams, TEAMS, strict=False):
        team["name"] = name
        for key in team.get("keys", []):
            key["name"] = f"key-{next(number)}"
        if "workloads" in team:
            team["workloads"] = sorted({aliases[n % len(aliases)] for n in team["workloads"]})
    return teams


def _fit_routes(workloads: list[Drawn], teams: list[str]) -> None:
    """Only the last alias passes on, and to the first."""
    for workload in workloads[:1] if len(workloads) == 1 else workloads[:-1]:
        workload.pop("route_by", None)
    route_by = workloads[-1].get("route_by")
    if route_by:
        first = workloads[0]["alias"]
        values = {"task": ["code", "chat"], "team.name": teams[:1], "team.region": ["eu"]}
        cases = dict.fromkeys(values.get(route_by["key"], ["gold", "1"]), first)
        workloads[-1]["route_by"] = {**route_by, "cases": cases, "else": first}


def _give(profile: Drawn, workload: Drawn) -> None:
    workload.pop("route_by", None)
    workload["given"] = True
    profile["passthrough"] = {name: of(workload["alias"]) for name, of in GIVEN.items()}


def text_of(profile: Drawn) -> str:
    """JSON, which is YAML that no format surprises."""
    return json.dumps(profile, ensure_ascii=False, indent=1)
