"""What a gateway reads beyond its schemas and declarations: keys, and kinds of values.

The inventory in `data/` is read from declarations. What an undeclared key takes is not known.
"""

from collections.abc import Mapping
from typing import Final

from designer.keys import Kind

_PORTKEY_LEVEL: Final = frozenset(
    {
        *("metadata", "id", "description", "snowflake_account", "filename", "model_pricing_config"),
        "fetch_integrated_models",
    }
)
"""What the gateway reads beyond its schema (read, 1.15.2, 2026-11-24), and labels."""
_PORTKEY: Final = {"": _PORTKEY_LEVEL, "targets[]": _PORTKEY_LEVEL}

UNDECLARED: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    # `litellm_settings.get("…")`, `general_settings.get("…")`, `getattr(litellm, "…")` (searched for
    # in 1.106.2, 2026-11-24)
    "litellm": {
        "litellm_settings": frozenset(
            {
                *("code_interpreter_interception_params", "compression_interception_params"),
                *("default_mcp_sampling_model", "enable_post_custom_auth_checks"),
                *("forward_llm_provider_auth_headers", "timezone", "ui_theme_config"),
                "vertex_credentials",
            }
        ),
        "general_settings": frozenset(
            {
                *("block_robots", "custom_auth_settings", "email_settings", "enable_mcp_registry"),
                *("enforce_project_model_quota", "mcp_allow_all_keys_respects_mcp_scope"),
            }
        ),
    },
    "portkey-oss": _PORTKEY,
    "portkey-cloud": _PORTKEY,
    # Of responses, messages, completions and presets (OpenAPI document, 2026-08-22)
    "openrouter": {
        "": frozenset(
            {
                *("transforms", "prompt", "max_output_tokens", "audio", "web_search_options"),
                *("functions", "function_call", "n", "suffix", "echo", "best_of", "background"),
                *("include", "instructions", "max_tool_calls", "text", "truncation", "thinking"),
                *("previous_response_id", "safety_identifier", "store", "context_management"),
                *("output_config", "speed", "stop_sequences", "cache_enabled", "parameters"),
                *("cache_ttl_seconds", "system_prompt"),
            }
        ),
    },
}
"""By gateway and section."""

PREFIXES: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
    _PORTKEY,
    (
        *("aws_", "azure_", "vertex_", "openai_", "anthropic_", "fireworks_", "oracle_", "amzn_"),
        *("huggingface_", "mistral_", "stability_", "workers_ai_", "google_", "cohere_"),
        "bedrock_",
    ),
)
"""Of a Portkey level: settings of one provider; the gateway reads some eighty of them and the vendor
adds more."""

ALSO: Final[Mapping[str, Mapping[tuple[str, str], frozenset[Kind]]]] = {
    # Code that asks for another kind than the declaration names, or one that converts (read in 1.106.2,
    # 2026-11-24)
    "litellm": {
        ("", "policies"): frozenset({"dict"}),  # proxy/policy_engine/init_policies.py:100
        ("litellm_settings", "cache"): frozenset({"bool"}),  # proxy/proxy_server.py:6545
        ("litellm_settings", "callbacks"): frozenset({"str"}),  # callback_utils.py:150
        ("cache_params", "port"): frozenset({"int"}),  # the client of Redis converts it
        ("litellm_params", "weight"): frozenset({"float"}),  # measured: shares of any size
        ("model_info", "mode"): frozenset({"str"}),  # compared, never refused
        ("guardrails[].litellm_params.rules[]", "decision"): frozenset({"str"}),  # in any case
    },
    "portkey-oss": {},
    # A saved guardrail, by its id (api-reference/inference-api/config-object, 2026-08-21)
    "portkey-cloud": {
        (section, f"{name}[]"): frozenset({"str"})
        for section in _PORTKEY
        for name in ("input_guardrails", "output_guardrails")
    },
    "openrouter": {},
}
"""By gateway, section and key; with `[]`, of the items of its list. A text where there are choices is any
other text."""
