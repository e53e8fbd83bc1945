"""LiteLLM's proxy, self-hosted: one YAML file for a router with levels, retries and cooldowns."""

from designer.gateways.base import Gateway, Passthrough, later
from designer.gateways.litellm.lacks import LACKS, matches
from designer.gateways.litellm.tables import IMAGES, VERSION

_CHECKED = "not observed here: bodies are checked against the proxy's own OpenAPI"

LITELLM = Gateway(
    name="litellm",
    title=f"LiteLLM {VERSION.rpartition('.')[0]}",
    version=VERSION,
    folder="litellm",
    lacks=LACKS,
    lower=later(f"{__name__}.lower", "lower"),
    parse=later(f"{__name__}.parse", "parse"),
    recognises=later(f"{__name__}.parse", "recognises"),
    semantics=later(f"{__name__}.semantics", "semantics"),
    artefacts=later(f"{__name__}.artefacts", "artefacts"),
    secrets=later(f"{__name__}.artefacts", "secrets"),
    tells=("model_list", "litellm_settings", "router_settings"),
    images=IMAGES,
    one_file=True,
    matches=matches,
    beside=later(f"{__name__}.read_policies", "is_teams"),
    includes=later(f"{__name__}.includes", "candidates"),
    passthrough=Passthrough(
        place=later(f"{__name__}.passthrough", "place"),
        carry=later(f"{__name__}.passthrough", "carry"),
        reference="os.environ/{}",
        yields=frozenset(
            {"litellm_settings.turn_off_message_logging", "general_settings.master_key"}
        ),
        items={"model_list": ("model_info", "id")},
    ),
    honoured={
        "routing.strategy": "`order` levels of one group; a pool's strategy is routing_strategy",
        "routing.retries": "num_retries",
        "routing.timeout": "litellm_params.timeout of each deployment",
        "routing.first_token": "litellm_params.stream_timeout of each deployment",
        "routing.cooldown": "router_settings.cooldown_time and model_info.allowed_fails",
        "routing.on_refusal": "`return` is what order levels do",
        "routing.sticky": "model_group_affinity_config: session_affinity, by metadata.session_id",
        "workloads.params": "litellm_params of each deployment: defaults that a request overrides",
        "guardrails.pii.input": "litellm_content_filter, pre_call",
        "guardrails.pii.output": "litellm_content_filter, post_call, streams too",
        "guardrails.pii.entities": "prebuilt and own patterns of the content filter; "
        "national ids and VAT numbers by their shape, without check digits",
        "guardrails.deny": "litellm_content_filter: a pattern that blocks, before and after the call",
        "guardrails.on_failure": "`block` is what the filter does",
        "cache.mode": "litellm_settings.cache_params: local, redis for several copies, redis-semantic; "
        "litellm_params.cache takes a route out. Redis Stack is not observed here",
        "cache.ttl": "cache_params.ttl, and litellm_params.cache.ttl of a route that differs",
        "cache.similarity": "similarity_threshold of redis-semantic; needs Redis Stack, not observed here",
        "cost.monthly_budget": "with teams, litellm_settings.max_budget; needs PostgreSQL, not observed here",
        "teams": f"teams.json, applied by apply_teams.py; needs PostgreSQL, {_CHECKED}",
        "teams.region": "model_aliases of the team lead to a group of its region's deployments; needs "
        f"PostgreSQL, {_CHECKED}",
        "teams.budget.alert": f"soft_budget and Slack alerts; needs PostgreSQL, {_CHECKED}",
        "providers.quota": "rpm with enable_pre_call_checks: beyond it the next level is asked, or 429, "
        "counted per copy of the proxy; max_parallel_requests",
        "providers.models.quota": "as the account's quota, for each deployment",
        "operations.observability": "litellm_settings.callbacks; their packages come with the Docker "
        "image, and `litellm[proxy]` alone does not start with them",
        "operations.logs": "turn_off_message_logging",
        "operations.replicas": "replicas of the deployment; Redis then shares caches, cooldowns, "
        "counters and budgets, not observed here",
    },
)
