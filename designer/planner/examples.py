"""The examples of deny rules, tried on the patterns that a gateway is given.

A profile's own pattern is tried when the profile is read. What is written may be spelled otherwise
(letters in both cases where there is no flag, another anchor): here each rule is taken through the
gateway's own changes by itself, and its examples are tried on what comes out, by the gateway's own engine
where that is Python's. Else the subset that RE2, JavaScript and Python share answers for theirs.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from designer.diagnostics import Report, Rule, Severity
from designer.gateways.base import Gateway
from designer.gateways.legalize import take_out
from designer.ir import Guardrail, Routing
from designer.profile.load import LoadedProfile
from designer.profile.model import DenyRule, Guardrails
from designer.profile.patterns import parse, slow_repeats
from designer.profile.secrets import shown

EMITTED_EXAMPLE = Rule(
    "PLN124",
    Severity.ERROR,
    "rule `{name}`, as it is written for {gateway}, {does} `{text}`, which is listed under `{listed}`",
    "A gateway may need a rule spelled otherwise than the profile has it. The examples hold for what "
    "is written too.",
    instead="nothing is written",
    help="choose a simpler pattern, or another gateway",
)


def try_examples(loaded: LoadedProfile, ideal: Routing, gateway: Gateway, report: Report) -> None:
    for path, rule in _rules(loaded):
        if rule.examples.block or rule.examples.passes:
            for rail in written(rule, ideal, gateway):
                _try(rule, rail, path, loaded, gateway, report)


def _rules(loaded: LoadedProfile) -> Iterator[tuple[str, DenyRule]]:
    sections: list[tuple[str, Guardrails | None]] = [("guardrails", loaded.profile.guardrails)]
    sections += [
        (f"workloads[{index}].guardrails", workload.guardrails)
        for index, workload in enumerate(loaded.profile.workloads)
    ]
    for path, section in sections:
        for index, rule in enumerate(section.deny if section else ()):
            yield f"{path}.deny[{index}]", rule


def written(rule: DenyRule, ideal: Routing, gateway: Gateway) -> Sequence[Guardrail]:
    """The rule alone, as the gateway's files say it; none where it keeps no pattern of ours."""
    rail = Guardrail(
        name=rule.name,
        kind="deny",
        stages=frozenset({"input"}),
        action="block",
        pattern=rule.pattern,
        ignore_case=bool(rule.ignore_case),
    )
    legal, _ = take_out(replace(ideal, guardrails=(rail,)), gateway)
    return [found for found in legal.guardrails if found.kind == "deny"]


def _try(
    rule: DenyRule,
    rail: Guardrail,
    path: str,
    loaded: LoadedProfile,
    gateway: Gateway,
    report: Report,
) -> None:
    blocks = _engine(rail, gateway)
    for listed, texts, does in (
        ("block", rule.examples.block, "lets through"),
        ("pass", rule.examples.passes, "blocks"),
    ):
        for index, text in enumerate(texts):
            if blocks(text) != (listed == "block"):
                place = loaded.positions.place(f"{path}.examples.{listed}[{index}]")
                report.add(
                    EMITTED_EXAMPLE,
                    place,
                    name=rule.name,
                    gateway=gateway.title,
                    does=does,
                    text=shown(text),
                    listed=listed,
                )


def _engine(rail: Guardrail, gateway: Gateway) -> Callable[[str], bool]:
    """The gateway's own where it is at hand and no text can keep it busy for minutes."""
    pattern = parse(rail.pattern, ignore_case=rail.ignore_case)
    if gateway.matches is None or any(slow_repeats(pattern.part)):
        return pattern.search
    return partial(gateway.matches, rail)
