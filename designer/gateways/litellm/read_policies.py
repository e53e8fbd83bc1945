"""What a LiteLLM configuration, and the teams beside it, say about caches, money, callers and telemetry.

Only what is understood whole is read: a cache without a time to live or of a kind that is not emitted
is left to `not_analysed`. A team's file is the one that designer writes, bodies of `/team/new`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from designer.gateways.litellm.policies import PERIOD, by_routes
from designer.gateways.litellm.tables import NO_MODELS, SEMANTIC_CACHE_TYPE
from designer.ir import Budget, Cache, Key, RateLimit, Scope, Team, Telemetry

EXPORTERS = ("otel", "prometheus")
_PERIOD_OF = {written: period for period, written in PERIOD.items()}

# --- Caches ---------------------------------------------------------------------------------------

_CACHE_KEYS = frozenset(
    {
        *("type", "ttl", "host", "port", "password"),
        *("similarity_threshold", "redis_semantic_cache_embedding_model"),
    }
)


def understands_cache(settings: Mapping[str, Any]) -> bool:
    params = settings.get("cache_params")
    if settings.get("cache") is not True or not isinstance(params, Mapping):
        return False
    semantic = params.get("type") == SEMANTIC_CACHE_TYPE
    return (
        params.keys() <= _CACHE_KEYS
        and (semantic or params.get("type") in ("local", "redis"))
        and _positive(params.get("ttl")) is not None
        and (not semantic or _positive(params.get("similarity_threshold")) is not None)
    )


def caches(
    settings: Mapping[str, Any], params: Mapping[str, Mapping[str, Any]]
) -> tuple[Cache, ...]:
    """By the parameters of one deployment of each group."""
    common = settings["cache_params"]
    semantic = common["type"] == SEMANTIC_CACHE_TYPE
    similarity = float(common["similarity_threshold"]) if semantic else 1.0
    found = {}
    for name, own in params.items():
        said = own.get("cache")
        said = said if isinstance(said, Mapping) else {}
        if said.get("no-cache") is not True:
            ttl_s = _positive(said.get("ttl")) or float(common["ttl"])
            found[name] = Cache("semantic" if semantic else "exact", ttl_s, similarity)
    return by_routes(found, params)


def _positive(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < float("inf") else None


# --- Money ----------------------------------------------------------------------------------------


def whole_budget(settings: Mapping[str, Any]) -> Iterator[Budget]:
    yield from spent_on("all", "", settings)


def spent_on(scope: Scope, of: str, said: Mapping[str, Any]) -> Iterator[Budget]:
    """The hard budget there; a team's soft one is what somebody is told of."""
    period = _PERIOD_OF.get(str(said.get("budget_duration")))
    hard = _usd(said.get("max_budget"))
    soft = _usd(said.get("soft_budget")) if scope == "team" else None
    if period is None or (hard is None and soft is None):
        return
    if hard is None:
        yield Budget(scope, of, soft or Decimal(0), period, refuses=False)
    else:
        alert = None if soft is None else round(float(soft / hard), 6)
        yield Budget(scope, of, hard, period, alert)


def _usd(value: Any) -> Decimal | None:
    if _positive(value) is None:
        return None
    try:
        return Decimal(str(float(value)))
    except InvalidOperation:
        return None


# --- Telemetry ------------------------------------------------------------------------------------


def telemetry(settings: Mapping[str, Any]) -> Telemetry | None:
    listed = settings.get("callbacks")
    named = listed if isinstance(listed, list) else []
    exporters = frozenset(name for name in EXPORTERS if name in named)
    off = settings.get("turn_off_message_logging")
    told = off is False or (bool(exporters) and off is not True)
    if not exporters and not told:
        return None
    return Telemetry(exporters, "always" if told else "never")  # type: ignore[arg-type]  # EXPORTERS


# --- Teams ----------------------------------------------------------------------------------------


class FoundTeam(Struct, frozen=True):
    team: Team
    budgets: tuple[Budget, ...]
    limits: tuple[RateLimit, ...]


def is_teams(path: str, value: Any) -> bool:
    """Whether a file is the list of teams that stands beside a configuration."""
    return (
        path.rpartition("/")[2] == "teams.json"
        and isinstance(value, Mapping)
        and isinstance(value.get("teams"), list)
        and isinstance(value.get("keys"), list)
    )


def teams_of(value: Any) -> tuple[FoundTeam, ...]:
    if value is None:
        return ()
    said = [item for item in value["teams"] if isinstance(item, Mapping)]
    keys = [item for item in value["keys"] if isinstance(item, Mapping)]
    return tuple(_team(item, keys) for item in said if isinstance(item.get("team_alias"), str))


def _team(said: Mapping[str, Any], keys: list[Mapping[str, Any]]) -> FoundTeam:
    name = said["team_alias"]
    models = said.get("models")
    listed = tuple(m for m in models if isinstance(m, str)) if isinstance(models, list) else ()
    metadata = said.get("metadata")
    region = metadata.get("region") if isinstance(metadata, Mapping) else ""
    aliases = said.get("model_aliases")
    team = Team(
        name,
        tuple(
            Key(str(key.get("key_alias")), key.get("existing") is True)
            for key in keys
            if key.get("team_alias") == name
        ),
        () if listed == (NO_MODELS,) else (listed or None),
        region if isinstance(region, str) else "",
        tuple(aliases.items()) if isinstance(aliases, Mapping) else (),
    )
    rpm, tpm = (_count(said.get(key)) for key in ("rpm_limit", "tpm_limit"))
    limits = () if rpm is None and tpm is None else (RateLimit("team", name, rpm, tpm),)
    return FoundTeam(team, tuple(spent_on("team", name, said)), limits)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
