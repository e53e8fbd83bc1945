"""What OpenRouter's API has names for: preferences, fields, plugins, providers, filters.

Read in OpenRouter's OpenAPI document of 2026-08-22 (OpenRouterTeam/docs, `openapi/openapi.yaml`, MIT)
and, for what is newer, the Python SDK `openrouter` 1.3.84, on 2026-11-24.
"""

import re
from collections.abc import Mapping

from designer import keys
from designer.keys.undeclared import UNDECLARED

_SECTIONS = keys.sections("openrouter")
KNOWN_PREFERENCES = tuple(_SECTIONS["provider"])


WRAPPERS = ("extra_body", "extraBody", "providerOptions", "provider_options", "openrouter")
"""Where client libraries take preferences; none of them is a field of a request."""

FIELDS = (
    *_SECTIONS[""],
    *sorted(UNDECLARED["openrouter"][""]),
    *_SECTIONS["preset"],
    "config",
)
"""Of the chat endpoint and, here, of responses, messages, completions and presets."""

NOT_OFFERED: Mapping[str, str] = {
    **dict.fromkeys(
        ("timeout", "timeout_ms", "timeout_s", "request_timeout"),
        "set the time limit in the client; `preferred_max_latency` is a wish",
    ),
    **dict.fromkeys(
        ("retries", "retry", "num_retries", "max_retries"),
        "set retries in the client: OpenRouter asks each endpoint once",
    ),
    **dict.fromkeys(("fallbacks", "fallback", "fallback_models"), "list the models in `models`"),
    **dict.fromkeys(
        ("weights", "weight", "load_balance", "loadbalance"),
        "shares cannot be set: providers are drawn by price unless `order` or `sort` says otherwise",
    ),
    **dict.fromkeys(
        ("cooldown", "cooldown_time", "circuit_breaker", "allowed_fails"),
        "take it out: how long a failing provider is left alone is OpenRouter's own choice",
    ),
    **dict.fromkeys(
        ("max_budget", "budget", "rpm", "tpm", "limit_usd"),
        "set a limit at the API key or in a guardrail",
    ),
    "cache": "send the header `X-OpenRouter-Cache: true`",
}
"""What other gateways configure in a request → what to do here."""

PLUGINS = frozenset(
    {
        *_SECTIONS["plugins[]"]["id"].choices,
        *("switchyard-router", "jev-router", "armor", "alignment"),
    }
)
"""With those that only the SDK knows."""
PLUGIN_OF_ROUTER: Mapping[str, str] = {
    "openrouter/auto": "auto-router",
    "openrouter/auto-beta": "auto-beta-router",
    "openrouter/pareto-code": "pareto-router",
    "nvidia/switchyard": "switchyard-router",
}

# --- Providers ------------------------------------------------------------------------------------

PROVIDERS = frozenset(
    """
    ai21 aion-labs akashml alibaba amazon-bedrock amazon-nova ambient anthropic arcee-ai atlas-cloud
    avian azure baidu baseten black-forest-labs byteplus cerebras chutes cirrascale clarifai
    cloudflare cohere coreweave crusoe darkbloom databricks decart deepgram deepinfra deepseek dekallm
    digitalocean featherless fireworks fish-audio friendli gmicloud google-ai-studio google-vertex
    groq heygen inception inceptron inferact-vllm inference-net infermatic inflection io-net ionstream
    krea liquid makora mancer mara meta minimax mistral modal modelrun modular moonshotai morph
    ncompass nebius nex-agi nextbit novita nvidia open-inference openai parasail perceptron perplexity
    phala poolside quiver recraft reka relace runway sail-research sakana sakana-ai sambanova seed
    siliconflow sourceful stepfun streamlake switchpoint tencent tenstorrent thinkingmachines together
    upstage venice wafer wandb wandb-legacy xai xiaomi z-ai
    """.split()  # noqa: SIM905 - 102 quoted names read worse
)
"""Slugs (`BYOKProviderSlug` of the document)."""


def plain(name: str) -> str:
    """A provider's slug or display name, so that the two compare."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


KNOWN_PROVIDERS = frozenset(map(plain, (*PROVIDERS, *keys.names("openrouter", "", "providers"))))
"""With display names, which are taken too."""

# --- Guardrails -----------------------------------------------------------------------------------

BUILTINS = (*_SECTIONS["guardrail.content_filter_builtins[]"]["slug"].choices, "secrets")
ACTIONS = ("block", "redact", "flag")
INTERVALS = _SECTIONS["guardrail"]["reset_interval"].choices
LISTS = (
    *("allowed_models", "ignored_models", "allowed_providers", "ignored_providers"),
    "allowed_data_regions",
)
"""Of a guardrail: null, or at least one item."""
