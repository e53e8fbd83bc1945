"""Find and understand a gateway configuration: an emitted folder, a file, or standard input.

The file may also be one that holds a configuration or leads to one (`designer.containers`); of several
`FILE#KEY` chooses. What is understood is always the text that the gateway would read. A `plan.json` beside it is asked
for facts about its deployments (prices, regions), never for routing.
"""

import json
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from designer.catalog import Offering, load_catalog
from designer.containers import (
    Folder,
    Image,
    Source,
    fits,
    images_in,
    mounted,
    moved,
    moved_findings,
    read_text,
    sources_in,
    with_included,
)
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import UNREADABLE, read_stream
from designer.errors import UsageError
from designer.gateways.base import Gateway, Parsed, Terms
from designer.gateways.reference import REFERENCE
from designer.gateways.registry import GATEWAYS
from designer.ir import Deployment

NOT_A_CONFIG = Rule(
    "PAR504",
    Severity.ERROR,
    "{where} is no configuration of LiteLLM, Portkey or OpenRouter that designer recognises",
    "A LiteLLM file has a `model_list`, a Portkey one `strategy`, `targets` or a `provider`, an "
    "OpenRouter body a `model` with `provider` preferences.",
    help="name the gateway with --gateway if the file is an unusual one",
)

TEMPLATE = Rule(
    "PAR505",
    Severity.ERROR,
    "this is a template, and before it is rendered {problem}",
    "Templates are programs, and what they write depends on values that are not in the file. None is "
    "rendered here.",
    help="give what it becomes (`helm template … > rendered.yaml`), or the values file",
)
SECOND = Rule(
    "PAR513",
    Severity.WARNING,
    "{name} is another configuration of {title}",
    "One process reads one configuration; what a second one means depends on the deployment.",
    instead="it is left out: this is about {first}",
    help="name the one that is meant; inside another file it is FILE#KEY, as {name}",
)

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_MOST_FILES = 2000
PLAN = "plan.json"


class Config(Struct, frozen=True):
    gateway: Gateway
    parsed: Parsed
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By deployment id, from the plan.json beside the configuration; empty without one."""
    profile: Mapping[str, Any] = field(default_factory=dict)
    """The profile that the plan was made from, as plan.json keeps it."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """The files' texts, by the path that findings name them by."""
    read: Mapping[str, str] = field(default_factory=dict)
    """The texts that its gateway reads; not the same where they stand inside other files."""
    name: str = ""
    """What chooses it: a path, or `manifest.yaml#data.config.yaml`."""
    is_whole: bool = True
    """Its settings have the same paths in its file: nothing stands around it or is included."""
    images: tuple[Image, ...] = ()
    """Its gateway's, named in the files that were looked at: which version will read it."""

    def with_semantics(self, name: str, report: Report | None = None) -> "Config":
        """Behaving as its gateway does (`own`), as a careful engineer would want (`reference`), or as
        another gateway or version does (`litellm@1.109`).

        What a file says of screens is its own gateway's to enforce: another one has none of them.
        Raises UsageError for a name that is none of these; an unmeasured version is reported.
        """
        if name == "own":
            return self
        if name == REFERENCE.name:
            return replace(self, parsed=replace(self.parsed, semantics=REFERENCE))
        token, _, version = name.partition("@")
        if token not in GATEWAYS:
            known = ", ".join(("own", REFERENCE.name, *GATEWAYS))
            raise UsageError(f"nobody behaves like {name!r}; there are {known}")
        gateway = GATEWAYS[token]
        gateway.tell_unmeasured(version, report if report is not None else Report())
        if gateway is not self.gateway:
            semantics = gateway.semantics(version)
            return replace(self, parsed=replace(self.parsed, semantics=semantics))
        again = gateway.parse(self.read, Report(), version)
        assert again is not None, "it was parsed before, and only the version has changed"
        parsed = replace(self.parsed, routing=again.routing, semantics=again.semantics)
        return replace(self, parsed=parsed)

    @property
    def terms(self) -> Mapping[str, Terms]:
        """Prices by deployment: what plan.json says, then the file itself, then the catalog."""
        return {d.id: self._terms(d) for d in self.parsed.routing.deployments}

    def _terms(self, deployment: Deployment) -> Terms:
        said = self.parsed.terms.get(deployment.id, Terms())
        fact = self.facts.get(deployment.id)
        if fact is not None:
            input_usd, output_usd = fact["input_usd_per_mtok"], fact["output_usd_per_mtok"]
        elif said.input_usd_per_mtok is not None:
            return said
        else:
            offering = self.offering(deployment)
            if offering is None:
                return said
            input_usd, output_usd = offering.price.input, offering.price.output
        return replace(
            said, input_usd_per_mtok=Decimal(input_usd), output_usd_per_mtok=Decimal(output_usd)
        )

    def offering(self, deployment: Deployment) -> Offering | None:
        """What the catalog knows the deployment as; None where it does not."""
        catalog = load_catalog()
        fact = self.facts.get(deployment.id)
        if fact is not None:
            return catalog.offering(str(fact.get("offering")))
        if deployment.provider == "openrouter":
            endpoint = dict(deployment.settings).get("endpoint")
            return catalog.by_gateway_name("openrouter", deployment.model, provider=endpoint)
        provider = catalog.providers.get(deployment.provider)
        if provider is None:
            return None
        name = f"{provider.litellm_prefix}{deployment.model}"
        base, region = deployment.api_base, deployment.region
        return catalog.by_gateway_name("litellm", name, base, region)


def load_config(path: str, report: Report, gateway: str | None = None) -> Config | None:
    """None, with findings, when there is nothing that can be understood.

    Of several configurations the first, and a finding for each of the others. Raises UsageError when
    the path cannot be read.
    """
    found = _find(path, report, gateway)
    if found is None:
        return None
    first, *others = found.wholes
    for other in others:
        source, title = other.sources[0], found.gateway.title
        if source.value != first.sources[0].value:
            report.add(SECOND, source.place, name=source.name, first=first.name, title=title)
    return found.config(first, report)


def load_configs(path: str, report: Report, gateway: str | None = None) -> list[Config | None]:
    """Every configuration there; None, with findings, for one that cannot be understood."""
    found = _find(path, report, gateway)
    return [] if found is None else [found.config(whole, report) for whole in found.wholes]


class _Whole(Struct, frozen=True):
    """What makes up one configuration."""

    sources: tuple[Source, ...]
    beside: tuple[Source, ...] = ()
    """Files of its folder that are read with it."""
    told: Report = field(default_factory=Report)
    """Of finding them."""

    @property
    def name(self) -> str:
        return self.sources[0].name


class _Found(Struct, frozen=True):
    """What stands at a path, before it is understood."""

    gateway: Gateway
    version: str
    """The one asked for; empty for the one that was measured."""
    wholes: tuple[_Whole, ...]
    plan: Mapping[str, Any]
    texts: Mapping[str, str]

    def config(self, whole: _Whole, report: Report) -> Config | None:
        sources = (*whole.sources, *whole.beside)
        moves = {source.key: source.move for source in sources if source.move is not None}
        found = Report()
        texts = {source.key: source.text() for source in sources}
        parsed = self.gateway.parse(texts, found, self.version)
        report.extend(whole.told)
        report.diagnostics += [finding for source in sources for finding in source.findings]
        report.diagnostics += moved_findings(found, moves)
        if parsed is None:
            return None
        return Config(
            self.gateway,
            moved(parsed, moves),
            self.plan.get("deployments", {}),
            self.plan.get("profile", {}),
            {source.file: self.text(source) for source in sources},
            texts,
            whole.name,
            is_whole=not moves and not (self.gateway.one_file and whole.sources[1:]),
            images=tuple(self.images()),
        )

    def text(self, source: Source) -> str:
        """Of the file that it stands in."""
        return source.text() if not source.path else self.texts[source.file]

    def images(self) -> Iterator[Image]:
        for file, text in self.texts.items():
            if any(name in text for name in self.gateway.images):
                for _, document in read_stream(text, file, Report()):
                    yield from images_in(document, self.gateway)


def _find(path: str, report: Report, token: str | None) -> _Found | None:
    path, key = divided(path)
    folder = Folder.of(path)
    texts = _texts(path)
    texts |= mounted(texts, folder, report)
    plan = _plan_json(Path(path)) if path != "-" else {}
    ours = {PLAN} if plan else set()  # it holds a Routing in our words, not a configuration
    sources = [
        s for file, text in texts.items() if file not in ours for s in sources_in(file, text)
    ]
    if key:
        sources = _chosen(sources, key, path)
    chosen = _of_plan(plan, sources) or _of_content(sources, token)
    if chosen is None:
        _tell_unreadable(sources, report)
        if not report.has_errors:
            report.add(NOT_A_CONFIG, Place(path), where=path)
        return None
    gateway, own = chosen
    wholes = tuple(_with_beside(whole, sources, gateway) for whole in _wholes(gateway, own, folder))
    _tell_of_others(sources, own, wholes[0].name, report)
    name, _, version = (token or str(plan.get("gateway", ""))).partition("@")
    version = version if name == gateway.name else ""
    if version != gateway.version:
        gateway.tell_unmeasured(version, report, Place(path))
    return _Found(gateway, version, wholes, plan, texts)


def _tell_of_others(sources: list[Source], own: list[Source], first: str, report: Report) -> None:
    """What files hold beside the configurations of the gateway that was chosen."""
    known = [source.value for source in own]
    for source in sources:
        title = next((g.title for g in GATEWAYS.values() if fits(g, source)), None)
        if title is not None and source.path and source.value not in known:
            report.add(SECOND, source.place, name=source.name, first=first, title=title)


def located(report: Report, path: str) -> Report:
    """Files of a folder by where they are from here, as editors and pull requests name them."""
    folder = Path(divided(path)[0])
    if not folder.is_dir():
        return report
    places = (replace(f.place, file=(folder / f.place.file).as_posix()) for f in report)
    return Report([replace(f, place=place) for f, place in zip(report, places, strict=True)])


def divided(path: str) -> tuple[str, str]:
    """`FILE#KEY` taken apart; a file whose own name has a `#` is a file."""
    if path == "-" or Path(path).exists():
        return path, ""
    cuts = [index for index, character in enumerate(path) if character == "#"]
    at = next((i for i in cuts if path[:i] == "-" or Path(path[:i]).exists()), None)
    return (path, "") if at is None else (path[:at], path[at + 1 :])


def _chosen(sources: list[Source], key: str, path: str) -> list[Source]:
    """By the key in a file; in a folder, by the file's path and the key."""
    chosen = [s for s in sources if key in (s.name, s.name.removeprefix(f"{path}#"))]
    if not chosen:
        known = ", ".join(source.name for source in sources)
        raise UsageError(f"{path} holds no configuration called {key}; there are: {known}")
    return chosen


def _texts(path: str) -> dict[str, str]:
    """Text by path, relative to the folder where `path` is one."""
    if path == "-":
        return {"-": sys.stdin.read()}
    root = Path(path)
    if not root.is_dir():
        return {path: read_text(root)}
    files = sorted(p for p in root.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
    if len(files) > _MOST_FILES:
        raise UsageError(f"{path} holds more than {_MOST_FILES} YAML and JSON files")
    return {p.relative_to(root).as_posix(): read_text(p) for p in files}


def _plan_json(path: Path) -> dict[str, Any]:
    folder = path if path.is_dir() else path.parent
    for candidate in (folder / PLAN, folder.parent / PLAN):
        try:
            content = json.loads(candidate.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read {candidate}: {error}") from error
        return content if isinstance(content, dict) and "routing" in content else {}
    return {}


def _of_plan(plan: Mapping[str, Any], sources: list[Source]) -> tuple[Gateway, list[Source]] | None:
    """The files of an emitted folder that its own gateway reads."""
    gateway = GATEWAYS.get(str(plan.get("gateway", "")).partition("@")[0])
    if gateway is None:
        return None
    own = [source for source in sources if not source.path and fits(gateway, source)]
    return (gateway, own) if own else None


def _of_content(sources: list[Source], token: str | None) -> tuple[Gateway, list[Source]] | None:
    """The gateway that recognises most of the sources, and those."""
    name = token.partition("@")[0] if token else None
    if name is not None and name not in GATEWAYS:
        raise UsageError(f"unknown gateway {name!r}; there are {', '.join(GATEWAYS)}")
    best: tuple[Gateway, list[Source]] | None = None
    for gateway in GATEWAYS.values() if name is None else [GATEWAYS[name]]:
        own = [source for source in sources if fits(gateway, source)]
        if own and (best is None or len(own) > len(best[1])):
            best = gateway, own
    if best is None and name is not None and len(sources) == 1:
        return GATEWAYS[name], sources
    return best


def _wholes(gateway: Gateway, own: list[Source], folder: Folder) -> tuple[_Whole, ...]:
    """The configurations that the sources are; files come before what stands inside others."""
    own = sorted(own, key=lambda source: bool(source.path))
    if not gateway.one_file:
        return (_Whole(tuple(own)),)
    known = {posixpath.normpath(source.key): source for source in own}
    wholes = []
    for source in own:
        told = Report()
        wholes.append(_Whole(with_included(source, known, gateway, folder, told), told=told))
    included = {source.key for whole in wholes for source in whole.sources[1:]}
    apart = tuple(whole for whole in wholes if whole.sources[0].key not in included)
    return apart or (wholes[0],)


def _with_beside(whole: _Whole, sources: Sequence[Source], gateway: Gateway) -> _Whole:
    """The files of the configuration's own folder that are read with it."""
    first = whole.sources[0]
    if gateway.beside is None or first.path:
        return whole
    beside = tuple(
        source
        for source in sources
        if not source.path
        and source not in whole.sources
        and posixpath.dirname(source.key) == posixpath.dirname(first.key)
        and gateway.beside(source.key, source.value)
    )
    return replace(whole, beside=beside)


def _tell_unreadable(sources: list[Source], report: Report) -> None:
    """When nothing was recognised, a syntax error is the likely cause."""
    for source in sources:
        for finding in source.unread:
            if finding.rule is UNREADABLE and "{{" in source.text():
                report.add(TEMPLATE, finding.place, problem=finding.message)
            else:
                report.diagnostics.append(finding)
