"""Adopting a configuration and planning what came of it, as a user would."""

import json
from collections.abc import Mapping

from msgspec import Struct

from designer.adopt import Adopted, adopt
from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.gateways.base import Gateway, Parsed
from designer.gateways.registry import GATEWAYS
from designer.load import Config
from designer.plan import Plan
from designer.planner.lock import Lock
from designer.profile.load import load_profile


class Taken(Struct, frozen=True):
    before: Parsed
    adopted: Adopted | None
    report: Report
    after: Parsed | None = None
    """What the files mean that the derived profile's plan writes."""
    plan: Plan | None = None


def read(token: str, texts: Mapping[str, str]) -> Config | None:
    """None where the gateway itself would refuse the files."""
    gateway, report = GATEWAYS[token], Report()
    parsed = gateway.parse(texts, report)
    if parsed is None or report.has_errors:
        return None
    return Config(gateway, parsed, texts=texts)


def take(config: Config) -> Taken:
    report = Report()
    adopted = adopt(config, next(iter(config.texts)), load_catalog(), report)
    if adopted is None:
        return Taken(config.parsed, None, report)
    plan = planned(adopted.text)
    return Taken(config.parsed, adopted, report, meaning(config.gateway, plan), plan)


def planned(profile: str) -> Plan:
    report = Report()
    loaded = load_profile("-", profile, report=report)
    assert loaded is not None, list(map(str, report))
    plan = compile_profile(loaded, load_catalog(), Lock(), Options(), report)
    assert plan is not None, list(map(str, report))
    return plan


def meaning(gateway: Gateway, plan: Plan) -> Parsed:
    """Read from the emitted text, as any other command would find it."""
    own = {
        path: text
        for path, text in plan.texts.items()
        if path.startswith(f"{gateway.name}/") and path.endswith(("config.yaml", ".json"))
    }
    assert json.loads(plan.texts["plan.json"])["gateway"].startswith(gateway.name)
    parsed = gateway.parse(own, Report())
    assert parsed is not None
    return parsed
