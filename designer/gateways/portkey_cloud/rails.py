"""Guardrails as resources of the hosted product: the checks to save, and what saved ones do.

A configuration names a saved guardrail by its id; `guardrails.json` says what has to stand behind it.
Read in the vendor's documentation (2026-08-21), its provider for Terraform (2026-06-24) and the
manifests of its checks, on 2026-11-24. Whether redaction reaches every message was not observed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from designer.documents import Path
from designer.gateways.portkey_config.patterns import is_portable, without_flags
from designer.ir import Guardrail

FILE = "guardrails.json"
SECTION = "guardrails"

CATEGORIES: Mapping[str, str] = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "credit_card": "CREDIT_CARD",
    "us_ssn": "SSN",
}
"""The profile's entities → what `portkey.pii` looks for. It knows no IBANs,
national ids of other countries or VAT numbers."""
_ENTITIES = {theirs: ours for ours, theirs in CATEGORIES.items()}

PII = "portkey.pii"
PATTERN = "default.regexMatch"
ACTIONS = {"deny": True, "async": False}
"""The spelling that blocks; `onFail`, of some examples, does not (measured on branch 2.0.0, 2026-11-22)."""


def is_definable(rail: Guardrail) -> bool:
    """Whether one of Portkey's own checks does it."""
    match rail.kind:
        case "pii":
            return bool(rail.entities) and all(entity in CATEGORIES for entity in rail.entities)
        case "deny":
            return without_flags(rail.pattern, rail.ignore_case) is not None
        case "saved":
            return False


def values_of(rails: Sequence[Guardrail]) -> dict[str, Any]:
    """What to create: bodies of the admin API. Empty where nothing is."""
    bodies = [
        {"name": rail.name, "checks": [_check(rail)], "actions": dict(ACTIONS)}
        for rail in rails
        if rail.kind != "saved"
    ]
    return {SECTION: bodies} if bodies else {}


def _check(rail: Guardrail) -> dict[str, Any]:
    found: dict[str, Any]
    if rail.kind == "pii":
        found = {"categories": [CATEGORIES[entity] for entity in rail.entities]}
        found["redact"] = rail.action == "redact"
    else:
        found = {"rule": rail.pattern, "not": True}
    if rail.on_error == "block":
        found["failOnError"] = True
    return {"id": PII if rail.kind == "pii" else PATTERN, "parameters": found}


def defined(rails: Sequence[Guardrail], written: Any) -> Iterator[Guardrail]:
    """The guardrails that configurations name, with what `guardrails.json` says of them."""
    listed = written.get(SECTION) if isinstance(written, Mapping) else None
    known = {
        item["name"]: meant
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, Mapping) and isinstance(item.get("name"), str)
        for meant in [_meant(item)]
        if meant is not None
    }
    for rail in rails:
        meant = known.get(rail.name)
        if meant is None:
            yield rail
        else:
            yield replace(meant, name=rail.name, stages=rail.stages, routes=rail.routes)


def not_understood(written: Any) -> list[Path]:
    listed = written.get(SECTION) if isinstance(written, Mapping) else None
    if not isinstance(listed, list):
        return [()]
    return [
        (SECTION, index)
        for index, item in enumerate(listed)
        if not isinstance(item, Mapping) or _meant(item) is None
    ]


def _meant(item: Mapping[str, Any]) -> Guardrail | None:
    checks, actions = item.get("checks"), item.get("actions")
    if not isinstance(checks, list) or len(checks) != 1 or not isinstance(actions, Mapping):
        return None
    (check,) = checks
    parameters = check.get("parameters") if isinstance(check, Mapping) else None
    if not isinstance(parameters, Mapping) or dict(actions) != ACTIONS:
        return None
    on_error: Literal["block", "pass"] = "pass"
    if parameters.get("failOnError") is True:
        on_error = "block"
    if check.get("id") == PII:
        return _personal(parameters, on_error)
    return _denying(parameters, on_error) if check.get("id") == PATTERN else None


def _personal(found: Mapping[str, Any], on_error: Literal["block", "pass"]) -> Guardrail | None:
    categories = found.get("categories")
    if not isinstance(categories, list) or not categories or found.get("not"):
        return None
    if not all(isinstance(name, str) and name in _ENTITIES for name in categories):
        return None
    return Guardrail(
        "",
        "pii",
        frozenset(),
        "redact" if found.get("redact") is True else "block",
        entities=tuple(_ENTITIES[name] for name in categories),
        on_error=on_error,
    )


def _denying(found: Mapping[str, Any], on_error: Literal["block", "pass"]) -> Guardrail | None:
    rule = found.get("rule")
    if not isinstance(rule, str) or found.get("not") is not True or not is_portable(rule):
        return None
    return Guardrail(
        "", "deny", frozenset(), "block", pattern=rule, messages="last", on_error=on_error
    )
