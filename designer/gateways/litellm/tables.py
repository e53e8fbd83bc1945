"""What LiteLLM calls things: prefixes, keys, policies and patterns, as data.

Read in the installed package and measured on LiteLLM 1.106.2 on 2026-11-22 unless a line says
otherwise. How it behaves is in `semantics`, what it cannot do in `lacks`.
"""

from collections.abc import Mapping
from typing import Any

from designer.gateways.shapes import NATIONAL_ID_ALONE, VAT_ALONE
from designer.ir import ANY, Failures, Pick, failures

VERSION = "1.106.2"
IMAGE = f"ghcr.io/berriai/litellm:v{VERSION}"
IMAGES = (
    *("berriai/litellm", "berriai/litellm-database", "berriai/litellm-non_root"),
    *("berriai/litellm-spend_logs", "litellm/litellm", "litellm/litellm-database"),
)
"""Published under ghcr.io, docker.litellm.ai and Docker Hub (docs.litellm.ai/docs/proxy/deploy)."""
DATABASE_IMAGE = f"ghcr.io/berriai/litellm-database:v{VERSION}"
"""The one with the database's client built in (values.yaml of LiteLLM's chart, read 2026-11-24)."""
POSTGRES_IMAGE = "postgres:17.6"
REDIS_IMAGE = "redis:7.4.5"
REDIS_STACK_IMAGE = "redis/redis-stack-server:7.4.0-v3"
"""Versions that exist; none of the three is started in this project's tests."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TOP_LEVEL = _words(
    """
    agent_list assistant_settings callback_settings classifier_plugin credential_list
    default_vertex_config environment_variables files_settings finetune_settings general_settings
    guardrails include litellm_settings mcp_servers mcp_tools model_list pass_through_endpoints plugins
    policies policy_attachments prompts router_settings sandbox_tools search_tools
    vector_store_registry worker_registry
    """
)
"""Sections that `proxy_server.py` reads."""


# --- Providers ------------------------------------------------------------------------------------

PREFIX: Mapping[str, str] = {
    "cohere": "cohere_chat",
    "fireworks": "fireworks_ai",
    "ollama": "ollama_chat",
    "together": "together_ai",
    "vertex": "vertex_ai",
    "vllm": "hosted_vllm",
}
"""The catalog's provider → LiteLLM's, where they differ."""
EMBEDDING_PREFIX: Mapping[str, str] = {**PREFIX, "cohere": "cohere", "ollama": "ollama"}
PROVIDER_OF_PREFIX: Mapping[str, str] = {
    prefix: provider for table in (PREFIX, EMBEDDING_PREFIX) for provider, prefix in table.items()
}

KNOWN_PREFIXES: frozenset[str] = _words(
    """
    a2a ai21 ai21_chat aiml aiohttp_openai amazon_nova anthropic anthropic_text apertis assemblyai
    azure azure_ai azure_text baseten bedrock bedrock_mantle black_forest_labs bytez cerebras chutes
    clarifai cloudflare codestral cohere cohere_chat cometapi compactifai cortecs custom custom_openai
    dashscope databricks datarobot deepgram deepinfra deepseek docker_model_runner edenai elevenlabs
    empower fal_ai featherless_ai fireworks_ai friendliai galadriel gdc gemini gigachat github
    github_copilot gradient_ai groq helicone heroku hosted_vllm huggingface hyperbolic inception
    infinity jina_ai lambda_ai langgraph lemonade litellm_proxy llamafile lm_studio maritalk meta
    meta_llama minimax mistral modelscope moonshot morph nano-gpt nebius nlp_cloud novita nscale
    nvidia_nim oci ollama ollama_chat oobabooga openai openai_like openrouter ovhcloud parasail
    perplexity petals poe predibase publicai qwencloud ragflow recraft replicate runwayml sagemaker
    sagemaker_chat sambanova sap scaleway snowflake stability synthetic tencent
    text-completion-codestral text-completion-openai together_ai topaz triton v0 vercel_ai_gateway
    vertex_ai vertex_ai_beta vllm volcengine voyage wandb watsonx watsonx_text xai xiaomi_mimo
    xinference zai
    """
)
"""Of `litellm.provider_list`, what serves chat or embeddings."""

BARE_NAMES: tuple[tuple[str, str], ...] = (
    *((start, "openai") for start in ("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-")),
    ("claude-", "anthropic"),
    ("gemini-", "vertex"),
    ("command", "cohere"),
)
"""How a model written without a prefix begins → its provider."""

REGION_KEY: Mapping[str, str] = {
    "bedrock": "aws_region_name",
    "vertex": "vertex_location",
    "watsonx": "watsonx_region_name",
}
OTHER_REGION_KEY = "region_name"
"""For the others: never sent to the provider, only read by LiteLLM's own region filter."""

SECRET_KEY: Mapping[str, str] = {"vertex": "vertex_credentials"}
"""Where a provider's secret does not go into `api_key`."""
AWS_ID, AWS_SECRET = "aws_access_key_id", "aws_secret_access_key"

SETTINGS: frozenset[str] = _words(
    """
    api_version organization tenant_id client_id client_secret azure_ad_token azure_scope
    azure_username azure_password vertex_project vertex_credentials aws_access_key_id
    aws_secret_access_key aws_session_token aws_session_name aws_profile_name aws_role_name
    aws_web_identity_token aws_sts_endpoint aws_external_id aws_bedrock_runtime_endpoint
    aws_bedrock_project_id
    """
)
"""litellm_params that a provider needs on the wire, kept in `Deployment.settings`."""
SECRET_SETTINGS: frozenset[str] = _words(
    """
    client_secret azure_ad_token azure_password vertex_credentials aws_access_key_id
    aws_secret_access_key aws_session_token aws_web_identity_token
    """
)
"""Those of them that may be kept by reference only."""

PARAMS: frozenset[str] = _words(
    """
    temperature top_p n stop max_tokens max_completion_tokens presence_penalty frequency_penalty
    seed response_format tool_choice parallel_tool_calls reasoning_effort verbosity service_tier
    logprobs top_logprobs logit_bias prompt_cache_key dimensions encoding_format
    """
)
"""Request parameters that a deployment may carry: defaults, which a request overrides."""

# --- Routing --------------------------------------------------------------------------------------

DEFAULT_RETRIES = 2
"""openai.DEFAULT_MAX_RETRIES, router.py:1232."""
DEFAULT_COOLDOWN_S = 5.0
"""constants.py:112."""
DEFAULT_ALLOWED_FAILS = 3
"""litellm.allowed_fails. A router value equal to it counts as unset (cooldown_handlers.py:644)."""
DEFAULT_MAX_FALLBACKS = 5

STRATEGY: Mapping[Pick, str] = {
    "weighted": "simple-shuffle",
    "least_busy": "least-busy",
    "cheapest": "cost-based-routing",
    "fastest": "latency-based-routing",
    "usage": "usage-based-routing-v2",
}
PICK_OF_STRATEGY: Mapping[str, Pick] = {
    **{strategy: pick for pick, strategy in STRATEGY.items()},
    "usage-based-routing": "usage",
}
WEIGHTS = ("weight", "rpm", "tpm")
"""simple-shuffle takes the first of these that anything at hand has (simple_shuffle.py:43)."""

NOT_MODELLED: Mapping[str, str] = {
    "tag_routing_prefix": "no tag is marked by a prefix",
    "optional_pre_call_checks": "rpm and tpm are no limits, and nothing is sticky",
    "enable_weighted_failover": "no other deployment of the group is asked before the fallbacks",
    "enable_health_check_routing": "background health checks leave nobody out",
    "plugins": "no plugin changes the routing",
}
"""Router settings that would change who is asked → what is assumed in their place."""
PARAMS_NOT_MODELLED: Mapping[str, str] = {
    "tag_regex": "no deployment is left out for the caller's user agent",
}
"""The same of a deployment's litellm_params."""
PICKS_ROUGHLY: Mapping[str, str] = {
    "latency-based-routing": "the deployment with the shortest answers of five minutes is picked; "
    "LiteLLM ranks by seconds per completion token, and draws among the near ones",
    "usage-based-routing": "the deployment with the fewest tokens of the minute is picked; LiteLLM also "
    "treats rpm and tpm as limits",
    "usage-based-routing-v2": "a minute begins with its first request, where LiteLLM goes by the clock, "
    "and a deployment that steps in for one without room is not cooled for it, as it is there in a group",
}
"""Strategies whose picks follow other figures than LiteLLM's. Measured, 1.106.2, 2026-11-22."""
LIMITS_CHECK = "enforce_model_rate_limits"
"""The optional pre-call check that makes rpm and tpm limits. Not emitted: measured on 1.106.2, 2026-11-24,
its 429 is booked to the deployment that steps in, which is then cooled with the one beyond its limit."""
SESSION_CHECK = "session_affinity"
"""The one that keeps (key, metadata.session_id) on a deployment, for an hour."""
NO_MODELS = "no-default-models"
"""In a team's `models`: none at all (SpecialModelNames, proxy/_types.py)."""
SEMANTIC_CACHE_TYPE = "redis-semantic"
REDIS_SERVER: Mapping[str, str] = {
    "host": "os.environ/REDIS_HOST",
    "port": "os.environ/REDIS_PORT",
    "password": "os.environ/REDIS_PASSWORD",
}
REDIS: Mapping[str, str] = {f"redis_{key}": value for key, value in REDIS_SERVER.items()}
"""router_settings for several copies: cooldowns, counters and budgets in one place."""

CONTEXT = failures("context_length")
POLICY = failures("content_policy")
FINAL = failures("context_length", "content_policy", "guardrail", "reject_prefill", "budget")
RETRIED = (
    ANY
    - FINAL
    - failures(
        400, 402, 404, 405, 406, *range(410, 419), 421, 422, 423, 424, 425, 426, 428, 431, 451
    )
)
"""`litellm.should_retry` and router.should_retry_this_error, as the status matrix measured them: of
the client errors 403, 408, 409 and 429, and 401 where there is another deployment."""

RETRY_POLICY: Mapping[str, Failures] = {
    "NotFoundErrorRetries": failures(404),
    "AuthenticationErrorRetries": failures(401),
    "TimeoutErrorRetries": failures(408, 504, "timeout", "first_token"),
    "RateLimitErrorRetries": failures(429),
    "ContentPolicyViolationErrorRetries": POLICY,
    "BadRequestErrorRetries": failures(
        400, 422, "context_length", "content_policy", "reject_prefill"
    ),
    "ServiceUnavailableErrorRetries": failures(503),
    "InternalServerErrorRetries": failures(500, "connect", "reset", "malformed", "empty"),
    "DefaultRetries": ANY,
}
"""Keys of a retry policy in the order in which one of them applies (get_retry_from_policy.py:40)."""

ALLOWED_FAILS_POLICY: Mapping[str, Failures] = {
    "AuthenticationErrorAllowedFails": failures(401),
    "TimeoutErrorAllowedFails": failures(408, 504, "timeout", "first_token"),
    "RateLimitErrorAllowedFails": failures(429),
    "InternalServerErrorAllowedFails": failures(500, "connect", "reset", "malformed", "empty"),
}
"""Keys of `allowed_fails_policy` for failures that let a deployment cool at all. Measured, LiteLLM
1.106.2, 2026-11-22: `BadRequestErrorAllowedFails` does nothing; a failure that no key names is held to
`allowed_fails`, 3 where that is left out."""

# --- Guardrails -----------------------------------------------------------------------------------

CONTENT_FILTER = "litellm_content_filter"
STAGE_OF_MODE = {"pre_call": "input", "post_call": "output"}
ACTION = {"redact": "MASK", "block": "BLOCK"}
CASE_SENSITIVE = "(?-i:"
"""The filter compiles every pattern with IGNORECASE; this group takes it back."""
ASCII = "(?a)"
"""Without it `\\w`, `\\d` and `\\b` know all of Unicode in Python, but ASCII only in JavaScript and RE2."""


def _prebuilt(name: str) -> dict[str, Any]:
    return {"pattern_type": "prebuilt", "pattern_name": name}


def _regex(name: str, pattern: str) -> dict[str, Any]:
    return {"pattern_type": "regex", "pattern": pattern, "name": name}


ENTITIES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "email": (_prebuilt("email"),),
    # `us_phone` is the only general one of the 82 prebuilt patterns: numbers with a country code need one.
    "phone": (
        _prebuilt("us_phone"),
        _regex("phone", r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){6,14}(?!\d)"),
    ),
    # The prebuilt one knows no spaces, which is how people write an IBAN.
    "iban": (
        _prebuilt("iban"),
        _regex("iban", r"\b[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?\b"),
    ),
    "credit_card": (_prebuilt("credit_card"),),
    "us_ssn": (_prebuilt("us_ssn"),),
    # The prebuilt `fr_nir` knows no spaces, and `eu_vat` no number without a word for it nearby.
    "national_id": (_regex("national_id", f"{ASCII}{CASE_SENSITIVE}{NATIONAL_ID_ALONE})"),),
    "vat": (_regex("vat", f"{ASCII}{CASE_SENSITIVE}{VAT_ALONE})"),),
    "ip": (_prebuilt("ipv4"), _prebuilt("ipv6")),
    "api_key": (
        _prebuilt("generic_api_key"),
        _prebuilt("aws_access_key"),
        _prebuilt("github_token"),
        _prebuilt("slack_token"),
        _regex("api_key", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ),
}
"""Entity → patterns of the content filter. The prebuilt names are of its patterns.json, 1.106.2."""

CALLBACKS = frozenset(
    {
        *("callbacks", "success_callback", "failure_callback"),
        *("input_callback", "service_callback", "audit_log_callbacks"),
    }
)
"""Of `litellm_settings`: names of built-in integrations, or a module's and an object's of one's own."""

CODE = frozenset(
    {
        *("custom_auth", "custom_sso", "custom_ui_sso_sign_in_handler", "custom_code"),
        *("custom_key_generate", "custom_key_update", "custom_key_policy"),
        *("custom_team_metadata_validate", "pre_call_rules", "post_call_rules"),
        *("custom_provider_map", "plugins"),
    }
)
"""Keys whose values name, or are, Python code that the proxy runs (proxy_server.py 1.106.2)."""
