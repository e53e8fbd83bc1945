"""Portkey's hosted product: providers by slug, guardrails by id, a configuration a route.

It could not be reached from where this was built: what is measured here was measured on branch 2.0.0
of the gateway, the rest is documentation.
"""

from collections.abc import Mapping

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
    "workloads.params": "`override_params` at every target, which replace the caller's own",
    "workloads.experiment": "`loadbalance` with the arms' shares as weights and, by user or metadata, "
    "`strategy.sticky`, which works in saved configurations (main.tf) and holds for 30 days; "
    "not observed here: measured on branch 2.0.0",
    "workloads.route_by": "`conditional` on the metadata that the client sends; `team.<k>` on that of "
    "the caller's key",
    "workloads.budget": "a usage policy on the alias that client.py sends as metadata (Enterprise plan; "
    "not observed here: needs an account)",
    "routing.sticky": "`strategy.sticky` by user where the route draws among targets; elsewhere the first "
    "target is asked for everybody",
    "cost.monthly_budget": "a usage policy on all keys of the workspace (Enterprise plan; not observed "
    "here: needs an account)",
    "guardrails.pii": "`portkey.pii` in guardrails.json, made by main.tf and named by the configuration; "
    "not observed here: needs an account",
    "guardrails.deny": "`default.regexMatch` in guardrails.json, made by main.tf and named by the "
    "configuration; an answer that is streamed may pass unchecked, as on the open-source gateway",
    "guardrails.on_failure": "`failOnError` of each check, as measured on 1.15.2",
    "cache": "`cache` of each configuration, `simple` for exact; `semantic` is of the Enterprise plan. "
    "Requests with other metadata, such as another user, do not share answers",
    "teams": "metadata of each key of the team, made by main.tf; it takes the place of what a request "
    "says (not observed here: needs an account)",
    "teams.keys.existing": "no key is made; until it is given its team's metadata by hand, neither the "
    "team's region nor its limits hold for it",
    "teams.budget": "a usage policy on the team's keys (Enterprise plan)",
    "teams.rate_limit": "rate policies on the team's keys (Enterprise plan)",
    "operations.logs": "`x-portkey-debug: false` in headers.json, sent by client.py, for `never`",
    "operations.replicas": "the vendor's affair",
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
    secrets=later(f"{__name__}.artefacts", "secrets"),
    tells=("strategy", "targets"),
    passthrough=Passthrough(
        place=later(f"{__name__}.passthrough", "place"),
        carry=later(f"{__name__}.passthrough", "carry"),
        reference="${{{}}}",
    ),
    honoured=_HONOURED,
)

__all__ = ["PORTKEY_CLOUD"]
