"""What OpenRouter's API takes, as tables: hosts, request fields, preferences, filters, limits.

Read from OpenRouter's OpenAPI document of 2026-08-22 (OpenRouterTeam/docs, `openapi/openapi.yaml`,
MIT) and, for what is newer, the Python SDK `openrouter` 1.3.84 (2026-11-22). Facts only: what they
mean for routing is in `semantics` and `tree`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from designer.gateways.shapes import NATIONAL_ID, VAT
from designer.ir import Period

VERSION = "2026-08"

HOSTS: Mapping[str, str] = {
    "global": "https://openrouter.ai/api/v1",
    "eu": "https://eu.openrouter.ai/api/v1",
    "us": "https://us.openrouter.ai/api/v1",
}
"""Regional hosts refuse rather than leave the region; they need a Business or Enterprise plan
(guides/features/in-region-routing, stored copy read 2026-11-22)."""
HOST_OF_RESIDENCY: Mapping[str, str] = {"eu": "eu", "eea": "eu", "us": "us"}
REGION_OF: Mapping[str, str] = {url: region for region, url in HOSTS.items() if region != "global"}
DATA_REGION: Mapping[str, str] = {"eu": "europe", "us": "us"}
"""A guardrail's word for a region (`allowed_data_regions`, SDK 1.3.84; not in the document)."""

API_KEY = "env:OPENROUTER_API_KEY"

MAX_MODELS = 3
"""The live API answers `'models' array must have 3 items or fewer.` (coder/xum#2963,
ever-co/ever-gauzy#9915); neither the document nor the guides say so."""
MAX_SESSION_ID = 256
MAX_TTL_S = 86_400
"""`X-OpenRouter-Cache-TTL` is clamped to 1 to 86,400 seconds, fractions are cut off
(guides/features/response-caching, 2026-08-22)."""
MAX_PATTERN = 100_000
MAX_LABEL = 100

# --- Names ----------------------------------------------------------------------------------------

SORT_OF_SUFFIX: Mapping[str, str] = {
    "nitro": "throughput",
    "floor": "price",
    "exacto": "exacto",
    "online": "",
}
"""Suffixes that choose how a model is routed or add a plugin; every other one (`:free`,
`:thinking`) names a catalog entry of its own (guides/routing/model-variants, 2026-08-22)."""
TIER_OF_SUFFIX: Mapping[str, str] = {"nitro": "priority", "floor": "flex"}
TIERS = frozenset({"priority", "flex", "fast", "scale", "ultrafast"})
"""Endpoints `<provider>/<tier>` that a bare provider slug does not name
(guides/features/service-tiers, 2026-08-22)."""
SLUG_OF_NAME: Mapping[str, str] = {"google": "google-vertex"}
"""Display names whose slug is not the name in lower case with hyphens."""

# --- Provider preferences -------------------------------------------------------------------------

LISTS = frozenset({"order", "only", "ignore", "quantizations"})
MAPS = frozenset({"max_price", "preferred_min_throughput", "preferred_max_latency", "sort"})
"""Preferences whose value may be an object; here they are kept as sorted pairs."""

SORTS = frozenset({"price", "throughput", "latency", "exacto"})
QUANTIZATIONS: Mapping[str, frozenset[str]] = {
    name: frozenset({name})
    for name in ("int4", "int8", "mxfp4", "nvfp4", "fp6", "mxfp8", "fp16", "bf16", "fp32")
} | {
    "fp4": frozenset({"fp4", "mxfp4", "nvfp4"}),
    "fp8": frozenset({"fp8", "mxfp8"}),
    "unknown": frozenset({"unknown", ""}),
}
"""A level → what it admits (snippets/quantization-levels, 2026-08-22)."""


def is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_sort(value: Any) -> bool:
    if isinstance(value, Mapping):
        return (
            set(value) <= {"by", "partition"}
            and value.get("by") in (*SORTS, None)
            and value.get("partition") in ("model", "none", None)
        )
    return isinstance(value, str) and value in SORTS


def _is_price(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) <= {"prompt", "completion", "request", "image", "audio"}
        and all(price_text(v) is not None for v in value.values())
    )


def _is_cutoff(value: Any) -> bool:
    if isinstance(value, Mapping):
        known = set(value) <= {"p50", "p75", "p90", "p99"}
        return known and all(v is None or is_number(v) for v in value.values())
    return is_number(value)


_DEAREST_USD = 1_000_000_000


def price_text(value: Any) -> str | None:
    """The document wants text, the guides show numbers: text is what every validator takes.

    The SDK drops the whole `provider` object over a number (measured, openrouter 1.3.84).
    """
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return value if math.isfinite(number) and number >= 0 else None
    if is_number(value) and 0 <= value <= _DEAREST_USD:
        return f"{value:.12f}".rstrip("0").rstrip(".")
    return None


PREFERENCES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "order": (_is_names, "a list of provider slugs"),
    "only": (_is_names, "a list of provider slugs"),
    "ignore": (_is_names, "a list of provider slugs"),
    "allow_fallbacks": (_is_flag, "true or false"),
    "require_parameters": (_is_flag, "true or false"),
    "zdr": (_is_flag, "true or false"),
    "enforce_distillable_text": (_is_flag, "true or false"),
    "data_collection": (lambda v: v in ("allow", "deny"), "allow or deny"),
    "quantizations": (
        lambda v: _is_names(v) and all(q in QUANTIZATIONS for q in v),
        "a list of quantization levels",
    ),
    "sort": (_is_sort, "price, throughput, latency, exacto, or an object of by and partition"),
    "max_price": (_is_price, "an object of prices written as text"),
    "preferred_min_throughput": (_is_cutoff, "a number or an object of p50, p75, p90, p99"),
    "preferred_max_latency": (_is_cutoff, "a number or an object of p50, p75, p90, p99"),
}
"""Fields of `provider` → whether a value (not null) is one, and what one looks like."""

UNSIMULATED = frozenset(
    {
        *("zdr", "data_collection", "require_parameters", "enforce_distillable_text"),
        *("preferred_min_throughput", "preferred_max_latency"),
    }
)
"""Preferences that exclude or demote endpoints by facts that no public table holds."""
NOT_FOLLOWED: Mapping[str, str] = {
    "service_tier": "service_tier admits and leaves out no endpoint",
    "session_id": "no session stays with its endpoint: every request is routed anew",
}
"""Fields of a body that choose endpoints (guides/features/service-tiers, guides/best-practices/
prompt-caching, 2026-08-22) → what is assumed in their place."""

# --- Request parameters ---------------------------------------------------------------------------


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) or (_is_names(value) and len(value) <= 4)


CHAT_PARAMS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        (
            *("frequency_penalty", "min_p", "presence_penalty", "repetition_penalty"),
            *("temperature", "top_a", "top_p"),
        ),
        is_number,
    ),
    **dict.fromkeys(
        ("max_completion_tokens", "max_tokens", "seed", "top_k", "top_logprobs"), _is_count
    ),
    **dict.fromkeys(("logprobs", "parallel_tool_calls"), _is_flag),
    "reasoning_effort": lambda v: v in ("max", "xhigh", "high", "medium", "low", "minimal", "none"),
    "stop": _is_stop,
}
EMBEDDING_PARAMS: Mapping[str, Callable[[Any], bool]] = {
    "dimensions": lambda v: _is_count(v) and v >= 1,
    "encoding_format": lambda v: v in ("float", "base64"),
    "input_type": lambda v: isinstance(v, str),
}

CONTENT = frozenset(
    {"messages", "input", "stream", "stream_options", "user", "metadata", "trace", "debug"}
)
"""Fields that say what is asked, not how it is routed."""


def params_of(embeds: bool) -> Mapping[str, Callable[[Any], bool]]:
    return EMBEDDING_PARAMS if embeds else CHAT_PARAMS


# --- Guardrails -----------------------------------------------------------------------------------

BUILTIN_OF: Mapping[str, str] = {
    "email": "email",
    "phone": "phone",
    "us_ssn": "ssn",
    "credit_card": "credit-card",
    "ip": "ip-address",
    "person_name": "person-name",
    "address": "address",
}
"""Entity → built-in filter."""
PATTERN_OF: Mapping[str, str] = {
    "iban": r"\b[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4} ?[A-Z0-9]{3}[A-Z0-9 ]{0,23}\b",
    "api_key": r"\b(?:sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}"
    r"|AIza[0-9A-Za-z_-]{35}|xox[abprs]-[0-9A-Za-z-]{10,})",
    "national_id": NATIONAL_ID,
    "vat": VAT,
}
"""Entity → custom filter, where no built-in exists in the document. ISO 13616 for IBANs (no
checksum: a pattern cannot count); the published prefixes of OpenAI, AWS, GitHub, Google and Slack."""
LABEL_OF: Mapping[str, str] = {entity: f"[{entity.upper()}]" for entity in PATTERN_OF}
ENTITIES = (*BUILTIN_OF, *PATTERN_OF)

ZDR_FLAGS = tuple(
    f"enforce_zdr_{group}" for group in ("anthropic", "openai", "google", "xai", "other")
)
TRAINING_FLAGS = (
    *("enable_paid_model_training", "enable_free_model_training"),
    "enable_free_model_publication",
)
GUARDRAIL_KEYS = frozenset(
    {
        *("name", "description", "workspace_id", "limit_usd", "reset_interval"),
        *("include_byok_in_budgets", "allowed_models", "ignored_models", "allowed_providers"),
        *("ignored_providers", "content_filter_builtins", "content_filters", "enforce_zdr"),
        *ZDR_FLAGS,
        *TRAINING_FLAGS,
        *("allowed_data_regions", "allow_safety_retention_google", "allow_safety_retention_other"),
    }
)

# --- Keys and workspaces --------------------------------------------------------------------------

INTERVAL_OF: Mapping[Period, str] = {"day": "daily", "week": "weekly", "month": "monthly"}
"""Periods after which limits of keys and budgets of workspaces begin anew, at midnight UTC
(the document, `POST /keys` and `PUT /workspaces/{id}/budgets/{interval}`)."""
WORKSPACE: Mapping[str, str] = {"name": "llm-gateway", "slug": "llm-gateway"}
OTEL_ENDPOINT = "env:OTEL_EXPORTER_OTLP_ENDPOINT"
"""Where an OTLP/HTTP collector listens; it has to be public (guides/features/broadcast, 2026-08-22)."""

# --- Profile keys ---------------------------------------------------------------------------------

WINDOW_S = 300.0
"""How far back it looks when it sorts by latency (guides/routing/provider-selection, 2026-08-22)."""

HONOURED: Mapping[str, str] = {
    "workloads.params": "fields of the request body",
    "workloads.models": "model and models, provider.only and provider.order",
    "workloads.experiment": "the emitted client draws an arm by its share, the same one for the same "
    "user or metadata; each arm is a request and a preset of its own",
    "workloads.route_by": "the emitted client picks the alias by task, metadata or team",
    "teams.region": "the emitted client picks the chain within it, asked for at the host of the region; "
    "eu, eea and us, any other is refused",
    "routing.strategy": "cheapest and fastest are sorts; the others become an order or its balance",
    "routing.deadline": "the emitted client gives up after it",
    "routing.on_refusal": "fallback; return only within one model",
    "routing.mid_stream": "error; buffer is left out",
    "routing.sticky": "session_id, where no order of providers is asked for",
    "compliance.residency": "the hosts eu and us; any other region is refused",
    "compliance.retention": "provider.zdr and the guardrail",
    "compliance.training": "provider.data_collection and the guardrail",
    "guardrails.pii.input": "content filters of the guardrail",
    "guardrails.pii.entities": "built-in filters; IBANs, national ids and VAT numbers by their "
    "shape, without check digits or a look at what stands around, so that decimals and dates may be taken "
    "for national ids",
    "guardrails.deny": "content filters of the guardrail; a pattern that it does not take is refused",
    "guardrails.on_failure": "a check that fails lets the request through",
    "cache.mode": "exact, by headers that the emitted client sends; never on a route of zero retention",
    "cache.ttl": "X-OpenRouter-Cache-TTL, from 1 second to 1 day",
    "cost.monthly_budget": "a budget of the workspace (workspace.json), which needs an Enterprise plan; "
    "a request beyond it is answered 403; not observed here",
    "teams.name": "client.json: whose routes the emitted client asks for",
    "teams.keys": "keys.json, the bodies of POST /keys, and main.tf.json; not observed here",
    "teams.workloads": "the emitted client asks for no other; OpenRouter itself would let a key ask "
    "for any",
    "teams.budget": "the limit of the team's key (keys.json); a request beyond it is answered 402; "
    "not observed here",
    "operations.observability": "otel: a destination of the workspace's broadcast (workspace.json); "
    "not observed here",
    "operations.replicas": "nothing to run: OpenRouter is hosted by its vendor",
    "operations.logs": "the workspace's logging of inputs and outputs, and the destination's "
    "privacy mode",
}
