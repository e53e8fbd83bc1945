"""Derive a profile from a configuration, and see that its plan routes alike.

The profile asks for as many routes as the planner makes the same of; the others are given. It is
planned again with fewer until what the emitted files mean is what the configuration means.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError

from designer.adopt import litellm
from designer.adopt.compare import differing, without_secrets
from designer.adopt.draft import Draft, guessed_task
from designer.adopt.secrets import Replaced, Secrets
from designer.adopt.write import written
from designer.catalog import Catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Path, dotted, read_yaml
from designer.emit import render
from designer.gateways.base import Parsed
from designer.gateways.litellm.lower import CONFIG as LITELLM_CONFIG
from designer.gateways.litellm.tables import PREFIX
from designer.gateways.portkey_config.providers import SPELLED
from designer.ir import Routing, deployments_of
from designer.load import Config
from designer.plan import Plan
from designer.planner.lock import Lock
from designer.profile.load import LoadedProfile, load_profile
from designer.profile.model import Workload
from designer.profile.secrets import hide_secrets

SECRET_LEFT_OUT = Rule(
    "ADP701",
    Severity.WARNING,
    "{setting} looks like a secret and is not copied",
    "A profile is for version control, and no secret belongs there; this one stands in plain text in "
    "the configuration as well.",
    instead="the environment variable {variable} is named in its place",
    help="put the secret into that variable, and change it if others could read the file",
)
UNNAMED = Rule(
    "ADP702",
    Severity.INFO,
    "{count} routes have names that no alias can have, or are more than a profile lists: {listed}",
    "An alias has 200 characters at most and none that are invisible; a profile has 200 workloads.",
    instead="they are carried in `passthrough` without a workload of their own",
)
NOT_ADOPTED = Rule(
    "ADP703",
    Severity.ERROR,
    "no profile can be derived that routes as this configuration does: {why}",
    "The derived profile was planned, and its plan would behave otherwise.",
    instead="nothing is written",
    help="keep the configuration, or start from `designer init` without --from",
)

MOST_WORKLOADS = 200
MOST_LISTED = 3


class Adopted(Struct, frozen=True):
    text: str
    """Of the profile."""
    settings: int
    carried: int
    """Settings that stand in `passthrough`; the others are said in the profile's own words."""
    plan: Plan


def adopt(
    config: Config, source: str, catalog: Catalog, report: Report, version: str = ""
) -> Adopted | None:
    """None, with a finding, where no profile means the same. `source` names the configuration, and
    `version` that of its gateway, where it is not the measured one."""
    return _Adoption(config, source, catalog, report, version).adopted()


class _Adoption:
    def __init__(
        self, config: Config, source: str, catalog: Catalog, report: Report, version: str
    ) -> None:
        self.config = config
        self.version = version or config.gateway.version
        self.source = source
        self.catalog = catalog
        self.report = report
        passthrough = config.gateway.passthrough
        self.secrets = Secrets(passthrough.reference, _customary(catalog))
        carried = passthrough.carry(config.parsed)
        self.section: Mapping[str, Any] = self.secrets.taken_out(carried)

    def adopted(self) -> Adopted | None:
        parsed = self.meaning()
        if parsed is None:
            return self.fail("the configuration cannot be carried")
        self.config = replace(self.config, parsed=parsed)
        named = [name for name in self.names() if is_alias(name)][:MOST_WORKLOADS]
        if not named:
            return self.fail("it has no route that a workload could be named after")
        if len(named) < len(self.names()) and not self.carries_any:
            return self.fail("a file of it is for a route that no workload could be named after")
        planned = self.groups()
        while True:
            made = self.attempt(planned)
            if isinstance(made, Adopted):
                self.tell_secrets()
                self.tell_unnamed()
                return made
            if not planned:
                return self.fail(made.why)
            planned = [group for group in planned if group.alias not in made.routes]

    def fail(self, why: str) -> Adopted | None:
        self.report.add(NOT_ADOPTED, Place(self.source), why=hide_secrets(why))
        return None

    def meaning(self) -> Parsed | None:
        """Of the configuration with its secrets replaced; None where that changed anything else."""
        gateway, before = self.config.gateway, self.config.parsed.routing
        aliases = {route.name: True for route in before.routes}
        placed = gateway.passthrough.place(self.section, aliases)
        texts = {p.file.path: render(gateway.folder, p.file) for p in placed}
        parsed = gateway.parse(texts, Report(), self.version)
        if parsed is None or differing(before, without_secrets(parsed.routing, before)):
            return None
        return parsed

    @property
    def carries_any(self) -> bool:
        """Whether the section holds routes without an alias: one that is a single file does."""
        placed = self.config.gateway.passthrough.place(self.section, {})
        return any(part.key is None for part in placed)

    def groups(self) -> list[litellm.Group]:
        """What may be planned: only LiteLLM's groups are what a workload can ask for."""
        if self.config.gateway.name != "litellm":
            return []
        return list(litellm.groups(self.config, self.catalog))

    # --- One attempt ------------------------------------------------------------------------------

    def attempt(self, planned: Sequence[litellm.Group]) -> "Adopted | _Refused":
        draft = self.draft(planned)
        total, carried = _leaves(self.section), _leaves(draft.section) - draft.added
        name = _profile_name(self.source)
        token = {"use": self.config.gateway.name, "version": self.version}
        text = written(draft, token, name, self.source, (total, carried))
        silent = Report()
        loaded = load_profile("-", text, report=silent)
        if loaded is None:
            return _Refused(_why(silent), _everything(planned))
        passed = loaded.profile.passthrough.get(self.config.gateway.name, {})
        if passed != draft.section:
            return _Refused("a setting does not survive being written down", _everything(planned))
        plan = compile_profile(loaded, self.catalog, Lock(), Options(), silent)
        if plan is None or silent.has_errors:
            return _Refused(_why(silent), _blamed(silent, loaded) or _everything(planned))
        wrong = self.wrong(plan, planned)
        if wrong:
            listed = ", ".join(sorted(wrong)[:MOST_LISTED])
            inner = wrong & {group.alias for group in planned}
            return _Refused(f"its plan differs in {listed}", inner or _everything(planned))
        return Adopted(text, total, carried, plan)

    def wrong(self, plan: Plan, planned: Sequence[litellm.Group]) -> set[str]:
        before = self.config.parsed.routing
        if not planned:
            return differing(before, plan.routing)
        ids = litellm.made_up_ids(before, self.section)
        document = read_yaml(plan.texts[LITELLM_CONFIG], LITELLM_CONFIG, Report(), version="1.1")
        made = document.value if document is not None else {}
        lost = {
            group.alias
            for group in planned
            if litellm.loses(
                litellm.entries(self.section, group.alias), litellm.entries(made, group.alias)
            )
        }
        return differing(before, plan.routing, ids) | lost

    def draft(self, planned: Sequence[litellm.Group]) -> Draft:
        if planned:
            draft = litellm.draft(self.config, self.section, planned, self.catalog)
        else:
            draft = Draft(workloads=(), section=self.section)
        asked = {str(workload["alias"]): workload for workload in draft.workloads}
        aliases = [n for n in self.names() if n in asked or is_alias(n)][:MOST_WORKLOADS]
        workloads = tuple(asked.get(alias) or self.given(alias) for alias in aliases)
        notes = {
            f"workloads[{index}].given": _deployments(self.config.parsed.routing, alias)
            for index, alias in enumerate(aliases)
            if alias not in asked
        }
        return replace(draft, workloads=workloads, notes=notes | self.secret_notes(draft.section))

    def names(self) -> list[str]:
        return [route.name for route in self.config.parsed.routing.routes]

    def given(self, alias: str) -> dict[str, Any]:
        routing = self.config.parsed.routing
        models = [routing.deployment(i).model for i in deployments_of(routing.route(alias).node)]
        embeds = routing.route(alias).embeds
        task = "embed" if embeds else guessed_task(alias, *models)
        return {"alias": alias, "task": task, "given": True}

    # --- What is told -----------------------------------------------------------------------------

    def secret_notes(self, section: Mapping[str, Any]) -> dict[str, str]:
        """At what is carried; an account that is described says the name itself."""
        above = f"passthrough.{self.config.gateway.name}"
        return {
            f"{above}.{dotted(path)}": "was written out in the configuration"
            for path in _paths(section)
            if _at(section, path) in {self._named(secret) for secret in self.secrets.found}
        }

    def _named(self, secret: Replaced) -> str:
        return self.config.gateway.passthrough.reference.format(secret.variable)

    def tell_secrets(self) -> None:
        for secret in self.secrets.found:
            place = Place(self.source, path=hide_secrets(dotted(secret.path)))
            self.report.add(
                SECRET_LEFT_OUT,
                place,
                setting=hide_secrets(dotted(secret.path)),
                variable=secret.variable,
            )

    def tell_unnamed(self) -> None:
        names = self.names()
        named = [name for name in names if is_alias(name)][:MOST_WORKLOADS]
        left = [name for name in names if name not in named]
        if left:
            listed = ", ".join(map(ascii, left[:MOST_LISTED]))
            self.report.add(UNNAMED, Place(self.source), count=len(left), listed=listed)


class _Refused(Struct, frozen=True):
    """Why an attempt failed, and the routes that are not to be planned in the next."""

    why: str
    routes: frozenset[str] | set[str]


def _everything(planned: Iterable[litellm.Group]) -> set[str]:
    """Chains of several go first: a plan of single deployments fails for fewer reasons."""
    several = {group.alias for group in planned if len(group.deployments) > 1}
    return several or {group.alias for group in planned}


def _blamed(report: Report, loaded: LoadedProfile) -> set[str]:
    """The workloads that errors point at."""
    errors = report.at_or_above(Severity.ERROR)
    numbers = (re.match(r"workloads\[(\d+)\]", finding.place.path) for finding in errors)
    return {loaded.profile.workloads[int(found[1])].alias for found in numbers if found}


def _why(report: Report) -> str:
    errors = report.at_or_above(Severity.ERROR)
    return errors[0].message if errors else "it cannot be planned"


def _customary(catalog: Catalog) -> dict[str, str]:
    """The variable of a provider's key, by each gateway's name for the provider."""
    found = {}
    for provider in catalog.providers.values():
        for name in (provider.id, PREFIX.get(provider.id), SPELLED.get(provider.id)):
            if name is not None and provider.secrets:
                found[name] = provider.secrets[0]
    return found


def is_alias(name: str) -> bool:
    try:
        Workload.model_validate({"alias": name, "task": "chat"})
    except ValidationError:
        return False
    return True


def _profile_name(source: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(source).stem).strip("._-")[:63]
    return plain or "adopted"


def _deployments(routing: Routing, alias: str) -> str:
    own = [routing.deployment(id_) for id_ in deployments_of(routing.route(alias).node)]
    names = (d.model if d.model.startswith(d.provider) else f"{d.provider}/{d.model}" for d in own)
    return ", ".join(dict.fromkeys(name.removesuffix("/") for name in names))


def _paths(value: Any, path: Path = ()) -> Iterable[Path]:
    match value:
        case Mapping() if value:
            for key, item in value.items():
                yield from _paths(item, (*path, key))
        case list() if value:
            for index, item in enumerate(value):
                yield from _paths(item, (*path, index))
        case _:
            yield path


def _leaves(section: Any) -> int:
    return sum(1 for path in _paths(section) if path)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value if isinstance(value, str) else None
