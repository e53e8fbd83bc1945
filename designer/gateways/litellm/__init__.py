"""LiteLLM's proxy, self-hosted: one YAML file for a router with levels, retries and cooldowns."""

from designer.gateways.base import Gateway, Passthrough, later
from designer.gateways.litellm.lacks import LACKS
from designer.gateways.litellm.tables import IMAGES, VERSION

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
    tells=("model_list", "litellm_settings", "router_settings"),
    images=IMAGES,
    one_file=True,
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
        "guardrails.pii.input": "litellm_content_filter, pre_call",
        "guardrails.pii.output": "litellm_content_filter, post_call, streams too",
        "guardrails.pii.entities": "prebuilt and own patterns of the content filter",
        "guardrails.on_failure": "`block` is what the filter does",
    },
)
