"""Write the key inventory of a LiteLLM version from its source, without importing it.

    python -m designer.keys.update SITE_PACKAGES

`SITE_PACKAGES` is the folder that holds `litellm/`: of an installation, or of an unpacked wheel. The
`redis/` package beside it tells what a Redis cache takes besides. What a key means is not kept.
"""

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

_DATA = Path(__file__).with_name("data")

Row = tuple[str, ...]
"""Type, default and source of a key, and a flag where it has one."""


class Found(NamedTuple):
    node: ast.AST
    path: str


# --- The source -----------------------------------------------------------------------------------


class Source:
    """Modules of an unpacked LiteLLM, parsed when they are asked for."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.modules: dict[str, ast.Module] = {}
        self.found: dict[tuple[str, str, bool], Found | None] = {}
        self.followed: set[str] = set()
        """Aliases that are being followed; some lead back to themselves."""

    @cached_property
    def version(self) -> str:
        return next(self.site.glob("litellm-*.dist-info")).name.split("-")[1].removesuffix(".dist")

    def module(self, path: str) -> ast.Module:
        if path not in self.modules:
            self.modules[path] = ast.parse((self.site / path).read_text(encoding="utf-8"))
        return self.modules[path]

    def has(self, path: str) -> bool:
        return (self.site / path).is_file()

    def below(self, folder: str) -> Iterator[str]:
        for file in sorted((self.site / folder).rglob("*.py")):
            yield file.relative_to(self.site).as_posix()

    def find(self, name: str, path: str, stars: bool = True) -> Found | None:
        """A class or an alias by the name it has in a module, through that module's imports."""
        place = (name, path, stars)
        if place not in self.found:
            self.found[place] = None  # where modules import one another
            self.found[place] = self._find(name, path, stars)
        return self.found[place]

    def _find(self, name: str, path: str, stars: bool) -> Found | None:
        for node in self.statements(self.module(path).body):
            match node:
                case ast.ClassDef(name=own) if own == name:
                    return Found(node, path)
                case ast.Assign(targets=[ast.Name(id=own)], value=value) if own == name:
                    return Found(value, path)
                case ast.AnnAssign(target=ast.Name(id=own), value=ast.expr() as value) if (
                    own == name
                ):
                    return Found(value, path)
                case ast.ImportFrom(names=names):
                    for item in names:
                        file = self._file(node, path)
                        if file and file != path and item.name == "*":
                            if stars and (found := self.find(name, file, False)):
                                return found
                        elif (item.asname or item.name) == name:
                            return self.find(item.name, file) if file and file != path else None
        return None

    def statements(self, body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
        """Those of a module, and those that stand below a condition there."""
        for node in body:
            yield node
            if isinstance(node, ast.If | ast.Try):
                yield from self.statements(node.body)

    def _file(self, node: ast.ImportFrom, path: str) -> str | None:
        base = [] if not node.level else path.split("/")[: -node.level]
        dotted = "/".join([*base, *(node.module or "").split(".")])
        if not dotted.startswith("litellm/"):
            return None
        return next(
            (file for file in (f"{dotted}.py", f"{dotted}/__init__.py") if self.has(file)), None
        )

    def fields(self, path: str, name: str) -> Iterator[tuple[ast.AnnAssign, str]]:
        """A class's annotated fields with those of its bases; its own come last and count."""
        found = self.find(name, path)
        if found is None or not isinstance(found.node, ast.ClassDef):
            return
        for base in found.node.bases:
            if isinstance(base, ast.Name):
                yield from self.fields(found.path, base.id)
        for node in found.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node, found.path


# --- Types ----------------------------------------------------------------------------------------

_SCALARS: Mapping[str, tuple[str, ...]] = {
    "int": ("int",),
    "float": ("float", "int"),
    "bool": ("bool",),
    "str": ("str",),
    "SecretStr": ("str",),
    "datetime": ("str",),
    "Callable": ("str",),
    "CALLBACK_TYPES": ("str",),
    **dict.fromkeys(("Timeout", "Client", "AsyncClient", "CustomLogger"), ()),
    "None": ("null",),
    "NoneType": ("null",),
    **dict.fromkeys(("Any", "object", "Exception", "ModelResponse"), ("any",)),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping", "TypedDict"), ("dict",)),
    **dict.fromkeys(("list", "List", "Sequence", "tuple", "Tuple", "Set", "set"), ("list",)),
    **dict.fromkeys(("frozenset", "FrozenSet", "Iterable"), ("list",)),
}
_TRANSPARENT = frozenset({"Annotated", "Required", "NotRequired", "Final", "ClassVar", "ReadOnly"})


def kinds(source: Source, node: ast.AST | None, path: str) -> tuple[set[str], tuple[str, ...]]:
    """What an annotation takes: kinds of values, and the values of a Literal or an Enum."""
    match node:
        case ast.Constant(value=None):
            return {"null"}, ()
        case ast.Constant(value=str() as text):
            return kinds(source, ast.parse(text, mode="eval").body, path)
        case ast.BinOp(left=left, right=right, op=ast.BitOr()):
            return _union(source, (left, right), path)
        case ast.Subscript(value=value, slice=inner):
            return _generic(source, _last_name(value), inner, path)
        case ast.Name() | ast.Attribute():
            return _named(source, _last_name(node), path)
    return {"any"}, ()


def _last_name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _union(source: Source, nodes: Iterable[ast.AST], path: str) -> tuple[set[str], tuple[str, ...]]:
    return _joined([kinds(source, node, path) for node in nodes])


def _joined(parts: list[tuple[set[str], tuple[str, ...]]]) -> tuple[set[str], tuple[str, ...]]:
    accepted: set[str] = set().union(*(part[0] for part in parts))
    choices = tuple(dict.fromkeys(choice for part in parts for choice in part[1]))
    open_text = any("str" in part[0] and not part[1] for part in parts)
    return accepted, () if open_text else choices


def _generic(
    source: Source, name: str, inner: ast.expr, path: str
) -> tuple[set[str], tuple[str, ...]]:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Literal":
        values = [part.value for part in parts if isinstance(part, ast.Constant)]
        texts = tuple(value for value in values if isinstance(value, str))
        return {_kind_of(value) for value in values}, texts
    if name in _TRANSPARENT:
        return kinds(source, parts[0], path)
    if name == "Optional":
        accepted, choices = kinds(source, inner, path)
        return accepted | {"null"}, choices
    if name == "Union":
        return _union(source, parts, path)
    return _named(source, name, path)


def _kind_of(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _named(source: Source, name: str, path: str) -> tuple[set[str], tuple[str, ...]]:
    if name in _SCALARS:
        return set(_SCALARS[name]), ()
    found = source.find(name, path)
    if found is None or name in source.followed:
        return {"any"}, ()
    if not isinstance(found.node, ast.ClassDef):
        source.followed.add(name)
        taken = kinds(source, found.node, found.path)
        source.followed.discard(name)
        return taken
    values = enum_values(found.node)
    return ({"str"}, values) if values else ({"dict"}, ())


def enum_values(node: ast.ClassDef) -> tuple[str, ...]:
    if not any("Enum" in _last_name(base) for base in node.bases):
        return ()
    return tuple(
        item.value.value
        for item in node.body
        if isinstance(item, ast.Assign)
        and isinstance(item.value, ast.Constant)
        and isinstance(item.value.value, str)
    )


def written(accepted: set[str], choices: tuple[str, ...]) -> str:
    """A type as the inventory writes it: kinds, then choices in quotes; nothing for anything."""
    return "" if "any" in accepted else "|".join([*sorted(accepted), *map(repr, choices)])


# --- Keys -----------------------------------------------------------------------------------------


def from_class(source: Source, path: str, *names: str) -> dict[str, Row]:
    """Fields of classes; one that several of them declare takes what any of them takes."""
    declared: dict[str, list[tuple[ast.AnnAssign, str]]] = {}
    for name in names:
        for node, file in source.fields(path, name):
            key = _last_name(node.target)
            if not key.startswith("_") and key != "model_config":
                declared.setdefault(key, []).append((node, file))
    return {key: _declared(source, places) for key, places in declared.items()}


def _declared(source: Source, places: list[tuple[ast.AnnAssign, str]]) -> Row:
    node, file = places[-1]
    parts = [kinds(source, other.annotation, path) for other, path in places]
    return written(*_joined(parts)), _default(node), _at(file, node)


def below_class(
    source: Source, section: str, path: str, *names: str, levels: int = 2
) -> dict[str, dict[str, Row]]:
    """The sections of fields that hold objects of a class, lists of them or mappings to them."""
    found: dict[str, dict[str, Row]] = {}
    for name in names:
        for field, file in source.fields(path, name):
            if _last_name(field.target).startswith("_"):
                continue
            for suffix, at, class_ in _inside(source, field.annotation, file):
                here = f"{section}.{_last_name(field.target)}"
                if suffix.endswith(".*"):
                    found.setdefault(here, {"*": ("dict", "", _at(file, field))})
                rows = found.setdefault(here + suffix, {})
                rows |= from_class(source, at, class_)
                if levels > 1:
                    found |= below_class(source, here + suffix, at, class_, levels=levels - 1)
    return found


def _inside(source: Source, node: ast.AST, path: str) -> Iterator[tuple[str, str, str]]:
    """How an annotation holds objects (`[]`, `.*` or itself), and their class's module and name."""
    match node:
        case ast.BinOp(left=left, right=right):
            yield from _inside(source, left, path)
            yield from _inside(source, right, path)
        case ast.Subscript(value=value, slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            accepted = _SCALARS.get(_last_name(value), ())
            suffix = "[]" if "list" in accepted else ".*" if "dict" in accepted else ""
            for part in parts[1:] if suffix == ".*" else parts:
                for rest, at, name in _inside(source, part, path):
                    yield suffix + rest, at, name
        case ast.Name(id=name) if name not in _SCALARS:
            found = source.find(name, path)
            if found and isinstance(found.node, ast.ClassDef):
                if not enum_values(found.node):
                    yield "", found.path, found.node.name
            elif found and name not in source.followed:
                source.followed.add(name)
                yield from _inside(source, found.node, found.path)
                source.followed.discard(name)


def _default(node: ast.AnnAssign) -> str:
    match node.value:
        case None:
            return ""
        case ast.Call(func=func, args=args, keywords=keywords) if _last_name(func) == "Field":
            named = {word.arg: word.value for word in keywords}
            value = named.get("default", args[0] if args else None)
            return "" if value is None or ast.unparse(value) == "..." else ast.unparse(value)
        case value:
            return ast.unparse(value)


def _at(path: str, node: ast.AST) -> str:
    return f"{path.removeprefix('litellm/')}:{getattr(node, 'lineno', 0)}"


def from_arguments(source: Source, path: str, name: str) -> dict[str, Row]:
    """The arguments of a class's constructor."""
    found = source.find(name, path)
    assert found is not None, name
    init = next(n for n in ast.walk(found.node) if _is_function(n, "__init__"))
    assert isinstance(init, ast.FunctionDef)
    own = init.args
    plain = list(zip(reversed(own.args), [*reversed(own.defaults)], strict=False))
    arguments = [*reversed(plain), *zip(own.kwonlyargs, own.kw_defaults, strict=True)]
    required = own.args[1 : len(own.args) - len(own.defaults)]
    return {
        argument.arg: (
            written(*kinds(source, argument.annotation, found.path)),
            ast.unparse(default) if default is not None else "",
            _at(found.path, argument),
        )
        for argument, default in [*((a, None) for a in required), *arguments]
        if not argument.arg.startswith("_")
    }


def _is_function(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name


def from_reads(source: Source, paths: Iterable[str], *receivers: str) -> dict[str, Row]:
    """Keys read by name from a mapping that has one of these names."""
    found: dict[str, Row] = {}
    for path in paths:
        for node in ast.walk(source.module(path)):
            name = _read_key(node, frozenset(receivers))
            if name and re.fullmatch(r"[a-z][\w-]*", name):
                found.setdefault(name, ("", "", _at(path, node)))
    return found


def _read_key(node: ast.AST, receivers: frozenset[str]) -> str | None:
    match node:
        case ast.Call(
            func=ast.Attribute(value=value, attr="get" | "pop"),
            args=[ast.Constant(value=str() as key), *_],
        ) if _last_name(value) in receivers:
            return key
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as key)) if (
            _last_name(value) in receivers
        ):
            return key
        case ast.Compare(
            left=ast.Constant(value=str() as key),
            ops=[ast.In() | ast.NotIn()],
            comparators=[value],
        ) if _last_name(value) in receivers:
            return key
    return None


def from_comparisons(source: Source, path: str, function: str, name: str) -> dict[str, Row]:
    """Keys that a function compares a name with: `if key == "cache"`."""
    within = next(n for n in ast.walk(source.module(path)) if _is_function(n, function))
    return {key: ("", "", _at(path, node)) for key, node in _compared(within, name) if key}


def _compared(within: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(within):
        if isinstance(node, ast.Compare) and _last_name(node.left) == name:
            for other in node.comparators:
                for item in ast.walk(other):
                    if isinstance(item, ast.Constant) and isinstance(item.value, str):
                        yield item.value, node


def from_module(source: Source, path: str) -> dict[str, Row]:
    """A module's public variables."""
    found: dict[str, Row] = {}
    for node in source.statements(source.module(path).body):
        match node:
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value
            ):
                type_ = written(*kinds(source, annotation, path))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                type_ = _type_of(value)
            case _:
                continue
        if not name.startswith("_") and name == name.lower():
            found.setdefault(name, (type_, ast.unparse(value)[:60], _at(path, node)))
    return found


def _type_of(value: ast.expr) -> str:
    match value:
        case ast.Constant(value=bool()):
            return "bool"
        case ast.Constant(value=int() | float()):
            return "float|int"
        case ast.Constant(value=str()):
            return "str"
        case ast.List() | ast.Set() | ast.Call(func=ast.Name(id="set")):
            return "list"
        case ast.Dict():
            return "dict"
    return ""


def from_texts(source: Source, path: str, *names: str) -> dict[str, Row]:
    """Texts of lists, or keys of dictionaries, that are variables of a module."""
    found: dict[str, Row] = {}
    for name in names:
        at = source.find(name, path)
        for node in ast.walk(at.node) if at else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
                found.setdefault(node.value, ("", "", _at(path, node)))
    return found


def from_provider_classes(source: Source) -> dict[str, Row]:
    """The parameters that a provider's own configuration class declares (`top_k`, `num_ctx`)."""
    found: dict[str, Row] = {}
    for path in source.below("litellm/llms"):
        for node in source.module(path).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Config"):
                for field in node.body:
                    if isinstance(field, ast.AnnAssign):
                        key = _last_name(field.target)
                        type_ = written(*kinds(source, field.annotation, path))
                        found.setdefault(key, (type_, "", _at(path, field)))
    return {key: row for key, row in found.items() if not key.startswith("_") and not key.isupper()}


# --- Sections -------------------------------------------------------------------------------------

_LITELLM = "litellm/__init__.py"
_CONSTANTS = "litellm/constants.py"
_TYPES = "litellm/types/router.py"
_UTILS = "litellm/types/utils.py"
_SERVER = "litellm/proxy/proxy_server.py"
_PROXY_TYPES = "litellm/proxy/_types.py"
_RAILS = "litellm/types/guardrails.py"

_NOT_TOP_LEVEL = frozenset({"force_reload", "interval_hours"})
"""Read from a mapping called `config` that is a row of the database."""

_TOP_LEVEL: Mapping[str, str] = {
    **dict.fromkeys(("model_list", "guardrails", "prompts", "search_tools", "policies"), "list"),
    **dict.fromkeys(("sandbox_tools", "vector_store_registry", "credential_list"), "list"),
    **dict.fromkeys(("include", "mcp_tools", "agents", "agent_list", "files_settings"), "list"),
    **dict.fromkeys(("finetune_settings", "worker_registry", "policy_attachments"), "list"),
    **dict.fromkeys(("router_settings", "litellm_settings", "general_settings"), "dict"),
    **dict.fromkeys(("environment_variables", "callback_settings", "mcp_servers"), "dict"),
    **dict.fromkeys(("assistant_settings", "default_vertex_config"), "dict"),
}
"""What stands at the top of a file; `load_config` has no types for it."""


_ROUTERS = (("litellm/router_python_core.py", "PythonCore"), ("litellm/router.py", "Router"))
"""Where the router's arguments stand, newest first."""


def _router(source: Source) -> tuple[str, str]:
    return next((path, name) for path, name in _ROUTERS if source.has(path))


def sections(source: Source) -> dict[str, dict[str, Row]]:
    router, _ = _router(source)
    proxy = list(source.below("litellm/proxy"))
    routing = [
        router,
        *source.below("litellm/router_utils"),
        *source.below("litellm/router_strategy"),
    ]
    return {
        "": _top_level(source),
        "model_list[]": from_class(source, _TYPES, "DeploymentTypedDict"),
        "litellm_params": _litellm_params(source),
        "model_info": {
            **from_reads(source, [*routing, _SERVER], "model_info", "_model_info"),
            **from_class(source, _UTILS, "ModelInfo"),
            **from_class(source, _PROXY_TYPES, "ModelInfo"),
            **from_class(source, _TYPES, "ModelInfo"),
            "access_groups": ("list", "", "proxy/auth/model_checks.py"),
        },
        "router_settings": _router_settings(source),
        "litellm_settings": _litellm_settings(source, proxy),
        "general_settings": {
            **from_reads(source, proxy, "general_settings", "_general_settings"),
            **from_class(source, _PROXY_TYPES, "ConfigGeneralSettings"),
        },
        "cache_params": {
            **_redis(source),
            **from_arguments(source, "litellm/caching/caching.py", "Cache"),
        },
        "retry_policy": from_class(source, _TYPES, "RetryPolicy"),
        "allowed_fails_policy": from_class(source, _TYPES, "AllowedFailsPolicy"),
        "routing_groups[]": from_class(source, _TYPES, "RoutingGroup"),
        "guardrails[]": from_class(source, _RAILS, "Guardrail"),
        "guardrails[].litellm_params": from_class(source, _RAILS, "LitellmParams"),
        "mcp_servers": {"*": ("dict", "", "proxy/proxy_server.py")},
        "router_settings.model_group_retry_policy": {"*": ("dict", "", "types/router.py")},
        "environment_variables": {"*": ("bool|float|int|null|str", "", "proxy/proxy_server.py")},
        **below_class(source, "litellm_params", _TYPES, "LiteLLM_Params", "LiteLLMParamsTypedDict"),
        **below_class(source, "model_info", _TYPES, "ModelInfo"),
        **below_class(source, "general_settings", _PROXY_TYPES, "ConfigGeneralSettings"),
        **below_class(source, "guardrails[].litellm_params", _RAILS, "LitellmParams"),
        **{
            section: from_class(source, path, name)
            for section, path, name in _LISTED
            if source.find(name, path)
        },
    }


_LISTED = (
    ("search_tools[]", _TYPES, "SearchToolTypedDict"),
    ("search_tools[].litellm_params", _TYPES, "SearchToolLiteLLMParams"),
    ("credential_list[]", _UTILS, "CredentialItem"),
    ("litellm_settings.default_team_settings[]", _PROXY_TYPES, "TeamDefaultSettings"),
    ("litellm_settings.default_internal_user_params", _PROXY_TYPES, "DefaultInternalUserParams"),
    (
        "litellm_settings.upperbound_key_generate_params",
        _PROXY_TYPES,
        "LiteLLM_UpperboundKeyGenerateParams",
    ),
    ("general_settings.litellm_jwtauth", _PROXY_TYPES, "LiteLLM_JWTAuth"),
    ("mcp_servers.*", _PROXY_TYPES, "NewMCPServerRequest"),
)
"""Sections of one class each, that no annotation leads to."""


def _top_level(source: Source) -> dict[str, Row]:
    found = source.find("ProxyConfig", _SERVER)
    assert found is not None
    read = {
        key: ("", "", _at(_SERVER, node))
        for node in ast.walk(found.node)
        if (key := _read_key(node, frozenset({"config"}))) and key not in _NOT_TOP_LEVEL
    }
    read["include"] = ("", "", "proxy/common_utils/config_includes.py")
    return {key: (_TOP_LEVEL[key], default, at) for key, (_, default, at) in read.items()}


def _router_settings(source: Source) -> dict[str, Row]:
    """The router's arguments; those that the proxy gives itself are ignored in a file."""
    own = from_texts(source, _CONSTANTS, "ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG")
    found = from_arguments(source, *_router(source))
    return {key: (*row, "ignored") if key in own else row for key, row in found.items()}


def _litellm_settings(source: Source, proxy: Iterable[str]) -> dict[str, Row]:
    """Any key becomes a variable of the module; most lists of models there are its own."""
    variables = {
        key: (*row, "internal") if row[1].startswith("set(") or key in _INTERNAL else row
        for key, row in from_module(source, _LITELLM).items()
    }
    return {
        **from_reads(source, proxy, "litellm_settings", "_litellm_settings"),
        **from_comparisons(source, _SERVER, "load_config", "key"),
        **variables,
        "set_verbose": ("bool", "False", "_logging.py"),
        "cache_params": ("dict", "", "proxy/proxy_server.py"),
    }


_INTERNAL = frozenset(
    {
        *("adapters", "all_embedding_models", "azure_embedding_models", "azure_llms", "caching"),
        *("caching_with_models", "error_logs", "guardrail_name_config_map", "maritalk_models"),
        *("initialized_langfuse_clients", "model_list", "models_by_provider", "ollama_models"),
        *("openai_image_generation_models", "openai_video_generation_models", "petals_models"),
        *("aclient_session", "client_session", "prompt_name_config_map", "secret_manager_client"),
        *("longer_context_model_fallback_dict", "common_cloud_provider_auth_params", "model_cost"),
        *("vector_store_index_registry", "vector_store_registry"),
    }
)


def _litellm_params(source: Source) -> dict[str, Row]:
    """Everything that is forwarded counts: what the router, a request or a provider knows."""
    providers = list(source.below("litellm/llms"))
    return {
        **from_reads(source, providers, "optional_params", "litellm_params"),
        **from_provider_classes(source),
        **from_texts(
            source,
            _CONSTANTS,
            "OPENAI_CHAT_COMPLETION_PARAMS",
            "OPENAI_TRANSCRIPTION_PARAMS",
            "OPENAI_EMBEDDING_PARAMS",
            "DEFAULT_CHAT_COMPLETION_PARAM_VALUES",
        ),
        **from_class(source, _TYPES, "LiteLLM_Params", "LiteLLMParamsTypedDict"),
    }


def _redis(source: Source) -> dict[str, Row]:
    """What `redis.Redis` takes: a cache hands on what it does not know itself."""
    if not source.has("redis/client.py"):
        return {}
    return from_arguments(source, "redis/client.py", "Redis")


# --- Names ----------------------------------------------------------------------------------------


def names(source: Source) -> dict[str, list[str]]:
    return {
        "callbacks": _callbacks(source),
        "guardrails": _enum(source, _RAILS, "SupportedGuardrailIntegrations"),
        "guardrail_modes": _enum(source, _RAILS, "GuardrailEventHooks"),
        "routing_strategies": _strategies(source),
        "cache_types": _enum(source, "litellm/types/caching.py", "LiteLLMCacheType"),
        "content_patterns": _content_patterns(source),
        "providers": _enum(source, _UTILS, "LlmProviders"),
    }


def _enum(source: Source, path: str, name: str) -> list[str]:
    found = source.find(name, path)
    assert found is not None, name
    assert isinstance(found.node, ast.ClassDef), name
    return sorted(enum_values(found.node))


def _callbacks(source: Source) -> list[str]:
    known = from_texts(source, _LITELLM, "_custom_logger_compatible_callbacks_literal")
    compared = {
        key
        for path in (
            "litellm/litellm_core_utils/litellm_logging.py",
            "litellm/proxy/common_utils/callback_utils.py",
        )
        for variable in ("callback", "callback_name", "logging_integration")
        for key, _ in _compared(source.module(path), variable)
    }
    return sorted({*known, *compared} - {""})


def _strategies(source: Source) -> list[str]:
    found = source.find("RoutingStrategyName", _TYPES)
    assert found is not None
    return sorted(kinds(source, found.node, found.path)[1])


def _content_patterns(source: Source) -> list[str]:
    folder = "litellm/proxy/guardrails/guardrail_hooks/litellm_content_filter"
    read = json.loads((source.site / folder / "patterns.json").read_text(encoding="utf-8"))
    return sorted(pattern["name"] for pattern in read["patterns"])


# --- The file -------------------------------------------------------------------------------------


def text(source: Source) -> str:
    """One key a line, sorted."""
    parts = []
    for section, rows in sections(source).items():
        if not rows:
            continue
        lines = ",\n".join(f"{_json(key)}:{_json(rows[key])}" for key in sorted(rows))
        parts.append(f"{_json(section)}:{{\n{lines}\n}}")
    known = ",\n".join(f"{_json(what)}:{_json(those)}" for what, those in names(source).items())
    return f'{{"sections":{{\n{",".join(parts)}}},\n"names":{{\n{known}\n}}}}\n'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0], "litellm").is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    source = Source(Path(arguments[0]))
    target = _DATA / f"litellm-{source.version}.json"
    target.write_text(text(source), encoding="utf-8")
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
