"""The open-source Portkey gateway, 1.15: a configuration travels with each request, in a header.

It keeps no state, knows no saved providers or guardrails, and expands no variables; the client does.
"""

from collections.abc import Mapping
from functools import partial

from designer.gateways.base import Gateway, Passthrough, later
from designer.gateways.portkey_oss.lacks import LACKS

_HONOURED: Mapping[str, str] = {
    "workloads.alias": "a folder and a configuration of its own",
    "workloads.models": "the targets and their order",
    "providers": "`provider`, `custom_host`, credentials as `${NAME}`",
    "routing.strategy": "`fallback` for priority, `loadbalance` for weighted",
    "routing.retries": "`retry.attempts` at every target",
    "routing.timeout": "`request_timeout` at every target, in milliseconds",
    "routing.on_refusal": "whether `on_status_codes` lists 400 and 446",
    "workloads.params": "`override_params` at every target, which replace the caller's own",
    "workloads.experiment": "`loadbalance` with the arms' shares as weights",
    "workloads.route_by": "`conditional` on the metadata that the client sends",
    "guardrails.on_failure": "`failOnError` of an input check",
}

PORTKEY_OSS = Gateway(
    name="portkey-oss",
    title="Portkey OSS",
    version="1.15",
    folder="portkey",
    lacks=LACKS,
    lower=later(f"{__name__}.lower", "lower"),
    parse=later(f"{__name__}.parse", "parse"),
    recognises=later(f"{__name__}.parse", "recognises"),
    semantics=later(f"{__name__}.semantics", "semantics"),
    artefacts=later(f"{__name__}.artefacts", "artefacts"),
    secrets=later(f"{__name__}.artefacts", "secrets"),
    tells=("strategy", "targets"),
    images=("portkeyai/gateway",),
    passthrough=Passthrough(
        place=partial(
            later("designer.gateways.portkey_config.passthrough", "place"), "portkey-oss"
        ),
        carry=later("designer.gateways.portkey_config.passthrough", "carry"),
        reference="${{{}}}",
    ),
    honoured=_HONOURED,
)

__all__ = ["PORTKEY_OSS"]
