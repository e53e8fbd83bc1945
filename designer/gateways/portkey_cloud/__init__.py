"""Portkey's hosted product: providers by slug, guardrails by id, a configuration a route.

It could not be reached from where this was built: what is measured here was measured on branch 2.0.0
of the gateway, the rest is documentation.
"""

from collections.abc import Mapping
from functools import partial

from designer.gateways.base import Gateway, Passthrough, later
from designer.gateways.portkey_cloud.lacks import LACKS

_HONOURED: Mapping[str, str] = {
    "workloads.alias": "a folder and a configuration of its own",
    "workloads.models": "the targets and their order",
    "providers": "`@slug` of a provider integration, which holds key and host",
    "routing.strategy": "`fallback` for priority, `loadbalance` for weighted",
    "routing.retries": "`retry.attempts` at every target",
    "routing.timeout": "`request_timeout` at every target, in milliseconds",
    "routing.on_refusal": "whether `on_status_codes` lists 400 and 446",
    "guardrails.pii.input": "the id of a saved guardrail in `input_guardrails`",
    "guardrails.pii.output": "the id of a saved guardrail in `output_guardrails`",
    "guardrails.deny": "the id of a saved guardrail in `input_guardrails`",
}

PORTKEY_CLOUD = Gateway(
    name="portkey-cloud",
    title="Portkey cloud",
    version="2026-08",
    folder="portkey",
    lacks=LACKS,
    lower=later(f"{__name__}.lower", "lower"),
    parse=later(f"{__name__}.parse", "parse"),
    recognises=later(f"{__name__}.parse", "recognises"),
    semantics=later(f"{__name__}.semantics", "semantics"),
    artefacts=later(f"{__name__}.artefacts", "artefacts"),
    tells=("strategy", "targets"),
    passthrough=Passthrough(
        place=partial(
            later("designer.gateways.portkey_config.passthrough", "place"), "portkey-cloud"
        ),
        carry=later("designer.gateways.portkey_config.passthrough", "carry"),
        reference="${{{}}}",
    ),
    honoured=_HONOURED,
)

__all__ = ["PORTKEY_CLOUD"]
