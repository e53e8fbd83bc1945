"""The guardrails of a Routing: one a distinct policy of the workloads."""

from collections.abc import Iterator, Sequence
from typing import Literal

from designer.ir import Guardrail
from designer.profile.model import DenyRule, Guardrails, Pii, Profile
from designer.profile.policy import policy_of

OnError = Literal["block", "pass"]


def guardrails(profile: Profile, aliases: Sequence[str]) -> tuple[Guardrail, ...]:
    """Without `routes` where every alias has the same one."""
    asked = {alias: policy_of(profile, profile.workload(alias)).guardrails for alias in aliases}
    return (*_pii(asked), *_deny(asked))


def _pii(asked: dict[str, Guardrails]) -> Iterator[Guardrail]:
    wanted: dict[tuple[Pii, OnError], list[str]] = {}
    for alias, rails in asked.items():
        if rails.pii.input != "off" or rails.pii.output != "off":
            wanted.setdefault((rails.pii, rails.on_failure), []).append(alias)
    for number, ((pii, on_error), covered) in enumerate(wanted.items(), start=1):
        suffix = "" if len(wanted) == 1 else f"-{number}"
        routes = _routes(covered, asked)
        actions = {"input": pii.input, "output": pii.output}
        for action in ("block", "redact"):
            stages = frozenset(stage for stage, wish in actions.items() if wish == action)
            if stages:
                yield Guardrail(
                    name=f"pii-{action}{suffix}",
                    kind="pii",
                    stages=stages,  # type: ignore[arg-type]  # the keys above are the two literals
                    action=action,
                    entities=pii.entities,
                    on_error=on_error,
                    routes=routes,
                )


def _deny(asked: dict[str, Guardrails]) -> Iterator[Guardrail]:
    wanted: dict[tuple[DenyRule, OnError], list[str]] = {}
    for alias, rails in asked.items():
        for rule in rails.deny:
            wanted.setdefault((rule, rails.on_failure), []).append(alias)
    taken: set[str] = set()
    for (rule, on_error), covered in wanted.items():
        name = rule.name if rule.name not in taken else f"{rule.name}-{len(taken)}"
        taken.add(name)
        yield Guardrail(
            name=name,
            kind="deny",
            stages=frozenset({"input", "output"}),
            action="block",
            pattern=rule.pattern,
            ignore_case=bool(rule.ignore_case),
            message=rule.message or "",
            on_error=on_error,
            routes=_routes(covered, asked),
        )


def _routes(covered: Sequence[str], asked: dict[str, Guardrails]) -> tuple[str, ...]:
    return () if len(covered) == len(asked) else tuple(covered)
