"""A copy of a configuration whose deployments are the scripted provider, for a gateway to run on.

Only how a deployment is reached changes: its provider becomes `openai` (what the semantics were measured
with), its address the scripted provider's, its credentials a placeholder. Whatever routes stays as it is.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import PurePath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from designer.conform.placed import label_of
from designer.diagnostics import Report
from designer.documents import read_json, read_yaml
from designer.emit import to_yaml
from designer.errors import UsageError
from designer.gateways.base import Parsed
from designer.ir import Routing
from designer.load import Config

PLACEHOLDER_KEY = "sk-rehearsal"
"""What the copy has for a provider's key: the scripted provider asks for none."""


class Rehearsal(Struct, frozen=True):
    contents: Mapping[str, Any]
    """The configuration's files by path, with the scripted provider's addresses."""
    parsed: Parsed
    """What the engine understands of them."""


def rehearsal(config: Config, address: Callable[[str], str]) -> Rehearsal:
    """Each deployment answers at `address(its id)`. Raises UsageError for a gateway that has no copy."""
    if config.gateway.name not in _FILL:
        raise UsageError(
            f"{config.gateway.title} cannot be put in front of the stub provider; "
            f"only {' and '.join(_FILL)} can"
        )
    # Which deployment the nth one is, is the parser's to say: a first copy has numbers for addresses.
    numbered = _filled(config, (f"http://127.0.0.1/d/{number}" for number in count()))
    ids = {
        label_of(deployment.api_base): deployment.id
        for deployment in numbered.parsed.routing.deployments
        if deployment.api_base
    }
    copy = _filled(config, (address(ids.get(str(n), f"unused {n}")) for n in count()))
    if without_reach(copy.parsed.routing) != without_reach(config.parsed.routing):
        raise UsageError(
            f"{config.gateway.title} does not accept {config.name} as it stands, and a copy "
            "for the stub provider would hide that: mend the configuration first"
        )
    if copy.parsed.semantics.screens != config.parsed.semantics.screens:
        raise UsageError(
            f"{config.name} has budgets by provider, and the stub provider is one for all: "
            "rehearse it without `provider_budget_config`"
        )
    return copy


def without_reach(routing: Routing) -> Routing:
    """All but how its deployments are reached."""
    return replace(
        routing,
        deployments=tuple(
            replace(d, provider="", model="", api_base=None, secret=None, region=None, settings=())
            for d in routing.deployments
        ),
    )


_HEAD = (
    "# A copy for rehearsals, written by `designer test --rehearse`. Not for production: its\n"
    "# deployments are the stub provider that `designer test --against` starts.\n"
)


def as_yaml(content: Any) -> str:
    return f"{_HEAD}{to_yaml(content)}\n"


def is_copy(text: str) -> bool:
    """Whether `as_yaml` wrote it, so that it may be written again."""
    return text.startswith(_HEAD)


def _filled(config: Config, addresses: Iterator[str]) -> Rehearsal:
    fill = _FILL[config.gateway.name]
    filled = {path: fill(content, addresses) for path, content in _contents(config).items()}
    parsed = config.gateway.parse({p: json.dumps(c) for p, c in filled.items()}, Report())
    assert parsed is not None, "it was parsed before, and only addresses have changed"
    return Rehearsal(filled, parsed)


def _contents(config: Config) -> Mapping[str, Any]:
    """What the gateway makes of its files: one that includes others is one with them."""
    if config.gateway.one_file:
        return {next(iter(config.read)): config.parsed.documents[0].value}
    return {path: _read(path, text) for path, text in config.read.items()}


def _read(path: str, text: str) -> Any:
    is_json = PurePath(path).suffix == ".json"
    # LiteLLM loads its files with PyYAML.
    document = (
        read_json(text, path, Report()) if is_json else read_yaml(text, path, Report(), "1.1")
    )
    assert document is not None, "it was parsed before"
    return document.value


# --- LiteLLM --------------------------------------------------------------------------------------

_REACHES = (
    *("api_base", "base_url", "api_key", "api_version", "custom_llm_provider", "organization"),
    *("litellm_credential_name", "client_id", "client_secret", "tenant_id"),
    *("azure_", "aws_", "vertex_", "watsonx_", "gcs_", "s3_"),
)
"""What says how a provider is reached, by its beginning (LiteLLM 1.106.2, types/router.py, 2026-11-22)."""


def _litellm(content: Any, addresses: Iterator[str]) -> dict[str, Any]:
    models = [_litellm_entry(entry, addresses) for entry in content.get("model_list") or []]
    return dict(content) | {"model_list": models}


def _litellm_entry(entry: Any, addresses: Iterator[str]) -> Any:
    params = entry.get("litellm_params") if isinstance(entry, Mapping) else None
    if not isinstance(params, Mapping):
        return entry
    kept = {key: value for key, value in params.items() if not key.startswith(_REACHES)}
    reached = {
        "model": f"openai/{_without_provider(str(params.get('model', '')))}",
        "api_base": f"{next(addresses)}/v1",
        "api_key": PLACEHOLDER_KEY,
    }
    return dict(entry) | {"litellm_params": kept | reached}


def _without_provider(model: str) -> str:
    return model.partition("/")[2] or model


# --- Portkey --------------------------------------------------------------------------------------

_TARGET_REACHES = (
    *(
        "provider",
        "customhost",
        "apikey",
        "virtualkey",
        "resourcename",
        "deploymentid",
        "apiversion",
    ),
    *("aws", "vertex", "azure", "openaiorganization", "openaiproject", "workersai", "huggingface"),
)
"""The same of a Portkey target, in either spelling: `custom_host` and `customHost` are both read."""


def _portkey(node: Any, addresses: Iterator[str]) -> Any:
    if not isinstance(node, Mapping):
        return node
    kept = {
        key: value for key, value in node.items() if not _plainly(key).startswith(_TARGET_REACHES)
    }
    if isinstance(node.get("targets"), list):
        return kept | {"targets": [_portkey(inner, addresses) for inner in node["targets"]]}
    reached = {
        "provider": "openai",
        "custom_host": f"{next(addresses)}/v1",
        "api_key": PLACEHOLDER_KEY,
    }
    return kept | reached


def _plainly(key: str) -> str:
    return key.replace("_", "").lower()


_FILL: Mapping[str, Callable[[Any, Iterator[str]], Any]] = {
    "litellm": _litellm,
    "portkey-oss": _portkey,
}
