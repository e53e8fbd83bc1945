"""Configurations as routes: what the gateway makes of a file, hand-written or emitted.

One file is one route. What the gateway rejects leads nowhere and is a finding; what it ignores is
listed as not analysed. A dialect says how its targets name providers and which guardrails it runs.
Nothing here raises on any text.
"""

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from designer import keys
from designer.diagnostics import Edit, Fix, Place, Report, Rule
from designer.documents import Document, Path, dotted, read_json
from designer.engine.semantics import Semantics
from designer.gateways.base import Parsed
from designer.gateways.legalize import rewrite
from designer.gateways.portkey_config import rules
from designer.gateways.portkey_config.conditions import read_query
from designer.gateways.portkey_config.lacks import (
    CACHE_DEFAULT_S,
    CACHE_SIMILARITY,
    NOBODY,
    NOWHERE,
    USER,
    caches_in_reading_order,
    in_reading_order,
    is_metadata,
    numbered,
    stuck,
)
from designer.gateways.portkey_config.paths import name_of
from designer.gateways.portkey_config.statuses import DEFAULT_RETRIED, EVERY, LOST, failures_of
from designer.gateways.portkey_config.write import NO_SUCH_TARGET
from designer.gateways.settings import Settings, account, is_below, leaves
from designer.ir import (
    ANY,
    Cache,
    Case,
    Chain,
    Deployment,
    Guardrail,
    Node,
    Pool,
    Retry,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
    deployments_of,
)
from designer.keys import snake_case

MODES = ("single", "loadbalance", "fallback", "conditional")
OTHER_FILES = frozenset(
    {
        *("guardrails.json", "limits.json", "headers.json", "saved.json"),
        *("plan.json", "package.json"),
    }
)
"""Emitted beside configurations, or common beside them, and never one."""

_DEEPEST = 60

# --- What a dialect brings ------------------------------------------------------------------------


class Fields(NamedTuple):
    """A target's settings: its own, and what it inherits, by their names with underscores."""

    own: Mapping[str, Any]
    custom_host: str | None
    params: Mapping[str, Any]


class Tell(NamedTuple):
    """Where a dialect reports: a rule about a key of the object it was given."""

    add: Callable[..., None]
    nested: bool
    """Whether the object stands below another one."""


class Dialect(Struct, frozen=True):
    gateway: str
    title: str
    semantics: Semantics
    deployment: Callable[[Fields, "Tell"], Deployment]
    """The deployment that a target stands for; its id is left empty."""
    target_keys: frozenset[str]
    """Keys of a target that `deployment` reads."""
    guardrails: Callable[[Mapping[str, Any], "Tell"], tuple[list[Guardrail], set[str]]]
    """The guardrails at the root of a configuration, and the keys they were read from in full."""
    rejects: Callable[[Mapping[str, Any]], str | None]
    """Why the gateway answers 400 to a configuration with such a target."""
    retry_after_keys: tuple[str, ...]
    """Spellings of the switch for Retry-After that count."""
    caches: bool = False
    """Whether `cache` at the root of a configuration keeps answers."""
    sticks: bool = False
    """Whether `strategy.sticky` keeps a caller on the target that was drawn."""


class RejectedError(Exception):
    """The gateway answers an error to every request with this configuration."""

    def __init__(self, why: str, path: Path, answer: Node = NOWHERE) -> None:
        super().__init__(why)
        self.path = path
        self.answer = answer


# --- Files ----------------------------------------------------------------------------------------


def read_files(files: Mapping[str, str], report: Report, dialect: Dialect) -> Parsed | None:
    sources = [
        source
        for path, text in files.items()
        if _may_hold_config(path, alone=len(files) == 1)
        for source in _sources(path, text, report)
    ]
    if not sources:
        if not report.has_errors:
            report.add(rules.NO_CONFIG, Place(next(iter(files), "")), gateway=dialect.title)
        return None
    read = [_FileReader(source, dialect, report).read() for source in _uniquely_named(sources)]
    return _joined(read, dialect)


def looks_like_config(value: Any) -> bool:
    """Whether a loaded file is one of ours, wrapped or not."""
    config = unwrapped(value)[0]
    if isinstance(config, str):
        return True
    if not isinstance(config, Mapping):
        return False
    named = {snake_case(key) for key in config}
    strategy = config.get("strategy")
    if isinstance(strategy, Mapping) and "mode" in strategy:
        return True
    if isinstance(config.get("targets"), list):
        return True
    if isinstance(config.get("provider"), Mapping):  # preferences of OpenRouter
        return False
    return bool(named & _TELLING) and not named & _FOREIGN


_TELLING = frozenset(
    {"provider", "virtual_key", "override_params", "prompt_id", "retry", "cache", "request_timeout"}
    | {"input_guardrails", "output_guardrails", "before_request_hooks", "after_request_hooks"}
)
_FOREIGN = frozenset({"model_list", "litellm_settings", "models", "messages", "plugins_enabled"})


def uses_hosted_features(value: Any) -> bool:
    """Provider slugs, saved guardrails or prompts: what only the hosted product resolves."""
    match unwrapped(value)[0]:
        case str():
            return True
        case Mapping() as config:
            return any(_is_hosted(node) for node in _objects(config))
        case _:
            return False


def _is_hosted(node: Mapping[str, Any]) -> bool:
    params = node.get("override_params")
    model = params.get("model") if isinstance(params, Mapping) else None
    slugs = (node.get("provider"), model)
    return (
        any(isinstance(slug, str) and slug.startswith("@") for slug in slugs)
        or any(key in node for key in ("virtual_key", "prompt_id", "passthrough"))
        or any(
            isinstance(rail, str)
            for key in ("input_guardrails", "output_guardrails")
            for rail in _list(node.get(key))
        )
        or any(
            isinstance(hook, Mapping) and set(hook) == {"id"}
            for key in ("before_request_hooks", "after_request_hooks")
            for hook in _list(node.get(key))
        )
        # The open-source gateway wants a key of its own beside each provider.
        or (bool(node.get("forward_headers")) and not node.get("api_key"))
    )


def _objects(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting: list[Any] = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            yield node
            waiting += _list(node.get("targets"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _may_hold_config(path: str, alone: bool) -> bool:
    file = PurePosixPath(path.replace("\\", "/"))
    if alone:
        return True
    return file.name not in OTHER_FILES and file.suffix in (".json", "")


class Source(NamedTuple):
    """One configuration and where it stands."""

    route: str
    document: Document
    config: Any
    prefix: Path
    around: Any
    """The whole of the file, which holds the configuration below `prefix`."""


def _sources(path: str, text: str, report: Report) -> Iterator[Source]:
    document = read_json(text, path, report)
    if document is None:
        return
    around = document.value
    config, prefix = unwrapped(around)
    if isinstance(config, str):
        if config.startswith("pc-"):
            report.add(rules.SAVED_CONFIG, document.place(*prefix), id=config)
            return
        inner = Report()
        loaded = read_json(config, path, inner)
        if loaded is None:
            problem = next(iter(inner)).message
            report.add(rules.REJECTED, document.place(*prefix), why=problem)
            return
        document = replace(document, value=loaded.value)
        config = loaded.value
    if not isinstance(config, Mapping):
        report.add(rules.NOT_AN_OBJECT, document.place(*prefix))
        return
    yield Source(name_of(path), document, config, prefix, around)


def unwrapped(value: Any) -> tuple[Any, Path]:
    """The configuration (and the path to it) inside a saved configuration's body or a client's request."""
    if isinstance(value, Mapping):
        headers = value.get("headers")
        if isinstance(headers, Mapping):
            for key, header in headers.items():
                if isinstance(key, str) and key.lower() == _HEADER:
                    return header, ("headers", key)
        for key in (_HEADER, "config"):
            if isinstance(value.get(key), Mapping | str) and "targets" not in value:
                return value[key], (key,)
    return value, ()


_HEADER = "x-portkey-config"


def _uniquely_named(sources: list[Source]) -> list[Source]:
    taken: set[str] = set()
    named = []
    for source in sources:
        name = source.route
        if name in taken:
            name = source.document.file
        taken.add(name)
        named.append(source._replace(route=name))
    return named


# --- One file -------------------------------------------------------------------------------------


class Leaf(NamedTuple):
    """A target: where it stands, what it is called, and what it means."""

    number: int
    path: Path
    name: str | None
    deployment: Deployment


class FileRead(NamedTuple):
    source: Source
    node: Node
    """Its targets are numbers of `leaves`."""
    leaves: tuple[Leaf, ...]
    guardrails: tuple[Guardrail, ...]
    settings: Settings
    cache: Cache | None = None


class Inherited(NamedTuple):
    """What a level hands down. A target's own `retry` replaces it whole (measured on 1.15.2)."""

    params: Mapping[str, Any] = {}
    retry: Any = None
    retry_path: Path = ()
    request_timeout: Any = None
    custom_host: Any = None


class _FileReader(Struct):
    source: Source
    dialect: Dialect
    report: Report
    leaves: dict[Path, Leaf] = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)
    """What no part of the route was read from, with all that stands below."""
    reached: set[Path] = field(default_factory=set)

    def read(self) -> FileRead:
        config = with_underscores(self.source.config)
        rails: list[Guardrail] = []
        done: set[str] = set()
        cache = read_cache(config.get("cache")) if self.dialect.caches else None
        try:
            rails, done = self.dialect.guardrails(config, self._tell(()))
            done |= {"cache"} if cache is not None else set()
            node = self.node(self.source.config, (), Inherited(), done, 0)
        except RejectedError as problem:
            self.report.add(rules.REJECTED, self._place(problem.path), why=str(problem))
            self.leaves.clear()
            self.unread.append(self.source.prefix)
            cache, node = None, problem.answer
        return FileRead(
            self.source,
            node,
            tuple(self.leaves.values()),
            tuple(rails),
            self.settings(),
            cache,
        )

    def settings(self) -> Settings:
        """What stands beside the configuration in its file is nothing that is read."""
        prefix, unread = self.source.prefix, frozenset(self.unread)
        within = [((*prefix, *path), value) for path, value in leaves(self.source.config)]
        around = leaves(self.source.around) if prefix else ()
        beside = [(path, value) for path, value in around if path[: len(prefix)] != prefix]

        def is_inside(path: Path) -> bool:
            return path[: len(prefix)] == prefix

        return account(
            [*within, *beside],
            lambda path: is_inside(path) and not is_below(path, unread),
            lambda path, _: is_inside(path) and self.is_known(path[len(prefix) :]),
        )

    def is_known(self, path: Path) -> bool:
        spelled = tuple(part if isinstance(part, int) else snake_case(str(part)) for part in path)
        gateway, version = self.dialect.gateway, self.dialect.semantics.version
        return keys.locate(gateway, version, spelled) is not None

    def node(self, raw: Any, path: Path, above: Inherited, done: set[str], depth: int) -> Node:
        if not isinstance(raw, Mapping):
            raise RejectedError("a target is an object", path)
        if depth > _DEEPEST:
            raise RejectedError(f"targets are nested more than {_DEEPEST} levels deep", path)
        own = with_underscores(raw)
        _check_types(own, path)
        below = self._inherited(own, path, above)
        if own.get("targets") is not None or own.get("strategy") is not None:
            self._list_unread(raw, path, _STRATEGY_KEYS | done)
            self._warn_of_ignored(own, path)
            return self._strategy(own, path, below, depth)
        self._list_unread(raw, path, _TARGET_KEYS | self.dialect.target_keys | done)
        self._warn_of_ignored(own, path)
        return self._target(own, path, below)

    def _inherited(self, own: Mapping[str, Any], path: Path, above: Inherited) -> Inherited:
        params = own.get("override_params")
        retry = own.get("retry")
        return Inherited(
            {**above.params, **params} if isinstance(params, Mapping) else above.params,
            above.retry if retry is None else retry,
            above.retry_path if retry is None else (*path, "retry"),
            own.get("request_timeout") or above.request_timeout,
            own.get("custom_host") or above.custom_host,
        )

    # --- Strategies -------------------------------------------------------------------------------

    def _strategy(self, own: Mapping[str, Any], path: Path, below: Inherited, depth: int) -> Node:
        strategy = own.get("strategy")
        if strategy is None and own.get("fetch_integrated_models"):
            return NOWHERE  # for the list of models, which asks no target
        if not isinstance(strategy, Mapping):
            # Anything that makes it a target of its own lets it pass the schema, and fail later.
            passes = any(own.get(key) for key in ("retry", "cache", "request_timeout", *_RAILS))
            raise RejectedError(
                "`targets` needs a `strategy`: without one no target is asked",
                path,
                NOBODY if passes else NOWHERE,
            )
        strategy = with_underscores(strategy)
        targets = own.get("targets")
        at = (*path, "strategy")
        by = _sticks_by(strategy) if self.dialect.sticks else None
        known = _IN_STRATEGY[_mode(strategy, at)]
        self._list_unread(strategy, at, known | {"sticky"} if by else known)
        if not isinstance(targets, list):
            raise RejectedError("`strategy` needs a list of `targets`", path)

        def child(index: int) -> Node:
            self.reached.add((*path, "targets", index))
            return self.node(targets[index], (*path, "targets", index), below, set(), depth + 1)

        everyone = range(len(targets))
        match strategy["mode"]:
            case "conditional":
                node = self._conditional(strategy, at, targets, child)
            case "single" if targets:
                node = child(0)
            case "loadbalance" if targets:
                node = self._pool(targets, path, child)
                if by and isinstance(node, Pool):
                    node = stuck(node, by)
            case "fallback" if targets:
                on = self._falls_on(strategy, at)
                rungs = (Rung(child(i), on if i else ANY) for i in everyone)
                node = Chain(tuple(rungs))
            case _:
                self.report.add(rules.NO_TARGETS, self._place(path))
                node = NOBODY
        for index in everyone:
            if (*path, "targets", index) not in self.reached:
                self.unread.append((*self.source.prefix, *path, "targets", index))
        return node

    def _falls_on(self, strategy: Mapping[str, Any], at: Path) -> Any:
        codes = strategy.get("on_status_codes")
        if codes is None:
            return EVERY
        good = [code for code in codes if 200 <= code < 300 and code != 246]
        if good:
            place = self._place((*at, "on_status_codes"))
            self.report.add(rules.DISCARDS_ANSWERS, place, codes=", ".join(map(str, good)))
        return failures_of(int(code) for code in codes)

    def _pool(self, targets: list[Any], path: Path, child: Callable[[int], Node]) -> Node:
        children = tuple(child(i) for i in range(len(targets)))
        given = [with_underscores(target).get("weight") for target in targets]
        if all(weight is None for weight in given):
            return Pool(children)
        weights = tuple(1.0 if weight is None else float(weight) for weight in given)
        if sum(weights) <= 0:
            self.report.add(rules.NO_SHARES, self._place(path))
            return NOBODY
        return Pool(children, weights)

    def _conditional(
        self,
        strategy: Mapping[str, Any],
        at: Path,
        targets: list[Any],
        child: Callable[[int], Node],
    ) -> Node:
        names: dict[str, int] = {}
        for index, target in enumerate(targets):
            name = target.get("name") if isinstance(target, Mapping) else None
            if isinstance(name, str):
                names.setdefault(name, index)

        def named(name: Any) -> Node | None:
            if isinstance(name, str) and name in names:
                return child(names[name])
            return None

        cases: list[Case] = []
        for index, condition in enumerate(_list(strategy.get("conditions"))):
            here = (*at, "conditions", index)
            if not isinstance(condition, Mapping):
                raise RejectedError("a condition is an object with `query` and `then`", here)
            self._list_unread(condition, here, _IN_CONDITION)
            query = read_query(condition.get("query"))
            if query.ends is not None:
                why = f"{query.problem}, so a request that gets here is answered 400"
                self.report.add(rules.BAD_QUERY, self._place((*here, "query")), why=why)
                cases.append(Case(query.ends, NOWHERE))
                continue
            then = named(condition.get("then"))
            if then is None:
                self.report.add(
                    rules.NO_SUCH_TARGET,
                    self._place((*here, "then")),
                    name=_shown(condition.get("then")),
                )
            cases.append(Case(query.holds, then or NOWHERE))
        if not isinstance(strategy.get("conditions"), list):
            self.report.add(rules.NO_CONDITIONS, self._place(at))
            return NOWHERE
        default = strategy.get("default")
        otherwise = named(default)
        if otherwise is None and default is not None and not _MEANS_NONE.fullmatch(str(default)):
            place = self._place((*at, "default"))
            self.report.add(rules.NO_SUCH_TARGET, place, name=_shown(default))
        return Switch(tuple(cases), otherwise)

    # --- Targets ----------------------------------------------------------------------------------

    def _target(self, own: Mapping[str, Any], path: Path, below: Inherited) -> Node:
        why = self.dialect.rejects(own)
        if why is not None:
            raise RejectedError(why, path)
        host = below.custom_host if isinstance(below.custom_host, str) else None
        deployment = self.dialect.deployment(Fields(own, host, below.params), self._tell(path))
        deployment = replace(deployment, id="", timeout_s=_seconds(below.request_timeout))
        if path not in self.leaves:
            name = own.get("name")
            number = len(self.leaves)
            self.leaves[path] = Leaf(
                number, path, name if isinstance(name, str) else None, deployment
            )
        return self._retried(Target(str(self.leaves[path].number)), below)

    def _retried(self, target: Target, below: Inherited) -> Node:
        if not isinstance(below.retry, Mapping):
            return target
        retry = with_underscores(below.retry)
        known = {"attempts", "on_status_codes", *self.dialect.retry_after_keys}
        self._list_unread(below.retry, below.retry_path, known)
        misspelled = {"use_retry_after_headers"} & set(retry) - known
        for key in misspelled:
            place = self._place((*below.retry_path, key))
            self.report.add(rules.MISSPELLED_RETRY_AFTER, place, self._spelled(key, below))
        attempts = retry["attempts"]
        if attempts < 0:
            return target
        codes = retry.get("on_status_codes")
        on = failures_of(DEFAULT_RETRIED if codes is None else (int(code) for code in codes))
        return Retry(
            target,
            math.ceil(attempts),
            on | LOST,
            honours_retry_after=any(retry.get(k) is True for k in self.dialect.retry_after_keys),
        )

    def _spelled(self, key: str, below: Inherited) -> Fix | None:
        right = "use_retry_after_header"
        if right in below.retry or key not in below.retry:
            return None
        path = (*self.source.prefix, *below.retry_path, key)
        return Fix(f"write {right} instead of {key}", (Edit("rename", path, right),))

    # --- What is not understood -------------------------------------------------------------------

    def _list_unread(self, raw: Mapping[str, Any], path: Path, known: set[str] | Any) -> None:
        self.unread += [
            (*self.source.prefix, *path, key) for key in raw if snake_case(str(key)) not in known
        ]

    def _warn_of_ignored(self, own: Mapping[str, Any], path: Path) -> None:
        if "on_status_codes" in own:
            self.report.add(rules.MISPLACED_CODES, self._place((*path, "on_status_codes")))
        rails = [key for key in _RAILS if path and own.get(key)]
        for key in rails:
            self.report.add(rules.RAILS_OF_A_TARGET, self._place((*path, key)), key=key)

    def _place(self, path: Path) -> Place:
        return self.source.document.place(*self.source.prefix, *path)

    def _tell(self, path: Path) -> Tell:
        def add(rule: Rule, *key: str | int, **values: Any) -> None:
            self.report.add(rule, self._place((*path, *key)), **values)

        return Tell(add, nested=bool(path))


_RAILS = ("input_guardrails", "output_guardrails", "before_request_hooks", "after_request_hooks")
_TARGET_KEYS = frozenset(
    {"name", "weight", "retry", "request_timeout", "override_params", "custom_host"}
)
_STRATEGY_KEYS = _TARGET_KEYS | {"strategy", "targets"}
_IN_STRATEGY: Mapping[str, frozenset[str]] = {
    "single": frozenset({"mode"}),
    "loadbalance": frozenset({"mode"}),
    "fallback": frozenset({"mode", "on_status_codes"}),
    "conditional": frozenset({"mode", "conditions", "default"}),
}


def _sticks_by(strategy: Mapping[str, Any]) -> str | None:
    """Who keeps to a target, where that is one thing that a request says of itself."""
    sticky = strategy.get("sticky")
    if strategy.get("mode") != "loadbalance" or not isinstance(sticky, Mapping):
        return None
    fields = sticky.get("hash_fields")
    if sticky.get("enabled") is not True or not isinstance(fields, list) or len(fields) != 1:
        return None
    (field_,) = fields
    if field_ == f"metadata.{USER}":
        return "user"
    return field_ if isinstance(field_, str) and is_metadata(field_) else None


_MEANS_NONE = re.compile(rf"{NO_SUCH_TARGET}(-\d+)?")
_IN_CONDITION = frozenset({"query", "then"})


def _mode(strategy: Mapping[str, Any], at: Path) -> str:
    mode = strategy.get("mode")
    if mode not in MODES:
        raise RejectedError(
            f"`mode` is one of {', '.join(MODES)}, not {_shown(mode)}", (*at, "mode")
        )
    return str(mode)


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _seconds(timeout_ms: Any) -> float | None:
    """A negative limit is over at once; none and zero are no limit (measured on 1.15.2)."""
    if not timeout_ms or not _is_number(timeout_ms):
        return None
    return max(1, int(round(timeout_ms))) / 1000


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def _is_codes(value: Any) -> bool:
    return isinstance(value, list) and all(_is_number(item) for item in value)


def _check_types(own: Mapping[str, Any], path: Path) -> None:
    """What the gateway's own schema refuses (measured on 1.15.2, 2026-11-22)."""
    for key, is_right, wanted in _TYPES:
        if key in own and not is_right(own[key]):
            raise RejectedError(f"`{key}` is {wanted}", (*path, key))
    for key, inner in (("retry", own.get("retry")), ("strategy", own.get("strategy"))):
        codes = with_underscores(inner).get("on_status_codes") if inner is not None else None
        if codes is not None and not _is_codes(codes):
            raise RejectedError("`on_status_codes` is a list of numbers", (*path, key))
    retry = own.get("retry")
    if retry is not None and not _is_number(with_underscores(retry).get("attempts")):
        raise RejectedError("`retry` needs `attempts`, a number", (*path, "retry"))


_TYPES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("strategy", lambda v: isinstance(v, Mapping), "an object"),
    ("targets", lambda v: isinstance(v, list), "a list"),
    ("retry", lambda v: isinstance(v, Mapping), "an object"),
    ("weight", _is_number, "a number"),
    ("request_timeout", _is_number, "a number of milliseconds"),
    ("provider", lambda v: isinstance(v, str), "a text"),
    ("api_key", lambda v: isinstance(v, str), "a text"),
    ("custom_host", lambda v: isinstance(v, str), "a text"),
    ("on_status_codes", _is_codes, "a list of numbers"),
)


def with_underscores(raw: Any) -> dict[str, Any]:
    """Keys in their documented spelling; camelCase works too (measured on 1.15.2, 2026-11-22)."""
    if not isinstance(raw, Mapping):
        return {}
    return {snake_case(str(key)): value for key, value in raw.items()}


def read_cache(written: Any) -> Cache | None:
    """None for a cache that the gateway refuses or nobody would understand."""
    if not isinstance(written, Mapping) or set(written) - {"mode", "max_age"}:
        return None
    age = written.get("max_age", CACHE_DEFAULT_S)
    if written.get("mode") not in ("simple", "semantic") or not _is_number(age) or age <= 0:
        return None
    if written["mode"] == "simple":
        return Cache("exact", float(age))
    return Cache("semantic", float(age), CACHE_SIMILARITY)


# --- All files ------------------------------------------------------------------------------------


def _joined(read: list[FileRead], dialect: Dialect) -> Parsed:
    ids = _ids(read)
    deployments: dict[str, Deployment] = {}
    places: dict[str, Place] = {}
    names: dict[str, str] = {}
    routes = []
    for file in read:
        own = ids[file.source.route]
        for leaf, id_ in zip(file.leaves, own, strict=True):
            deployments.setdefault(id_, replace(leaf.deployment, id=id_))
            place = file.source.document.place(*file.source.prefix, *leaf.path)
            places.setdefault(id_, place)
            names |= {n: id_ for n in _other_names(leaf, file.source.route, len(read)) if n != id_}
        routes.append(Route(file.source.route, _with_ids(file.node, own)))
        places[file.source.route] = file.source.document.place(*file.source.prefix)
    used = dict.fromkeys(i for route in routes for i in deployments_of(route.node))
    routing = in_reading_order(
        Routing(tuple(routes), tuple(deployments[id_] for id_ in used), _all_guardrails(read))
    )
    caches = tuple(replace(f.cache, routes=(f.source.route,)) for f in read if f.cache is not None)
    routing = numbered(caches_in_reading_order(replace(routing, caches=caches)))
    settings = sum((_named(file, len(read)) for file in read), Settings())
    return Parsed(
        gateway=dialect.gateway,
        routing=routing,
        semantics=dialect.semantics,
        places=places,
        names={name: id_ for name, id_ in names.items() if name not in deployments},
        unmodelled=settings.unmodelled,
        not_analysed=settings.not_analysed,
        settings=settings.count,
        documents=tuple(file.source.document for file in read),
    )


def _named(file: FileRead, files: int) -> Settings:
    """A file's settings, told apart from those of others by its name."""
    return file.settings if files == 1 else file.settings.of_file(file.source.document.file)


def _with_ids(node: Node, ids: list[str]) -> Node:
    return rewrite(node, lambda n: Target(ids[int(n.deployment)]) if isinstance(n, Target) else n)


def _ids(read: list[FileRead]) -> dict[str, list[str]]:
    """For each route, its leaves' ids: the name where it means one thing only, else the path."""
    meanings: dict[str, list[Deployment]] = {}
    for file in read:
        for leaf in file.leaves:
            known = meanings.setdefault(leaf.name, []) if leaf.name is not None else []
            if leaf.deployment not in known:
                known.append(leaf.deployment)
    found: dict[str, list[str]] = {}
    for file in read:
        found[file.source.route] = [
            leaf.name
            if leaf.name is not None and len(meanings[leaf.name]) == 1
            else _path_id(leaf, file.source.route, len(read))
            for leaf in file.leaves
        ]
    return found


def _path_id(leaf: Leaf, route: str, files: int) -> str:
    path = dotted(leaf.path) or "config"
    return path if files == 1 else f"{route}/{path}"


def _other_names(leaf: Leaf, route: str, files: int) -> Iterator[str]:
    """The path, alone and as the gateway's header `x-portkey-last-used-option-index` has it."""
    path = dotted(leaf.path)
    yield _path_id(leaf, route, files)
    header = f"config.{path}" if path else "config"
    yield header if files == 1 else f"{route}/{header}"


def _all_guardrails(read: list[FileRead]) -> tuple[Guardrail, ...]:
    """One guardrail for each name and meaning, with the routes that have it."""
    routes: dict[str, dict[Guardrail, list[str]]] = {}
    for file in read:
        for rail in file.guardrails:
            routes.setdefault(rail.name, {}).setdefault(rail, []).append(file.source.route)
    return tuple(
        replace(rail, name=f"{name}-{number}" if number > 1 else name, routes=tuple(covered))
        for name, meanings in routes.items()
        for number, (rail, covered) in enumerate(meanings.items(), start=1)
    )
