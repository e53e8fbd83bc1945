"""Which of OpenRouter's files is which, told by content, and what belongs together."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Literal

from msgspec import Struct, field

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Document, read_json, read_yaml
from designer.gateways.openrouter.directory import Endpoint, listings_of
from designer.gateways.openrouter.folders import alias_of
from designer.gateways.openrouter.tables import GUARDRAIL_KEYS

NOT_OPENROUTER = Rule(
    "PAR571",
    Severity.ERROR,
    "this is no OpenRouter request, preset or guardrail",
    "A request names a `model` or `models`, a preset has a `config`, a guardrail has a name and "
    "filters or limits.",
    instead="nothing in it is understood",
    help="give the body of a request as JSON",
    source="OpenAPI document, 2026-08-22",
)

Kind = Literal["request", "preset", "guardrail", "client", "endpoints", "keys", "workspace"]

_OTHERS = (".py", ".tf", ".tf.json", ".md", ".txt", ".sh", ".example", ".env")
"""What lies beside a configuration and is none."""
WORKSPACE_KEYS = frozenset({"workspace", "budgets", "destination"})
_YAML = (".yaml", ".yml")


class Sources(Struct):
    """The files of one configuration, sorted."""

    requests: dict[str, Document] = field(default_factory=dict)
    """By route."""
    presets: dict[str, Document] = field(default_factory=dict)
    """Configurations of presets, by slug or by what the file is called."""
    guardrails: list[Document] = field(default_factory=list)
    client: Document | None = None
    keys: list[Document] = field(default_factory=list)
    workspaces: list[Document] = field(default_factory=list)
    listings: dict[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    """All of them, as they were read."""

    @property
    def counted(self) -> tuple[Document, ...]:
        """Those that hold settings: no listings of endpoints, and nothing of somebody else's."""
        return tuple(d for d in self.documents if kind_of(d.value) not in (None, "endpoints"))

    @property
    def is_empty(self) -> bool:
        return not (
            *self.requests,
            *self.presets,
            *self.guardrails,
            *self.keys,
            *self.workspaces,
            *([self.client] if self.client else []),
        )

    def client_routes(self) -> Mapping[str, Mapping[str, Any]]:
        return self.client.value["routes"] if self.client else {}


def sorted_out(files: Mapping[str, str], report: Report) -> Sources:
    sources = Sources()
    documents = list(_documents(files, report))
    sources.documents = tuple(documents)
    sources.client = next((d for d in documents if kind_of(d.value) == "client"), None)
    for document in documents:
        kind = kind_of(document.value)
        match kind:
            case "request" if PurePosixPath(document.file).name == "preset.json":
                sources.presets.setdefault(_route_of(document.file, sources), document)
            case "request":
                name = _free(_route_of(document.file, sources), sources.requests)
                sources.requests[name] = document
            case "preset":
                slug, config = _preset(document)
                sources.presets[slug or _route_of(document.file, sources)] = config
            case "guardrail":
                sources.guardrails.append(document)
            case "endpoints":
                sources.listings |= listings_of(document.value) or {}
            case "keys":
                sources.keys.append(document)
            case "workspace":
                sources.workspaces.append(document)
            case "client":
                pass
            case None:
                report.add(NOT_OPENROUTER, document.place())
    return sources


def _documents(files: Mapping[str, str], report: Report) -> Iterator[Document]:
    for path, text in files.items():
        if path.endswith(_OTHERS):
            continue
        read = read_yaml if path.endswith(_YAML) else read_json
        document = read(text, path, report)
        if document is not None:
            yield document


def kind_of(value: Any) -> Kind | None:
    if listings_of(value) is not None:
        return "endpoints"
    if not isinstance(value, Mapping) or "model_list" in value or "targets" in value:
        return None
    inner = value.get("data", value)
    if isinstance(inner, Mapping) and any(
        isinstance(inner.get(key), Mapping) for key in ("designated_version", "config")
    ):
        return "preset"
    if isinstance(value.get("model"), str) or isinstance(value.get("models"), list):
        return "request"
    routes = value.get("routes")
    if isinstance(routes, Mapping) and all(map(_is_client_route, routes.values())):
        return "client"
    if isinstance(value.get("name"), str) and len(value) > 1 and set(value) <= GUARDRAIL_KEYS:
        return "guardrail"
    if isinstance(value.get("preset"), str):
        return "request"
    keys = value.get("keys")
    if set(value) == {"keys"} and isinstance(keys, list) and keys and all(map(_is_key, keys)):
        return "keys"
    if isinstance(value.get("workspace"), Mapping) and set(value) <= WORKSPACE_KEYS:
        return "workspace"
    return None


def recognises(path: str, value: Any) -> bool:
    """Whether a loaded file is a request, preset or guardrail of OpenRouter and of nobody else."""
    if PurePosixPath(path).suffix not in ("", ".json", *_YAML):
        return False
    kind = kind_of(value)
    if kind == "endpoints":
        return isinstance(value, Mapping) and "data" in value
    if kind != "request":
        return kind is not None
    others = value.get("models")
    names = [value.get("model"), *(others if isinstance(others, list) else ())]
    slugs = any(isinstance(name, str) and ("/" in name or name[:1] in "@~") for name in names)
    return slugs or isinstance(value.get("preset"), str)


def _is_key(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("team"), str)
        and isinstance(entry.get("body"), Mapping)
    )


def _is_client_route(route: Any) -> bool:
    return isinstance(route, Mapping) and (isinstance(route.get("folder"), str) or "pick" in route)


def _route_of(file: str, sources: Sources) -> str:
    """The route that a file is about: its folder's in what we write, else named like the file."""
    path = PurePosixPath(file)
    folder = path.parent.name
    if path.name not in ("request.json", "preset.json") or not folder:
        return path.stem or file
    by_folder = {route.get("folder"): alias for alias, route in sources.client_routes().items()}
    return by_folder.get(folder, alias_of(folder))


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def preset_path(value: Any) -> tuple[str, ...]:
    """Where the configuration stands in an answer of `GET /presets/{slug}`, or in a part of one."""
    path: list[str] = []
    for key in ("data", "designated_version", "config"):
        if isinstance(value.get(key), Mapping):
            path.append(key)
            value = value[key]
    return tuple(path)


def _preset(document: Document) -> tuple[str | None, Document]:
    """The slug and the configuration."""
    path = preset_path(document.value)
    value = document.value
    slug = None
    for key in ("data", "designated_version", "config"):
        slug = slug or value.get("slug")
        value = value[key] if key in path else value
    depth = len(path)
    places = {key[depth:]: place for key, place in document.places.items() if key[:depth] == path}
    return slug if isinstance(slug, str) else None, Document(document.file, value, places)
