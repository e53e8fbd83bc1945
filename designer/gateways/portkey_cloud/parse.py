"""What the hosted product makes of a configuration."""

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, Literal

from msgspec.structs import replace

from designer.diagnostics import Report
from designer.documents import Path, read_json
from designer.gateways.base import Parsed
from designer.gateways.portkey_cloud import limits, rails
from designer.gateways.portkey_cloud.lacks import as_team
from designer.gateways.portkey_cloud.lower import HEADERS_FILE, RETRY_AFTER_KEYS, SILENT
from designer.gateways.portkey_cloud.semantics import HOSTED, semantics
from designer.gateways.portkey_cloud.slugs import provider_of
from designer.gateways.portkey_cloud.tables import SLUG
from designer.gateways.portkey_config import rules
from designer.gateways.portkey_config.lacks import on_leaves
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
from designer.gateways.settings import Settings, account, is_below, leaves
from designer.ir import Deployment, Guardrail, Routing, Telemetry


def parse(files: Mapping[str, str], report: Report, version: str = "") -> Parsed | None:
    parsed = read_files(files, report, replace(_DIALECT, semantics=semantics(version)))
    return None if parsed is None else _with_workspace(parsed, files, report)


def recognises(path: str, value: Any) -> bool:
    if "portkey-oss" in path:
        return False
    if _is_beside(PurePosixPath(path).name, value):
        return True
    return looks_like_config(value) and ("portkey-cloud" in path or uses_hosted_features(value))


# --- What stands beside the configurations --------------------------------------------------------


def _is_beside(name: str, value: Any) -> bool:
    match name:
        case rails.FILE:
            return isinstance(value, Mapping) and set(value) == {rails.SECTION}
        case limits.FILE:
            return isinstance(value, Mapping) and set(value) == set(limits.SECTIONS)
        case str() if name == HEADERS_FILE:
            return isinstance(value, Mapping) and set(value) == set(SILENT)
        case _:
            return False


def _with_workspace(parsed: Parsed, files: Mapping[str, str], report: Report) -> Parsed:
    routing, documents, settings = parsed.routing, list(parsed.documents), Settings()
    for path, text in files.items() if len(files) > 1 else ():
        name = PurePosixPath(path.replace("\\", "/")).name
        if name not in (rails.FILE, limits.FILE, HEADERS_FILE):
            continue
        document = read_json(text, path, report)
        if document is None:
            continue
        documents.append(document)
        routing, odd = _with_file(name, document.value, routing)
        unread = frozenset(odd)
        found = account(leaves(document.value), _outside(unread), lambda _path, _value: False)
        settings += found.of_file(path)
    return replace(
        parsed,
        routing=on_leaves(as_team)(routing),
        not_analysed=(*parsed.not_analysed, *settings.not_analysed),
        settings=parsed.settings + settings.count,
        documents=tuple(documents),
    )


def _with_file(name: str, value: Any, routing: Routing) -> tuple[Routing, list[Path]]:
    """The Routing with what the file says, and the places in it that are not understood."""
    if name == limits.FILE:
        return limits.read(value, routing)
    if name == HEADERS_FILE:
        if value != SILENT:
            return routing, [()]
        return replace(routing, telemetry=Telemetry(prompts="never")), []
    found = tuple(rails.defined(routing.guardrails, value))
    return replace(routing, guardrails=found), rails.not_understood(value)


def _outside(unread: frozenset[Path]) -> Callable[[Path], bool]:
    return lambda path: not is_below(path, unread)


# --- Targets --------------------------------------------------------------------------------------


def _deployment(fields: Fields, tell: Tell) -> Deployment:
    """`provider: "@slug"`, `virtual_key: "slug"` or `model: "@slug/model"`; else a direct target."""
    own, model = fields.own, fields.params.get("model")
    plain = read_target(fields, tell)
    named, virtual = own.get("provider"), own.get("virtual_key")
    prompt = own.get("prompt_id")
    if isinstance(named, str) and named.startswith("@"):
        slug, _, in_slug = named[1:].partition("/")
        return _saved(plain, slug, plain.model or in_slug)
    if isinstance(virtual, str) and virtual:
        saved = _saved(plain, virtual, plain.model)
        return replace(saved, provider=plain.provider) if named else saved
    if not named and isinstance(model, str) and model.startswith("@"):
        slug, _, rest = model[1:].partition("/")
        return _saved(plain, slug, rest)
    if isinstance(prompt, str) and prompt:
        return replace(plain, settings=(*plain.settings, ("prompt_id", prompt)))
    if not named and tell.nested:
        tell.add(rules.NO_PROVIDER)
    return plain


def _saved(plain: Deployment, slug: str, model: str) -> Deployment:
    settings = tuple(sorted({**dict(plain.settings), SLUG: slug}.items()))
    return replace(plain, provider=provider_of(slug), model=model, settings=settings)


def _rejects(own: Mapping[str, Any]) -> str | None:
    """What the gateway needs at a target is not documented beyond the schema."""
    return None


# --- Guardrails -----------------------------------------------------------------------------------


def _guardrails(root: Mapping[str, Any], tell: Tell) -> tuple[list[Guardrail], set[str]]:
    stages: dict[str, set[Literal["input", "output"]]] = {}
    understood = set()
    for key, stage, of in _RAILS:
        listed = root.get(key)
        if not isinstance(listed, list):
            continue
        ids = [of(item) for item in listed]
        for index, id_ in enumerate(ids):
            if id_ is None:
                why = "it is written here instead of saved"
                tell.add(rules.UNKNOWN_GUARDRAIL, key, index, why=why)
            else:
                stages.setdefault(id_, set()).add(stage)
        if None not in ids:
            understood.add(key)
    saved = [Guardrail(name, "saved", frozenset(found), "block") for name, found in stages.items()]
    return saved, understood


def _listed_id(item: Any) -> str | None:
    return item if isinstance(item, str) else None


def _hook_id(item: Any) -> str | None:
    """The older spelling: an object with the id and nothing else."""
    if not isinstance(item, Mapping) or set(item) != {"id"}:
        return None
    return _listed_id(item["id"])


_RAILS: tuple[tuple[str, Literal["input", "output"], Any], ...] = (
    ("input_guardrails", "input", _listed_id),
    ("before_request_hooks", "input", _hook_id),
    ("output_guardrails", "output", _listed_id),
    ("after_request_hooks", "output", _hook_id),
)

_DIALECT = Dialect(
    gateway="portkey-cloud",
    title="Portkey cloud",
    semantics=HOSTED,
    deployment=_deployment,
    target_keys=TARGET_KEYS | {"virtual_key", "prompt_id"},
    guardrails=_guardrails,
    rejects=_rejects,
    retry_after_keys=RETRY_AFTER_KEYS,
    caches=True,
    sticks=True,
)
