"""How both products name providers and what a target may say to reach one without a saved integration.

Read in `@portkey-ai/gateway` 1.15.2 and in the vendor's documentation, 2026-11-22.
"""

from collections.abc import Mapping

SPELLED: Mapping[str, str] = {
    "azure": "azure-openai",
    "gemini": "google",
    "vertex": "vertex-ai",
    "mistral": "mistral-ai",
    "xai": "x-ai",
    "together": "together-ai",
    "fireworks": "fireworks-ai",
    "perplexity": "perplexity-ai",
    "zai": "z-ai",
}
"""The catalog's provider → the gateway's, where they differ."""
MEANT = {theirs: ours for ours, theirs in SPELLED.items()}

AZURE_HOST = "https://{}.openai.azure.com"
"""Written as `resource_name`."""

ADDED_TO_HOST: Mapping[str, str] = {"azure": "/openai", "anthropic": "/v1"}
"""Part of `custom_host`, where other gateways' addresses end before it."""
LEFT_OUT_OF_HOST: Mapping[str, str] = {"together": "/v1", "moonshot": "/v1"}
"""Part of other gateways' addresses, where this one adds it to `custom_host`."""

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "azure": {"api_version": "api_version"},
    "vertex": {"vertex_project": "vertex_project_id"},
    "openai": {"organization": "openai_organization", "project": "openai_project"},
}
"""By provider: our name of a setting → the target's key."""

REGION_KEYS: Mapping[str, str] = {"bedrock": "aws_region", "vertex": "vertex_region"}

SECRET_KEYS = (
    "api_key",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "vertex_service_account_json",
)
"""Where the client fills `${NAME}` in from its environment."""

TARGET_KEYS = frozenset(
    {"provider", "resource_name", "deployment_id", *SECRET_KEYS, *REGION_KEYS.values()}
    | {key for keys in SETTINGS.values() for key in keys.values()}
)
"""All keys of a target that `targets.read_target` reads."""

CLAUDE_PREFIX = "anthropic."
"""Vertex AI's publishers are told apart by a prefix; Google's own models have none."""
