"""Gather the tables of evidence from an emitted folder."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from designer import __version__
from designer.catalog import Catalog
from designer.catalog.model import FACT_KEYS
from designer.check.files import linted
from designer.check.model import Subject, Wanted, text_of
from designer.check.paths import Path as Way
from designer.check.paths import alias_of, chosen, paths
from designer.check.properties import Examined, examine
from designer.diagnostics import Diagnostic, Report
from designer.emit import sha256
from designer.errors import UsageError
from designer.evidence.hide import Hide, hide_of
from designer.gateways.legalize import Loss
from designer.gateways.registry import GATEWAYS
from designer.load import PLAN, Config, load_config
from designer.planner.requirements import FACTS_OF_FRAMEWORK
from designer.profile.kept import read_kept
from designer.profile.load import LoadedProfile
from designer.profile.model import Compliance, Profile
from designer.profile.policy import policy_of
from designer.profile.positions import Positions

Row = tuple[str, ...]


class Table(Struct, frozen=True):
    name: str
    about: str
    columns: Row
    rows: tuple[Row, ...]


class Evidence(Struct, frozen=True):
    name: str
    gateway: str
    as_of: date
    provenance: tuple[tuple[str, str], ...]
    """What the folder was planned with, and what it is judged with."""
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


def gather(folder: Path, catalog: Catalog, as_of: date | None, report: Report) -> Evidence | None:
    """None, with findings, where the folder's configuration cannot be read.

    Raises UsageError where no plan was written into the folder.
    """
    content = _content(folder)
    profile = read_kept(content["profile"])
    config = load_config(str(folder), report)
    if config is None:
        return None
    subject = Subject(
        wanted=Wanted(PLAN),
        loaded=LoadedProfile(profile, Positions(), (PLAN,)),
        catalog=catalog,
        as_of=as_of or catalog.date,
        folder=folder,
        losses=tuple(_told(content)),
        config=config,
    )
    return Evidence(
        name=profile.name,
        gateway=str(content["gateway"]),
        as_of=subject.as_of,
        provenance=tuple(_provenance(content, catalog)),
        tables=tuple(_hidden(_tables(subject, config, content), hide_of(config))),
    )


def _hidden(tables: Iterable[Table], hide: Hide) -> Iterator[Table]:
    for table in tables:
        rows = tuple(tuple(map(hide, row)) for row in table.rows)
        yield replace(table, rows=rows)


def _content(folder: Path) -> dict[str, Any]:
    text = text_of(folder / PLAN)
    if text is None:
        raise UsageError(
            f"{folder} holds no {PLAN}: evidence is about a folder that plan has written"
        )
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UsageError(f"cannot read {folder / PLAN}: {error}") from error
    missing = [key for key in _NEEDED if not isinstance(content, dict) or key not in content]
    if missing:
        raise UsageError(f"{folder / PLAN} has no {', '.join(missing)}")
    return dict(content)


_NEEDED = (
    *("gateway", "routing", "deployments", "decision"),
    *("findings", "provenance", "profile", "files"),
)


def _told(content: Mapping[str, Any]) -> Iterator[Loss]:
    """The losses that the plan told, as what the gateway's own table says of them."""
    name = str(content["gateway"]).partition("@")[0]
    lacks = {lack.feature.name: lack for lack in GATEWAYS[name].lacks} if name in GATEWAYS else {}
    for verdict in content["decision"]["gateway"]:
        for loss in verdict["losses"] if verdict["gateway"] == name else ():
            if loss["feature"] in lacks:
                yield lacks[loss["feature"]], tuple(loss["at"])


def _provenance(content: Mapping[str, Any], catalog: Catalog) -> Iterator[tuple[str, str]]:
    planned = content["provenance"]
    yield "planned by designer", str(planned["designer"])
    yield "planned with the catalog of", str(planned["catalog"])
    yield "judged by designer", __version__
    yield "judged with the catalog of", str(catalog.date)


# --- The tables -----------------------------------------------------------------------------------


def _tables(subject: Subject, config: Config, content: Mapping[str, Any]) -> Iterator[Table]:
    listed = paths(subject.loaded, config, content, subject.catalog, subject.as_of)
    known = chosen(subject.loaded, config, content, subject.catalog)
    examined = examine(subject, known)
    verdicts = tuple(_verdicts(listed))
    yield Table(
        "paths",
        "Every way from a route to a deployment, as the files say it.",
        ("route", "position", "deployment", "provider", "model", "region", "residency", "account"),
        tuple(_paths(listed)),
    )
    yield Table(
        "facts",
        "What is known of each path, with source, day of observation, expiry and agreement.",
        (
            *("route", "deployment", "fact", "required", "value", "condition", "source"),
            *("observed_on", "expires_on", "grade", "agreement", "agreement_until"),
        ),
        tuple(_facts(listed, subject)),
    )
    yield Table(
        "verdicts",
        "Each requirement of the profile on each path: holds, obtain, fails or inconclusive.",
        ("route", "deployment", "key", "requirement", "verdict", "reason", "source"),
        verdicts,
    )
    yield Table(
        "properties",
        f"What the profile implies under every single failure, in {examined.plays} plays of the text.",
        ("route", "property", "verdict", "found", "instead"),
        tuple((p.route, p.name, p.verdict, p.found, p.instead) for p in examined.judged),
    )
    yield Table(
        "inconclusive",
        "What is not shown: nothing here may be taken to be well.",
        ("what", "why"),
        tuple(_inconclusive(verdicts, examined, config)),
    )
    yield Table(
        "losses",
        "What each gateway cannot do of what the profile asks for, and what happens instead.",
        ("gateway", "chosen", "feature", "instead", "refused", "at", "source"),
        tuple(_losses(content)),
    )
    yield Table(
        "files",
        "The files that plan has written, and what they are now.",
        ("path", "sha256_planned", "sha256_now", "verdict"),
        tuple(_files(subject.folder, content)),
    )
    yield Table(
        "findings",
        "What the plan, lint and the plays of single failures found.",
        ("phase", "code", "severity", "place", "message", "instead"),
        (
            *(_finding("plan", one) for one in content["findings"]),
            *_findings("lint", linted(subject).findings),
            *_findings("single failures", examined.findings),
        ),
    )


def _paths(listed: Iterable[Way]) -> Iterator[Row]:
    positions: dict[str, int] = {}
    for path in listed:
        positions[path.route] = positions.get(path.route, 0) + 1
        deployment, candidate = path.deployment, path.candidate
        named = (path.route, str(positions[path.route]), deployment.id)
        if candidate is None:
            region = deployment.region or ""
            yield (*named, deployment.provider, deployment.model, region, "unknown", "unknown")
        else:
            offering = candidate.offering
            region = candidate.region or offering.region
            owner = (offering.residency, candidate.account.name)
            yield (*named, offering.provider, offering.model, region, *owner)


def _facts(listed: Iterable[Way], subject: Subject) -> Iterator[Row]:
    profile = subject.loaded.profile
    for path in listed:
        required = _required(profile, path.route)
        for key in FACT_KEYS:
            asked = "yes" if key in required else "no"
            yield (path.route, path.deployment.id, key, asked, *_fact(path, key, subject))


def _required(profile: Profile, route: str) -> set[str]:
    alias = alias_of(route, [workload.alias for workload in profile.workloads])
    if not alias:
        return set()
    compliance: Compliance = policy_of(profile, profile.workload(alias)).compliance
    found = {fact for name in compliance.frameworks for fact in FACTS_OF_FRAMEWORK[name]}
    found |= {"zero_retention"} if compliance.retention == "zero" else set()
    return found | ({"no_training"} if compliance.training == "forbid" else set())


def _fact(path: Way, key: str, subject: Subject) -> Row:
    candidate = path.candidate
    if candidate is None:
        return ("unknown", "the deployment is not what the plan chose", *("",) * 6)
    fact = subject.catalog.fact(candidate.offering, key, subject.as_of)
    signed = [one for one in candidate.account.settings.agreements if one.kind == key]
    return (
        fact.value,
        fact.condition,
        fact.source,
        _day(fact.observed_on),
        _day(fact.expires_on),
        fact.grade,
        ", ".join(one.ref or one.kind for one in signed),
        ", ".join(_day(one.until) or "no end" for one in signed),
    )


def _day(day: date | None) -> str:
    return day.isoformat() if day is not None else ""


def _verdicts(listed: Iterable[Way]) -> Iterator[Row]:
    for path in listed:
        for requirement, verdict in path.verdicts():
            named = (path.route, path.deployment.id, requirement.key, requirement.says)
            if verdict is None:
                why = "the deployment is not what the plan chose"
                yield (*named, "inconclusive", why, "")
            else:
                said = "obtain" if verdict.obtain else "holds" if verdict.holds else "fails"
                yield (*named, said, verdict.obtain or verdict.reason, verdict.source)


def _losses(content: Mapping[str, Any]) -> Iterator[Row]:
    name = str(content["gateway"]).partition("@")[0]
    for verdict in content["decision"]["gateway"]:
        for loss in verdict["losses"]:
            yield (
                verdict["gateway"],
                _yes(verdict["gateway"] == name),
                loss["feature"],
                loss["instead"],
                _yes(loss["refused"]),
                ", ".join(loss["at"]),
                loss["source"],
            )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _files(folder: Path, content: Mapping[str, Any]) -> Iterator[Row]:
    planned = content["files"]
    for path, hash_ in planned.items():
        text = text_of(folder / path)
        now = "" if text is None else sha256(text)
        verdict = "missing" if not now else "as written" if now == hash_ else "changed by hand"
        yield path, hash_, now, verdict
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        path = file.relative_to(folder).as_posix()
        if path not in planned:
            own = path == PLAN
            now = sha256(text_of(file) or "") if own else ""
            yield path, "", now, "the record itself" if own else "not written by plan"


def _findings(phase: str, found: Sequence[Diagnostic]) -> Iterator[Row]:
    return (_finding(phase, finding.as_json()) for finding in found)


def _finding(phase: str, said: Mapping[str, Any]) -> Row:
    place = f"{said['file']}:{said['line']}:{said['column']}" if said["line"] else said["path"]
    where = place or said["file"]
    return phase, said["code"], said["severity"], where, said["message"], said["instead"]


def _inconclusive(verdicts: Iterable[Row], examined: Examined, config: Config) -> Iterator[Row]:
    for route, deployment, _, requirement, verdict, reason, _ in verdicts:
        if verdict == "inconclusive":
            yield f"{route}: {deployment}: {requirement}", reason
    for one in examined.judged:
        if one.verdict == "inconclusive":
            yield f"{one.route}: {one.name} under single failures", one.found
    parsed = config.parsed
    for setting in parsed.not_analysed:
        yield setting, "nothing is known of this setting"
    for setting in parsed.unmodelled:
        yield setting, "checked only: plays behave as if the setting were not there"
    for what in (parsed.semantics.doubt, *parsed.semantics.assumptions):
        if what:
            yield parsed.gateway, f"assumed: {what}"
