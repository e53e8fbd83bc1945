"""The sixteen provider faults, under the reference semantics and under the gateways' own.

The gateways' verdicts are those of `docs/faults.md`, which is written from here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.litellm import LITELLM
from designer.gateways.portkey_oss import PORTKEY_OSS
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    REFUSALS,
    Chain,
    Cooldown,
    Deployment,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
)
from tests.engine.faults import FAULTS, F, P, Verdict, judged, played

PAGE = Path(__file__).resolve().parents[2] / "docs/faults.md"

PRIMARY = Deployment(
    P, "openai", "p", timeout_s=10.0, first_token_s=10.0, cooldown=Cooldown(lasts_s=15.0)
)
FALLBACK = replace(PRIMARY, id=F, model="f")
CHAT = Route(
    "chat",
    Chain((Rung(Retry(Target(P), 2)), Rung(Target(F), ANY - REFUSALS))),
    deadline_s=60.0,
    attempts_limit=4,
)
BY_DEFAULT = Parsed("reference", Routing((CHAT,), (PRIMARY, FALLBACK)), REFERENCE)
BUFFERED = replace(
    BY_DEFAULT,
    routing=replace(BY_DEFAULT.routing, routes=(replace(CHAT, mid_stream="buffer"),)),
)

LITELLM_CONFIG = """\
model_list:
  - {model_name: chat, litellm_params: {model: openai/p}, model_info: {id: primary}}
  - {model_name: spare, litellm_params: {model: openai/f}, model_info: {id: fallback}}
router_settings: {num_retries: 2, timeout: 30, fallbacks: [{chat: [spare]}]}
"""
PORTKEY_CONFIG = {
    "strategy": {"mode": "fallback"},
    "retry": {"attempts": 2, "use_retry_after_header": True},
    "request_timeout": 30000,
    "targets": [
        {"provider": "openai", "api_key": "${KEY}", "override_params": {"model": "p"}},
        {"provider": "openai", "api_key": "${KEY}", "override_params": {"model": "f"}},
    ],
}


def litellm(version: str = "1.106") -> Parsed:
    parsed = LITELLM.parse({"config.yaml": LITELLM_CONFIG}, Report(), version)
    assert parsed is not None
    return parsed


def portkey(version: str = "1.15") -> Parsed:
    parsed = PORTKEY_OSS.parse({"config.json": json.dumps(PORTKEY_CONFIG)}, Report(), version)
    assert parsed is not None
    first, second = (deployment.id for deployment in parsed.routing.deployments)
    return replace(parsed, names={P: first, F: second})


SYSTEMS = {
    "reference": BY_DEFAULT,
    "reference, buffered": BUFFERED,
    "litellm@1.106": litellm(),
    "portkey-oss@1.15": portkey(),
    "portkey-oss@1.15-npm": portkey("1.15-npm"),
}

EXCEPTIONS = {
    "reference": {"S08": "safe", "S09": "safe", "S14": "safe"},
    "reference, buffered": {},
    # As published in September 2026, and measured again on 1.106.2, 2026-11-22.
    "litellm@1.106": {
        **dict.fromkeys(("S06", "S07", "S13"), "partial"),
        **dict.fromkeys(("S08", "S09", "S10", "S14"), "safe"),
    },
    # As published in September 2026.
    "portkey-oss@1.15": {
        **dict.fromkeys(("S07", "S13"), "partial"),
        **dict.fromkeys(("S08", "S09", "S14"), "fail"),
    },
    # Measured on npm's 1.15.2, 2026-11-22: without the official image's patch Retry-After is not read.
    "portkey-oss@1.15-npm": {
        **dict.fromkeys(("S01", "S07", "S13"), "partial"),
        **dict.fromkeys(("S08", "S09", "S14"), "fail"),
    },
}
"""What is not `pass`."""


def verdict(system: str, name: str) -> Verdict:
    return judged(name, played(SYSTEMS[system], name))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_verdicts_are_the_published_and_measured_ones(system: str, name: str) -> None:
    found = verdict(system, name)

    assert found.verdict == EXCEPTIONS[system].get(name, "pass"), found.why


ASKED = {
    "S01": (P, P),
    "S02": (P, P, P, F),
    "S03": (P, P),
    "S04": (P, P, P, F),
    "S05": (P, P),
    "S06": (P, F),
    "S07": (P, F),
    "S08": (P,),
    "S12": (P, F),
    "S13": (P,),
    "S14": (P,),
    "S16": (P, P, P, F),
}


@pytest.mark.parametrize("name", ASKED)
def test_by_default_no_more_is_asked_than_helps(name: str) -> None:
    (one,) = played(BY_DEFAULT, name)

    assert tuple(attempt.deployment for attempt in one.attempts) == ASKED[name]


def test_s01_waits_as_long_as_it_was_told() -> None:
    (one,) = played(BY_DEFAULT, "S01")

    assert [attempt.at_s for attempt in one.attempts] == [0.0, 2.0]


def test_s14_the_real_error_is_told_and_not_the_prefills() -> None:
    (one,) = played(BY_DEFAULT, "S14")

    assert one.final.failure == "stream_cut"


def test_s15_the_fallback_serves_while_the_primary_is_down_and_the_primary_returns() -> None:
    traces = played(BY_DEFAULT, "S15")

    served_by = [one.final.served_by for one in traces]
    assert set(served_by[:12]) == {F}
    assert set(served_by[-4:]) == {P}
    probes = [a for one in traces[:12] for a in one.attempts if a.deployment == P]
    assert 2 < len(probes) < 15, "it is probed, and not with every request"


def test_s16_who_answered_is_named() -> None:
    (one,) = played(BY_DEFAULT, "S16")

    assert one.final.served_by == F


def page() -> str:
    """`docs/faults.md`."""
    rows = [(name, {system: verdict(system, name) for system in SYSTEMS}) for name in FAULTS]
    counts = {
        system: [sum(found[system].verdict == v for _, found in rows) for v in _VERDICTS]
        for system in SYSTEMS
    }
    lines = [
        "# Sixteen provider faults",
        "",
        "What becomes of the faults of Failover Bench (methodology v0.1, September 2026) on paper: traces",
        "of a primary with two retries and a fallback, limits of 30 s (the reference: 10 s), judged by that",
        "document's rules (`tests/engine/faults.py`). LiteLLM's and Portkey's verdicts are the published",
        "ones; npm's Portkey lacks the patch that makes Retry-After work. `make golden` writes this page.",
        "",
        f"| | fault | {' | '.join(SYSTEMS)} |",
        f"| --- | --- |{' --- |' * len(SYSTEMS)}",
    ]
    for name, found in rows:
        cells = " | ".join(found[system].verdict for system in SYSTEMS)
        lines.append(f"| {name} | {FAULTS[name].says} | {cells} |")
    totals = " | ".join(" / ".join(map(str, counts[system])) for system in SYSTEMS)
    lines += [f"| | {' / '.join(_VERDICTS)} | {totals} |", "", "Why it is not `pass`:", ""]
    for system in SYSTEMS:
        why: dict[str, list[str]] = {}
        for name, found in rows:
            if found[system].why:
                why.setdefault(found[system].why, []).append(name)
        told = "; ".join(f"{', '.join(names)}: {text}" for text, names in why.items())
        lines += [f"- **{system}**: {told or 'nothing'}."]
    return "\n".join(lines) + "\n"


_VERDICTS = ("pass", "partial", "safe", "fail")


def test_the_published_table_is_what_the_engine_says() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(page(), "utf-8")

    assert PAGE.read_text("utf-8") == page(), "UPDATE_GOLDEN=1 rewrites it"
