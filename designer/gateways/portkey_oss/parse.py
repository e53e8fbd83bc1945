"""What the open-source gateway makes of a configuration."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.portkey_config import rules
from designer.gateways.portkey_config.patterns import is_portable
from designer.gateways.portkey_config.providers import TARGET_KEYS
from designer.gateways.portkey_config.read import (
    Dialect,
    Fields,
    Tell,
    looks_like_config,
    read_files,
    uses_hosted_features,
)
from designer.gateways.portkey_config.targets import read_target
from designer.gateways.portkey_oss import tables
from designer.gateways.portkey_oss.semantics import DOCKER, semantics
from designer.ir import Deployment, Guardrail


def parse(files: Mapping[str, str], report: Report, version: str = "") -> Parsed | None:
    return read_files(files, report, replace(_DIALECT, semantics=semantics(version)))


def recognises(path: str, value: Any) -> bool:
    if "portkey-cloud" in path:
        return False
    return looks_like_config(value) and ("portkey-oss" in path or not uses_hosted_features(value))


# --- Targets --------------------------------------------------------------------------------------


def _deployment(fields: Fields, tell: Tell) -> Deployment:
    if fields.own.get("provider") is None and tell.nested:
        tell.add(rules.NO_PROVIDER)
    return read_target(fields, tell)


def _rejects(own: Mapping[str, Any]) -> str | None:
    """The schema's conditions on one target, as the gateway states them."""
    provider = own.get("provider")
    if provider is not None and provider not in tables.PROVIDERS:
        return f"it knows no provider {provider!r:.60}"
    has_key = provider is not None and own.get("api_key") is not None
    needs_no_key = provider in ("ollama", "triton")
    has_aws = own.get("aws_access_key_id") and own.get("aws_secret_access_key")
    has_vertex = own.get("vertex_region") and (
        own.get("vertex_service_account_json") or own.get("vertex_project_id")
    )
    if provider == "vertex-ai" and not has_vertex:
        return "vertex-ai needs `vertex_region`, and `vertex_project_id` or a service account"
    if has_key or needs_no_key or has_aws or has_vertex:
        return None
    if any(own.get(key) or key in own and key in _RAILS for key in _ENOUGH):
        return None
    return "a target needs `provider` and `api_key`, or one of `retry`, `cache`, `request_timeout`"


_RAILS = ("input_guardrails", "output_guardrails", "before_request_hooks", "after_request_hooks")
_ENOUGH = ("cache", "retry", "request_timeout", "azure_auth_mode", *_RAILS)


# --- Guardrails -----------------------------------------------------------------------------------


def _guardrails(root: Mapping[str, Any], tell: Tell) -> tuple[list[Guardrail], set[str]]:
    """Denying patterns on the input. Nothing else both runs offline and checks streams too."""
    listed = root.get("input_guardrails")
    found: list[Guardrail] = []
    understood = set()
    if isinstance(listed, list):
        for index, item in enumerate(listed):
            rail, why = _guardrail(item, f"input-{index + 1}")
            if rail is None:
                tell.add(rules.UNKNOWN_GUARDRAIL, "input_guardrails", index, why=why)
            elif not is_portable(rail.pattern):
                place = ("input_guardrails", index)
                tell.add(rules.DEAF_RULE, *place, pattern=repr(rail.pattern))
            else:
                found.append(rail)
        understood = {"input_guardrails"} if len(found) == len(listed) else set()
    for key in _RAILS[1:]:
        if root.get(key):
            tell.add(rules.UNKNOWN_GUARDRAIL, key, why=f"`{key}`")
    return found, understood


def _guardrail(item: Any, default_name: str) -> tuple[Guardrail | None, str]:
    if isinstance(item, str):
        return None, f"{item!r:.60} is the id of a saved guardrail, which does nothing here"
    if not isinstance(item, Mapping):
        return None, "it is not an object"
    checks = {key: value for key, value in item.items() if key not in _OF_GUARDRAIL}
    if item.get("deny") is not True or item.get("async"):
        return None, "it does not deny"
    if set(checks) - {"default.regexMatch", "regexMatch"} or len(checks) != 1:
        return None, f"{', '.join(map(str, checks)) or 'nothing'}"
    (check,) = checks.values()
    rule = check.get("rule") if isinstance(check, Mapping) else None
    if not isinstance(rule, str) or check.get("not") is not True:
        return None, "it denies what does not match"
    name = item.get("id")
    return (
        Guardrail(
            name=name if isinstance(name, str) else default_name,
            kind="deny",
            stages=frozenset({"input"}),
            action="block",
            pattern=rule,
            messages="last",
            on_error="block" if check.get("failOnError") is True else "pass",
        ),
        "",
    )


_OF_GUARDRAIL = frozenset(
    {"id", "deny", "async", "type", "on_fail", "on_success", "guardrail_version_id", "sequential"}
)

_DIALECT = Dialect(
    gateway="portkey-oss",
    title="Portkey OSS",
    semantics=DOCKER,
    deployment=_deployment,
    target_keys=TARGET_KEYS,
    guardrails=_guardrails,
    rejects=_rejects,
    retry_after_keys=("use_retry_after_header",),
)
