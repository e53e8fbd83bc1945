"""What the configuration language of Portkey has names for: keys, checks, fields of a request.

Read in the schema and the checks of `@portkey-ai/gateway` 1.15.2 on 2026-11-24, and in the vendor's
documentation of configurations (snapshot of 2026-08-21).
"""

from collections.abc import Mapping

from designer import keys
from designer.keys.undeclared import PREFIXES, UNDECLARED


def _known(section: str) -> tuple[str, ...]:
    """Of both products: a key of the other one is told apart by other rules."""
    hosted, oss = (keys.sections(name)[section] for name in ("portkey-cloud", "portkey-oss"))
    return tuple(dict.fromkeys((*hosted, *oss)))


STRATEGY_KEYS = _known("strategy")
CONDITION_KEYS = _known("strategy.conditions[]")
RETRY_KEYS = _known("retry")
CACHE_KEYS = _known("cache")
LEVEL_KEYS = (*_known("targets[]"), *sorted(UNDECLARED["portkey-oss"]["targets[]"]))
PROVIDER_PREFIXES = PREFIXES["targets[]"]

MEANT: Mapping[str, str] = {
    "timeout": "request_timeout",
    "timeout_ms": "request_timeout",
    "retries": "retry",
    "max_retries": "retry",
    "num_retries": "retry",
    "fallbacks": "targets",
    "api_base": "custom_host",
    "base_url": "custom_host",
    "model": "override_params",
    "params": "override_params",
    "headers": "forward_headers",
    "guardrails": "input_guardrails",
    "integration": "provider",
}
"""What other tools call it, or what was likely meant."""

HOSTED_KEYS = ("default_params", "drop_params", "cb_config", "sticky")
"""Accepted and ignored by the open-source gateway (measured on 1.15.2, 2026-11-22)."""

# --- Guardrails -----------------------------------------------------------------------------------

CHECKS: Mapping[str, frozenset[str]] = {
    "default": frozenset(
        {
            *("regexMatch", "sentenceCount", "wordCount", "characterCount", "jsonSchema"),
            *("jsonKeys", "contains", "validUrls", "webhook", "log", "containsCode"),
            *("alluppercase", "alllowercase", "endsWith", "modelWhitelist", "modelRules", "jwt"),
            *("requiredMetadataKeys", "addPrefix", "regexReplace", "allowedRequestTypes"),
            "notNull",
        }
    ),
    "portkey": frozenset({"moderateContent", "language", "pii", "gibberish"}),
}
"""The checks of the plugins that are always there; other plugins' are not judged."""
PLUGINS = frozenset(
    {
        *("default", "portkey", "qualifire", "aporia", "sydelabs", "pillar", "patronus"),
        *("mistral", "pangea", "promptfoo", "bedrock", "acuvity", "lasso", "exa", "azure"),
        *("promptsecurity", "panw-prisma-airs", "walledai", "javelin", "f5-guardrails"),
    }
)
LOCAL_PLUGIN = "default"
REMOTE_CHECKS = frozenset({"default.webhook", "default.jwt"})
"""Checks of the local plugin that ask a server."""

# --- Requests -------------------------------------------------------------------------------------

OPERATORS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$regex")
TEXT_PARAMS = frozenset({"model", "user", "reasoning_effort", "service_tier", "tool_choice"})
NUMBER_PARAMS = frozenset(
    {
        *("temperature", "top_p", "top_k", "n", "seed", "max_tokens", "max_completion_tokens"),
        *("presence_penalty", "frequency_penalty", "top_logprobs", "dimensions"),
    }
)
FLAG_PARAMS = frozenset({"stream", "logprobs", "parallel_tool_calls", "store"})
