"""Read OpenRouter request bodies, presets and guardrails, ours or hand-written, as a Routing.

Any text is taken: what cannot be understood is a finding or listed as not analysed, never a crash.
Which settings of the account come on top, no file says.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from designer import keys
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Document, Path, dotted
from designer.gateways.base import Parsed, Terms
from designer.gateways.openrouter.account import (
    caches_of,
    is_team,
    is_ttl,
    read_budget,
    read_limit,
    read_teams,
    read_telemetry,
    with_plain_amounts,
    workspace_of,
)
from designer.gateways.openrouter.choice import chosen_from, is_choice, read_pick
from designer.gateways.openrouter.directory import Directory
from designer.gateways.openrouter.filters import ENTITY_OF, Filters, rails_of
from designer.gateways.openrouter.lower import data_policy
from designer.gateways.openrouter.semantics import SEMANTICS
from designer.gateways.openrouter.sources import (
    NOT_OPENROUTER,
    Sources,
    kind_of,
    preset_path,
    sorted_out,
)
from designer.gateways.openrouter.tables import (
    CONTENT,
    EMBEDDING_PARAMS,
    MAX_MODELS,
    MAX_TTL_S,
    NOT_FOLLOWED,
    PREFERENCES,
    UNSIMULATED,
    is_number,
    params_of,
    price_text,
)
from designer.gateways.openrouter.tree import Ask, eligible, freeze, is_reference, routing_of
from designer.gateways.settings import Settings, account, is_below, leaves
from designer.ir import Budget, Guardrail, Route, Routing, Team, Telemetry, deployments_of

BAD_VALUE = Rule(
    "PAR572",
    Severity.WARNING,
    "{key} should be {wanted}",
    "OpenRouter's document refuses such a request, and its Python SDK drops the field or the whole "
    "`provider` object without a word (measured, openrouter 1.3.84, 2026-11-22).",
    instead="it is left out of the analysis",
    help="write {wanted}",
    source="measured, Python SDK openrouter 1.3.84, 2026-11-22; OpenAPI document, 2026-08-22",
)
NO_ENDPOINT = Rule(
    "PAR573",
    Severity.WARNING,
    "the provider preferences leave no endpoint of {model}",
    "Preferences are hard filters: OpenRouter answers 404 when none of a model's endpoints is left "
    "(api_reference/errors-and-debugging, 2026-08-22).",
    instead="the model is never asked",
    help="loosen `only`, `ignore`, `max_price` or `quantizations`, or take the model out",
    source="https://openrouter.ai/docs/api_reference/errors-and-debugging, 2026-08-22",
)
UNKNOWN_PRESET = Rule(
    "PAR574",
    Severity.WARNING,
    "the preset {slug!r} is not among the files",
    "A preset is state of the account: what it holds is merged under the request and can change it.",
    instead="only what the request itself says is analysed",
    help="fetch it with GET /presets/{slug} and give the answer as another file",
    source="https://openrouter.ai/docs/guides/features/presets, 2026-08-22",
)
TOO_MANY_MODELS = Rule(
    "PAR575",
    Severity.ERROR,
    "{count} models, where {most} is the most",
    "The live API answers `'models' array must have 3 items or fewer.` and nothing else "
    "(coder/xum#2963, ever-co/ever-gauzy#9915).",
    instead="every request fails with status 400",
    help="keep the first {most}",
    source="https://github.com/coder/xum/issues/2963; https://github.com/ever-co/ever-gauzy/issues/9915",
)
PRESET_DIFFERS = Rule(
    "PAR576",
    Severity.WARNING,
    "this preset routes otherwise than the request beside it",
    "An application that names the preset gets another behaviour than one that sends the request.",
    instead="the request counts",
    help="make the two agree",
    source="https://openrouter.ai/docs/guides/features/presets, 2026-08-22",
)
NO_REQUEST = Rule(
    "PAR577",
    Severity.WARNING,
    "there is no request for the route {route!r}",
    "The client's settings name a route whose request is not among the files.",
    instead="the route is left out",
    help="give the whole folder",
    source="by definition; the client's settings name the folder of each route",
)

_REFERENCE = "@preset/"


def parse(
    directory: Directory, files: Mapping[str, str], report: Report, version: str = ""
) -> Parsed | None:
    sources = sorted_out(files, report)
    if sources.is_empty:
        if not report.has_errors:
            report.add(NOT_OPENROUTER, Place(next(iter(files), "")))
        return None
    directory = directory.with_listings(sources.listings)
    reader = Reader(sources, report, is_one_file=len(files) == 1)
    asks = reader.asks()
    routing = reader.with_choices(routing_of(asks, reader.rails(asks), directory))
    routing = reader.with_account(routing)
    reader.note_endpoints(asks, directory)
    assumptions = (*SEMANTICS.assumptions, *dict.fromkeys(reader.assumptions))
    settings = reader.settings(version)
    return Parsed(
        gateway="openrouter",
        routing=routing,
        semantics=replace(SEMANTICS, assumptions=assumptions),
        terms=_terms(routing, directory),
        places=reader.places(routing),
        unmodelled=settings.unmodelled,
        not_analysed=settings.not_analysed,
        settings=settings.count,
        documents=sources.documents,
    )


def _terms(routing: Routing, directory: Directory) -> dict[str, Terms]:
    """What the directory knows of each endpoint's price; OpenRouter passes list prices on."""
    found = {}
    for deployment in routing.deployments:
        provider = dict(deployment.settings).get("endpoint", "")
        for endpoint in directory.of(deployment.model):
            if endpoint.provider == provider and endpoint.price is not None:
                found[deployment.id] = Terms(
                    input_usd_per_mtok=endpoint.prompt_usd_per_mtok,
                    output_usd_per_mtok=endpoint.completion_usd_per_mtok,
                )
    return found


class Reader(Struct):
    """Turns sources into requests; remembers what it could not make sense of."""

    sources: Sources
    report: Report
    is_one_file: bool
    unread: dict[str, set[Path]] = field(default_factory=dict)
    """By file: what nothing was read from, with all that stands below."""
    assumptions: list[str] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)
    """Of each route that is a request."""
    documents_of_choices: dict[str, Document] = field(default_factory=dict)

    def asks(self) -> list[Ask]:
        """In the order of the client's settings, then of the files."""
        bodies = self.sources.requests or self.sources.presets
        clients = self.sources.client_routes()
        for route, settings in clients.items():
            if route not in bodies and "pick" not in settings and self.sources.client:
                place = self.sources.client.place("routes", route)
                self.report.add(NO_REQUEST, place, route=route)
        order = [route for route in clients if route in bodies]
        self.documents = {r: bodies[r] for r in (*order, *(r for r in bodies if r not in clients))}
        asks = [self.ask(route, document) for route, document in self.documents.items()]
        for ask in asks:
            self.compare(ask)
        return asks

    def compare(self, ask: Ask) -> None:
        """A preset beside a request should route alike."""
        preset = self.sources.presets.get(ask.name)
        if preset is None or preset is self.documents[ask.name]:
            return
        silent = Reader(self.sources, Report(), self.is_one_file)
        if silent.ask(ask.name, preset) != ask:
            self.report.add(PRESET_DIFFERS, preset.place())

    # --- One request ------------------------------------------------------------------------------

    def ask(self, route: str, document: Document) -> Ask:
        body = self.with_presets(document)
        self.assumptions += (said for key, said in NOT_FOLLOWED.items() if body.get(key))
        client = self.client_settings(route)
        embeds = client.pop("embeds", None)
        ask = Ask(
            name=route,
            models=self.models(document, body),
            preferences=self.preferences(document, body),
            **client,
        )
        if not client and isinstance(body.get("session_id"), str):
            ask = replace(ask, session="session")
        ask = replace(ask, embeds=_embeds(body, ask) if embeds is None else embeds)
        return replace(ask, params=self.params(document, body, ask.embeds))

    def with_presets(self, document: Document) -> dict[str, Any]:
        """The body with the presets it names merged under it, key by key (guides/features/presets)."""
        body = dict(document.value)
        model = body.get("model")
        named = [body.pop("preset", None)]
        if isinstance(model, str) and _REFERENCE in model:
            bare, _, slug = model.partition(_REFERENCE)
            named.append(slug)
            body["model"] = bare or None
        for slug in named:
            preset = self.preset(slug) if isinstance(slug, str) else None
            if preset is not None and preset is not document:
                body = {**preset.value, **{k: v for k, v in body.items() if v is not None}}
            elif slug is not None:
                self.report.add(UNKNOWN_PRESET, document.place("model"), slug=slug)
                body["model"] = body.get("model") or f"{_REFERENCE}{slug}"
        return body

    def preset(self, slug: str) -> Document | None:
        for route, settings in self.sources.client_routes().items():
            if settings.get("preset") == slug and route in self.sources.presets:
                return self.sources.presets[route]
        return self.sources.presets.get(slug)

    def models(self, document: Document, body: Mapping[str, Any]) -> tuple[str, ...]:
        """`model` first, then `models` (guides/routing/model-fallbacks)."""
        listed = body.get("models")
        if listed is not None and not isinstance(listed, list):
            self.bad(document, ("models",), "a list of model slugs")
            listed = None
        found = [body["model"]] if isinstance(body.get("model"), str) else []
        for index, model in enumerate(listed or ()):
            if isinstance(model, str) and model:
                found.append(model)
            else:
                self.bad(document, ("models", index), "a model slug")
        models = tuple(dict.fromkeys(found))
        count = max(len(listed or ()), len(models))
        if count > MAX_MODELS:
            place = document.place("models")
            self.report.add(TOO_MANY_MODELS, place, count=count, most=MAX_MODELS)
        if not models:
            self.assumptions.append("a request without a model goes to the account's default model")
        return models[:_MOST_MODELS] or ("default",)

    def preferences(
        self, document: Document, body: Mapping[str, Any]
    ) -> tuple[tuple[str, Any], ...]:
        provider = body.get("provider")
        if provider is None:
            return ()
        if not isinstance(provider, Mapping):
            self.bad(document, ("provider",), "an object of preferences")
            return ()
        found = {}
        for name, value in provider.items():
            path = ("provider", name)
            if name not in PREFERENCES:
                self.skip(document, path)
            elif value is not None and not PREFERENCES[name][0](value):
                self.bad(document, path, PREFERENCES[name][1])
            elif (frozen := freeze(_plain(name, value))) not in (None, ()):
                found[name] = frozen
        by = found.get("sort")
        if _is_by_speed(by):
            self.assumptions.append(
                "sort goes by how fast endpoints answered in the last five minutes of the simulation; "
                "OpenRouter's own figures are not known"
            )
        if body.get("route") == "sort" and isinstance(by, str):
            found["sort"] = (("by", by), ("partition", "none"))
        for name in found:
            if name in UNSIMULATED:
                self.assumptions.append(
                    f"which endpoints `{name}` leaves out or asks last is not known: all are asked"
                )
        return tuple(sorted(found.items()))

    def params(
        self, document: Document, body: Mapping[str, Any], embeds: bool
    ) -> tuple[tuple[str, Any], ...]:
        known = params_of(embeds)
        found: dict[str, Any] = {}
        for name, value in body.items():
            if name in _ROUTING or name in CONTENT or value is None:
                continue
            if name in known:
                if known[name](value):
                    found[name] = freeze(value)
                else:
                    self.bad(document, (name,), "a value that OpenRouter takes")
            elif name == "reasoning" and _is_effort(value):
                found.setdefault("reasoning_effort", value["effort"])
            else:
                self.skip(document, (name,))
        return tuple(sorted(found.items()))

    def client_settings(self, route: str) -> dict[str, Any]:
        """What the client's own file says of a route, as fields of an `Ask`."""
        given = self.sources.client_routes().get(route)
        document = self.sources.client
        if given is None or document is None:
            return {}
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name in ("folder", "preset"):
                continue
            if name not in _CLIENT:
                self.skip(document, ("routes", route, name))
                continue
            key, is_fit, wanted = _CLIENT[name]
            if is_fit(value):
                if not key:
                    continue
                found[key] = value == "/embeddings" if key == "embeds" else value
            else:
                self.bad(document, ("routes", route, name), wanted)
        return found

    # --- Guardrails -------------------------------------------------------------------------------

    def rails(self, asks: Sequence[Ask]) -> tuple[Guardrail, ...]:
        filters = Filters([], [])
        for document in self.sources.guardrails:
            for name, value in document.value.items():
                if value is None:
                    continue
                if name == "content_filter_builtins" and isinstance(value, list):
                    filters.builtins.extend(self.kept(document, name, value, _is_builtin))
                elif name == "content_filters" and isinstance(value, list):
                    filters.custom.extend(self.kept(document, name, value, _is_custom))
                elif data_policy(asks).get(name) != value:
                    self.skip(document, (name,))
        return rails_of(filters)

    def kept(
        self, document: Document, name: str, items: list[Any], is_fit: Callable[[Any], bool]
    ) -> list[Any]:
        for index, item in enumerate(items):
            if not is_fit(item):
                self.skip(document, (name, index))
        return [item for item in items if is_fit(item)]

    # --- Keys, budgets, caches ------------------------------------------------------------------

    def with_choices(self, routing: Routing) -> Routing:
        """The client's choices among the routes, each where the client's file has it."""
        choices = dict(self.choices())
        own = {route.name: route for route in routing.routes}
        found = {**choices, **own}
        order = [name for name in self.sources.client_routes() if name in found]
        order += [name for name in own if name not in order]
        for name, route in choices.items():
            for missing in sorted(chosen_from(route.node) - found.keys()):
                place = self.documents_of_choices[name].place("routes", name)
                self.report.add(NO_REQUEST, place, route=missing)
        return replace(routing, routes=tuple(found[name] for name in order))

    def choices(self) -> Iterator[tuple[str, Route]]:
        document = self.sources.client
        for name, given in self.sources.client_routes().items():
            if document is None or "pick" not in given or name in self.documents:
                continue
            node = read_pick(given["pick"])
            if node is None or not is_choice(node):
                self.bad(document, ("routes", name, "pick"), "cases or arms")
                continue
            limit = given.get("timeout_s")
            for key in given:
                if key not in ("pick", "timeout_s", "cache_ttl_s"):
                    self.skip(document, ("routes", name, key))
            if limit is not None and not is_number(limit):
                self.bad(document, ("routes", name, "timeout_s"), "a number of seconds")
                limit = None
            self.documents_of_choices[name] = document
            yield name, Route(name, node, deadline_s=limit)

    def with_account(self, routing: Routing) -> Routing:
        budgets = [*self.workspace_budgets(), *self.key_budgets()]
        named = [route.name for route in routing.routes]
        made = replace(
            routing,
            teams=self.teams(),
            budgets=tuple(budgets),
            caches=caches_of(self.ttls(), named),
            telemetry=next(map(self.telemetry, self.sources.workspaces), None),
        )
        return with_plain_amounts(made)

    def teams(self) -> tuple[Team, ...]:
        client = self.sources.client
        if client is None:
            return ()
        for key in client.value:
            if key not in ("routes", "teams"):
                self.skip(client, (key,))
        given = client.value.get("teams")
        for name, team in given.items() if isinstance(given, Mapping) else ():
            if not is_team(team):
                self.bad(client, ("teams", name), "keys, routes and region")
        return read_teams(given)

    def ttls(self) -> dict[str, int]:
        routes = self.sources.client_routes()
        given = {route: settings.get("cache_ttl_s") for route, settings in routes.items()}
        return {route: ttl for route, ttl in given.items() if isinstance(ttl, int) and is_ttl(ttl)}

    def key_budgets(self) -> Iterator[Budget]:
        for document in self.sources.keys:
            for index, entry in enumerate(document.value["keys"]):
                budget = read_limit(entry)
                known = {"name", *(("limit", "limit_reset") if budget else ())}
                for name in entry["body"]:
                    if name not in known:
                        self.skip(document, ("keys", index, "body", name))
                if budget is not None:
                    yield budget

    def workspace_budgets(self) -> Iterator[Budget]:
        for document in self.sources.workspaces:
            given = document.value.get("budgets")
            for interval, body in given.items() if isinstance(given, Mapping) else ():
                budget = read_budget(interval, body)
                if budget is None:
                    self.skip(document, ("budgets", interval))
                else:
                    yield budget

    def telemetry(self, document: Document) -> Telemetry | None:
        found = read_telemetry(document.value)
        written = workspace_of(Routing((), (), telemetry=found))
        for part in ("workspace", "destination"):
            given, ours = document.value.get(part), written.get(part, {})
            for name, value in given.items() if isinstance(given, Mapping) else ():
                if name not in ("name", "slug") and ours.get(name) != value:
                    self.skip(document, (part, name))
        return found

    # --- What is told beside the routing ----------------------------------------------------------

    def bad(self, document: Document, path: Path, wanted: str) -> None:
        self.report.add(BAD_VALUE, document.place(*path), key=dotted(path), wanted=wanted)
        self.skip(document, path)

    def skip(self, document: Document, path: Path) -> None:
        self.unread.setdefault(document.file, set()).add(path)

    def settings(self, version: str) -> Settings:
        found = Settings()
        for document in self.sources.counted:
            unread = frozenset(self.unread.get(document.file, ()))
            own = _settings(document, unread, version)
            found += own if self.is_one_file else own.of_file(document.file)
        return found

    def note_endpoints(self, asks: Sequence[Ask], directory: Directory) -> None:
        for ask in asks:
            for model in ask.models:
                if not eligible(ask, model, directory):
                    place = self.place_of(ask.name, model)
                    self.report.add(NO_ENDPOINT, place, model=model)
                elif not directory.of(model):
                    self.assumptions.append(
                        f"no endpoints of {model} are known: those that the request names, or one"
                    )

    def place_of(self, route: str, model: str) -> Place:
        document = self.documents[route]
        listed = document.value.get("models")
        if document.value.get("model") != model and isinstance(listed, list) and model in listed:
            return document.place("models", listed.index(model))
        return document.place("model")

    def places(self, routing: Routing) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for route in routing.routes:
            if (document := self.documents_of_choices.get(route.name)) is not None:
                found[route.name] = document.place("routes", route.name)
                continue
            found[route.name] = self.documents[route.name].place()
            for id_ in deployments_of(route.node):
                model = routing.deployment(id_).model
                found.setdefault(id_, self.place_of(route.name, model))
        return found


_MOST_MODELS = 4 * MAX_MODELS
"""A request with more than `MAX_MODELS` fails; how it would route is looked at no further than this."""


def _is_by_speed(sort: Any) -> bool:
    by = dict(sort).get("by") if isinstance(sort, tuple) else sort
    return by not in (None, "price")


_ROUTING = frozenset({"model", "models", "provider", "preset", "session_id", "route"})

_CLIENT: Mapping[str, tuple[str, Callable[[Any], bool], str]] = {
    "path": (
        "embeds",
        lambda v: v in ("/embeddings", "/chat/completions"),
        "/chat/completions or /embeddings",
    ),
    "base_url": ("base_url", lambda v: isinstance(v, str), "the URL of a host"),
    "api_key": ("api_key", lambda v: isinstance(v, str) and is_reference(v), "env:NAME"),
    "timeout_s": ("deadline_s", lambda v: v is None or is_number(v), "a number of seconds"),
    "cache_ttl_s": ("", is_ttl, f"seconds from 1 to {MAX_TTL_S}"),
    "session_from": ("session", lambda v: isinstance(v, str), "text"),
}
"""A field of the client's file → the field of an `Ask` (or none), whether a value fits, and what would."""


def _settings(document: Document, unread: frozenset[Path], version: str) -> Settings:
    """Of one file; of a preset, what stands around its configuration is nothing that routes."""
    kind = kind_of(document.value)
    prefix = preset_path(document.value) if kind == "preset" else ()

    def within(path: Path) -> Path | None:
        return path[len(prefix) :] if path[: len(prefix)] == prefix else None

    def is_simulated(path: Path) -> bool:
        inner = within(path)
        return inner is not None and not is_below(inner, unread)

    def is_known(path: Path, _: Any) -> bool:
        inner = within(path)
        if inner is None:
            outer = path[1:] if path[0] == "data" else path
            return keys.locate("openrouter", version, outer, start="preset") is not None
        start = "guardrail" if kind == "guardrail" else ""
        is_own = kind in ("client", "keys", "workspace")
        return not is_own and keys.locate("openrouter", version, inner, start) is not None

    return account(leaves(document.value), is_simulated, is_known)


def _embeds(body: Mapping[str, Any], ask: Ask) -> bool:
    asks_for_vectors = any(name in body for name in EMBEDDING_PARAMS)
    return "messages" not in body and (asks_for_vectors or "embed" in ask.models[0])


def _plain(name: str, value: Any) -> Any:
    """One way to write each preference: prices as text, nothing that says nothing."""
    if isinstance(value, Mapping):
        kept = {key: inner for key, inner in value.items() if inner is not None}
        return {k: price_text(v) for k, v in kept.items()} if name == "max_price" else kept
    return value


def _is_effort(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"effort"}
        and params_of(embeds=False)["reasoning_effort"](value["effort"])
    )


def _is_builtin(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and set(item) <= {"slug", "action", "label"}
        and isinstance(item.get("slug"), str)
        and item["slug"] in ENTITY_OF
        and item.get("action") in ("redact", "block")
    )


def _is_custom(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and set(item) <= {"pattern", "action", "label"}
        and isinstance(item.get("pattern"), str)
        and len(item["pattern"]) > 0
        and isinstance(item.get("label", ""), str | None)
        and item.get("action") in ("redact", "block")
    )
