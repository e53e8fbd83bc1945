"""The whole pipeline as one function: profile → chains → gateway → files, nothing written.

`compile_profile` returns a `Plan` or None; everything it noticed is in the report. Writing the
folder is `write_plan`, so that `--no-write`, tests and other tools can stop before it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from designer.catalog import Catalog
from designer.diagnostics import Diagnostic, Place, Report, Rule, Severity
from designer.emit import Written, render, sha256, write_folder
from designer.errors import UsageError
from designer.files import write_atomically
from designer.gateways.base import File, Gateway
from designer.gateways.registry import GATEWAYS
from designer.gateways.releases import problem
from designer.ir import Routing, deployments_of
from designer.load import PLAN
from designer.origin import origin_of, with_origin
from designer.passthrough import Source, with_passthrough
from designer.plan import Plan, as_json, documents
from designer.planner.accounts import Candidate, accounts, candidates, with_own_models
from designer.planner.acts import ACTS, acts_on
from designer.planner.ahead import NewPrice, ahead
from designer.planner.capacity import Load, must_carry, with_load
from designer.planner.chain import Bounds, Chosen, Variant, choose_chain
from designer.planner.choose import Verdict, compare
from designer.planner.examples import try_examples
from designer.planner.forecast import CacheMode, Course, bill, course, forecast
from designer.planner.lock import Lock, lock_path, lock_text, read_lock
from designer.planner.requirements import (
    PEAK,
    PRICE,
    Conflict,
    cost_per_request_usd,
    requirements,
)
from designer.planner.routing import CARRIED, build_routing, terms
from designer.planner.timeouts import DEADLINE, TIMEOUT
from designer.planner.variants import arms, regions
from designer.primary import Primary, primaries
from designer.profile.load import LoadedProfile
from designer.profile.model import Profile, Workload
from designer.profile.policy import loosenings, policy_of
from designer.validate import check_files, read_back

INFEASIBLE = Rule(
    "PLN102",
    Severity.ERROR,
    "nothing meets the requirements of {alias} together: {says}",
    "The requirements listed are the smallest set that cannot be met together; leaving out any one "
    "of them is enough.",
    help="{relax}",
)
NO_GATEWAY = Rule(
    "PLN103",
    Severity.ERROR,
    "{gateway} cannot serve this profile: {why}",
    "The gateway breaks something that the profile insists on.",
    help="choose another (`gateway: {{use: auto}}`) or relax the requirement",
)
NOT_HONOURED = Rule(
    "PLN104",
    Severity.WARNING,
    "{key} is not yet honoured for {gateway}",
    "The key was read and checked, and is kept in plan.json, but nothing in the emitted files acts on "
    "it yet.",
    instead="the emitted configuration behaves as if the key were not there",
)
DOUBT = Rule(
    "PLN105", Severity.WARNING, "{alias}: {doubt}", "Found while the chain was chosen, from priors."
)
OBTAIN = Rule(
    "PLN106",
    Severity.WARNING,
    "obtain before go-live: {what}",
    "The provider offers it, but the profile names no signed agreement. `designer check` will insist.",
    help="once signed, list it under the account's `agreements`",
)
BETTER = Rule(
    "PLN107",
    Severity.INFO,
    "{alias}: {better} would be preferred now to {locked}: {money}",
    "designer.lock keeps the choices of an earlier plan while they are feasible; catalogs change.",
    instead="the locked choice stays",
    help="designer plan --replan {alias}",
)
BETTER_GATEWAY = Rule(
    "PLN108",
    Severity.INFO,
    "{better} would be preferred now to {locked}: it weighs {less:,} USD/month less",
    "designer.lock keeps the gateway of an earlier plan while it will do; what gateways lack and cost "
    "changes. The weights are those of the report: losses, operations, and running it.",
    instead="the locked gateway stays",
    help="designer plan --replan",
)
OVER_BUDGET = Rule(
    "PLN109",
    Severity.WARNING,
    "the forecast of {low:,.0f}–{high:,.0f} USD/month goes beyond the budget of {budget}",
    "The forecast is a prior: the profile's traffic at list prices, with a band for both.",
    instead="a forecast stops nothing; where the gateway does not either, a loss above says so",
    help="choose cheaper models, or limit spending at the providers",
)
GIVEN = Rule(
    "PLN114",
    Severity.WARNING,
    "given by `passthrough`: not checked here: {unchecked}",
    "A route that the profile passes through is the gateway's own configuration: the planner chose "
    "none of its deployments, so no requirement was held against them and nothing is forecast.",
    instead="the route does what `passthrough` says",
    help="take `given` out, and the planner chooses",
)
NOT_GIVEN = Rule(
    "PLN115",
    Severity.ERROR,
    "there is no route for {alias} in what {gateway} will understand",
    "A workload that is `given` needs its route in `passthrough`, under the gateway that is written for.",
    instead="nothing is written",
    help="pass the route through, or take `given` out",
)
CHANGED = Rule(
    "PLN116",
    Severity.WARNING,
    "`passthrough` changes what happens to requests for {alias}",
    "What is passed through adds to the planned route: other fallbacks, limits or deployments. What the "
    "planner promised holds for its own part only; simulations see the whole.",
)
NOT_ANALYSED = Rule(
    "PLN117",
    Severity.INFO,
    "{count} settings are passed through and not analysed: {listed}",
    "The gateway reads them; this program's model of it does not cover them.",
    instead="simulations behave as if they were not there",
)
BAD_RELEASE = Rule(
    "PLN118",
    Severity.ERROR,
    "{token} is not to be run: {what} ({source})",
    "Some releases are known to be malware, open to attack, withdrawn or not finished. A plan for one would "
    "be followed.",
    instead="nothing is written",
    help="the nearest good release is {good}",
    source="https://github.com/BerriAI/litellm/issues/24512, OSV MAL-2026-2144, "
    "https://github.com/BerriAI/litellm-docs/pull/273 and PyPI, read 2026-11-22",
)
RETIRES = Rule(
    "PLN130",
    Severity.WARNING,
    "{alias}: {deployment} retires on {on}; {then}",
    "The catalog has the day that the provider has announced; after it requests fail.",
    help="plan again before that day; `designer catalog show` has the source",
)
NEW_PRICE = Rule(
    "PLN131",
    Severity.WARNING,
    "{alias}: the price of {deployment} that was planned with holds from {on} only",
    "A price that is announced for a later day: until then another one is paid.",
    instead="the forecast uses the announced price from the start",
)
MOST_LISTED = 5
"""Settings that one message names; REPORT.md has all."""


class Options(Struct, frozen=True):
    """What the command line can ask of a plan."""

    gateway: str | None = None
    """A token, with or without a version; None is the profile's own choice."""
    replan: frozenset[str] | None = frozenset()
    """Aliases whose locked choice is reconsidered; None means all."""
    as_of: date | None = None
    """Which facts count; None is the catalog's date."""
    until: date | None = None
    """How far ahead announced retirements and prices are told; None tells none."""


class Decision(Struct, frozen=True):
    """What is chosen, before anything is written."""

    catalog: Catalog
    """With the models that accounts describe themselves."""
    pool: tuple[Candidate, ...]
    chains: tuple[Chosen, ...]
    ideal: Routing
    """What the profile asks for, before any gateway's limits."""
    verdicts: tuple[Verdict, ...]
    """Every gateway, the best first."""
    verdict: Verdict | None
    """Of the chosen one; None where no gateway will do, and the report says why."""


def decide(
    loaded: LoadedProfile, catalog: Catalog, lock: Lock, options: Options, report: Report
) -> Decision | None:
    """None where an alias has no chain; the report says which requirements conflict."""
    own = accounts(loaded, catalog, report)
    if report.has_errors:
        return None
    catalog = with_own_models(catalog, own)
    pool = tuple(candidate for account in own for candidate in candidates(account, catalog))
    chains = _choose_chains(loaded, catalog, pool, lock, options, report)
    if chains is None:
        return None
    ideal = build_routing(loaded.profile, chains, catalog)
    verdicts = compare(loaded.profile, ideal, chains, options.as_of or catalog.date)
    verdict = _choose_gateway(loaded, verdicts, lock, options, report)
    return Decision(catalog, pool, tuple(chains), ideal, tuple(verdicts), verdict)


def compile_profile(
    loaded: LoadedProfile, catalog: Catalog, lock: Lock, options: Options, report: Report
) -> Plan | None:
    decision = decide(loaded, catalog, lock, options, report)
    if decision is None or decision.verdict is None:
        return None
    profile, catalog = loaded.profile, decision.catalog
    chains, verdict = decision.chains, decision.verdict
    gateway = verdict.gateway
    version = _version(profile, gateway, options)
    if _is_refused(loaded, gateway, version, report):
        return None
    try_examples(loaded, decision.ideal, gateway, report)
    if report.has_errors:
        return None
    report.extend(verdict.report)
    _tell_given(loaded, catalog, options.as_of or catalog.date, report)
    _tell_ahead(loaded.profile, decision, options, report)
    plan = Plan(
        profile=profile,
        gateway=gateway,
        routing=verdict.legal,
        terms=terms(chains, catalog),
        chains=chains,
        forecasts={
            c.workload.alias: forecast(
                c.workload, c.rungs, catalog, _course(profile, c, decision.ideal, verdict.legal)
            )
            for c in chains
        },
        verdicts=decision.verdicts,
        loosened=tuple(
            f"{item.workload}: {item.key} is {item.here} instead of {item.profile}"
            for item in loosenings(profile)
        ),
        not_honoured=tuple(_not_honoured(loaded, gateway, report)),
        report=report,
        texts={},
        version=version,
    )
    for what in plan.obtain:
        report.add(OBTAIN, what=what)
    if plan.version != gateway.version:
        gateway.tell_unmeasured(plan.version, report, loaded.positions.place("gateway"))
    _check_budget(loaded, plan, report)
    files: tuple[File, ...] = ()
    if plan.chains:
        files = gateway.lower(plan.routing, plan.terms)
        texts = {file.path: render(gateway.folder, file) for file in files}
        check_files(gateway, plan.routing, files, texts, report)
    if profile.passthrough.get(gateway.name):
        passed = _pass_through(loaded, plan, files, report)
        if passed is None:
            return None
        plan, files = passed
    _leave_out_ignored(profile, options.as_of or catalog.date, report)
    artefacts = gateway.artefacts(plan.routing, plan.terms, profile.name, files)
    plan = replace(plan, files=files, artefacts=artefacts)
    return replace(plan, texts=_emit(plan, catalog))


def _tell_ahead(profile: Profile, decision: Decision, options: Options, report: Report) -> None:
    if options.until is None:
        return
    span = (options.as_of or decision.catalog.date, options.until)
    for chosen in decision.chains:
        bounds = bounds_of(profile, decision, chosen)
        for event in ahead(chosen, decision.pool, decision.catalog, bounds, span):
            said: dict[str, Any] = {
                "alias": event.alias,
                "deployment": event.deployment,
                "on": event.on,
            }
            if isinstance(event, NewPrice):
                report.add(NEW_PRICE, **said)
                continue
            chain = " → ".join(map(str, event.instead))
            report.add(RETIRES, **said, then=f"then: {chain}" if chain else "nothing replaces it")


def _course(profile: Profile, chosen: Chosen, ideal: Routing, legal: Routing) -> Course:
    """With the cache that the gateway really gives the route."""
    workload = chosen.workload
    modes: list[CacheMode] = [c.mode for c in legal.caches if c.covers(workload.alias)]
    limits_s = [ideal.deployment(chosen.id_of(rung)).timeout_s for rung in chosen.rungs]
    return course(policy_of(profile, workload), limits_s, modes[0] if modes else "off")


def _tell_given(loaded: LoadedProfile, catalog: Catalog, as_of: date, report: Report) -> None:
    for index, workload in enumerate(loaded.profile.workloads):
        if workload.given:
            asked = requirements(loaded, workload, index, catalog, as_of)
            unchecked = ", ".join(dict.fromkeys(r.says for r in asked if r.key != "alias"))
            place = loaded.positions.place(f"workloads[{index}].given")
            report.add(GIVEN, place, unchecked=unchecked)


def _pass_through(
    loaded: LoadedProfile, plan: Plan, files: Sequence[File], report: Report
) -> tuple[Plan, tuple[File, ...]] | None:
    """The plan as its files mean it once the profile's own settings are merged in."""
    gateway, profile, planned = plan.gateway, plan.profile, plan.routing
    source = Source(
        section=profile.passthrough[gateway.name],
        aliases={workload.alias: workload.given for workload in profile.workloads},
        place=loaded.positions.place,
        path=f"passthrough.{gateway.name}",
    )
    whole = with_passthrough(gateway, files, source, report)
    if report.has_errors:
        return None
    texts = {file.path: render(gateway.folder, file) for file in whole}
    meaning = read_back(gateway, whole, texts, report, plan.version)
    if meaning is None:
        return None
    _compare_planned(loaded, planned, meaning.routing, gateway, report)
    if meaning.not_analysed:
        few = ", ".join(meaning.not_analysed[:MOST_LISTED])
        more = len(meaning.not_analysed) - MOST_LISTED
        listed = f"{few} and {more} more" if more > 0 else few
        place = loaded.positions.place(source.path)
        report.add(NOT_ANALYSED, place, count=len(meaning.not_analysed), listed=listed)
    terms = {**meaning.terms, **plan.terms}
    passed = replace(
        plan,
        routing=replace(meaning.routing, rollout=planned.rollout),  # no file of the gateway says it
        terms=terms,
        unmodelled=meaning.unmodelled,
        not_analysed=meaning.not_analysed,
    )
    return passed, whole


def _compare_planned(
    loaded: LoadedProfile, planned: Routing, meant: Routing, gateway: Gateway, report: Report
) -> None:
    for index, workload in enumerate(loaded.profile.workloads):
        alias, place = workload.alias, loaded.positions.place(f"workloads[{index}].alias")
        if not meant.has_route(alias):
            report.add(NOT_GIVEN, place, alias=alias, gateway=gateway.title)
        elif not workload.given and _of_route(planned, alias) != _of_route(meant, alias):
            report.add(CHANGED, place, alias=alias)


def _of_route(routing: Routing, alias: str) -> tuple[Any, ...]:
    route = routing.route(alias)
    rails = tuple(rail.name for rail in routing.guardrails if rail.covers(route.name))
    return route, [routing.deployment(id_) for id_ in deployments_of(route.node)], rails


def _check_budget(loaded: LoadedProfile, plan: Plan, report: Report) -> None:
    """The whole profile's forecast against `cost.monthly_budget`."""
    budget = plan.profile.cost.monthly_budget
    month = bill(plan.forecasts)
    if budget is not None and month.high > budget.usd:
        place = loaded.positions.place("cost.monthly_budget")
        report.add(OVER_BUDGET, place, low=month.low, high=month.high, budget=budget)


def _leave_out_ignored(profile: Profile, as_of: date, report: Report) -> None:
    """Findings that the profile's `ignore` accepts, up to the day it says; never errors."""
    rules = [rule for rule in profile.ignore if rule.until is None or rule.until >= as_of]

    def is_accepted(finding: Diagnostic) -> bool:
        where = finding.place.file or finding.place.path
        return finding.severity is not Severity.ERROR and any(
            rule.code == finding.code and fnmatchcase(where, rule.at.replace("**", "*"))
            for rule in rules
        )

    report.diagnostics[:] = [finding for finding in report if not is_accepted(finding)]


def write_plan(
    plan: Plan, folder: Path, report: Report, overwrite: bool = False, files: Sequence[str] = ()
) -> Written | None:
    """`files` is what the profile was read from. Raises UsageError where the folder cannot be written.
    None: a hand-edited file is in the way."""
    earlier = earlier_hashes(folder)
    texts = dict(plan.texts)
    if files:
        texts[PLAN] = with_origin(texts[PLAN], origin_of(files, folder))
    return write_folder(folder, texts, earlier, report, overwrite)


def write_lock(plan: Plan, profile_path: Path, catalog: Catalog) -> None:
    path = lock_path(profile_path)
    text = lock_text(path, plan.profile.name, plan.gateway.name, plan.chains, str(catalog.date))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)


def lock_for(profile_path: Path, name: str, report: Report) -> Lock:
    return read_lock(lock_path(profile_path), name, report)


# --- Chains ---------------------------------------------------------------------------------------


def _choose_chains(
    loaded: LoadedProfile,
    catalog: Catalog,
    pool: Sequence[Candidate],
    lock: Lock,
    options: Options,
    report: Report,
) -> list[Chosen] | None:
    domains = sorted({candidate.offering.failure_domain for candidate in pool})
    as_of = options.as_of or catalog.date
    chains, load = [], Load()
    for index, workload in enumerate(loaded.profile.workloads):
        if workload.given or workload.route_by is not None:
            continue  # its files come with the profile, or it only passes on to others
        wanted = requirements(loaded, workload, index, catalog, as_of)
        reconsidered = options.replan is None or workload.alias in options.replan
        locked = () if reconsidered else lock.chains.get(workload.alias, ())
        scopes = lock.offerings.get(workload.alias, ())
        places = {
            PEAK: loaded.positions.place(f"workloads[{index}].{PEAK}"),
            PRICE: loaded.positions.place(PRICE),
            **_limits(loaded, index),
        }
        bounds = replace(_bounds(loaded.profile, workload, load), places=places)
        chosen = choose_chain(workload, pool, wanted, catalog, locked, bounds, scopes)
        if isinstance(chosen, Conflict):
            _tell_conflict(chosen, report)
            continue
        load = with_load(load, workload, chosen.rungs, domains)
        for doubt in chosen.warnings:
            place = loaded.positions.place(f"workloads[{index}].alias")
            if doubt == chosen.late:
                place = places.get(DEADLINE) or places.get(TIMEOUT) or place
            report.add(DOUBT, place, alias=workload.alias, doubt=doubt)
        _tell_better(chosen, report)
        found = [
            *arms(chosen, pool, wanted, catalog, bounds),
            *regions(chosen, pool, wanted, loaded, catalog, bounds),
        ]
        for one in found:
            if isinstance(one, Conflict):
                _tell_conflict(one, report)
        variants = tuple(one for one in found if isinstance(one, Variant))
        chains.append(replace(chosen, variants=variants))
    return None if report.has_errors else chains


def _limits(loaded: LoadedProfile, index: int) -> dict[str, Place]:
    """Where the profile states them for this workload."""
    found: dict[str, Place] = {}
    for key in (DEADLINE, TIMEOUT):
        for path in (f"workloads[{index}].{key}", key):
            if path in loaded.positions:
                found.setdefault(key, loaded.positions.place(path))
    return found


def bounds_of(profile: Profile, decision: Decision, chosen: Chosen) -> Bounds:
    """What this chain had to keep to, the aliases before it being served."""
    domains = sorted({candidate.offering.failure_domain for candidate in decision.pool})
    load = Load()
    for other in decision.chains[: decision.chains.index(chosen)]:
        load = with_load(load, other.workload, other.rungs, domains)
    return _bounds(profile, chosen.workload, load)


def _bounds(profile: Profile, workload: Workload, load: Load) -> Bounds:
    limit = profile.cost.max_per_request
    policy = policy_of(profile, workload).routing
    max_usd = None if limit is None else float(limit.usd)
    return Bounds(policy, max_usd, load, must_carry(workload, load))


def _tell_better(chosen: Chosen, report: Report) -> None:
    """Where the lock keeps what would not be chosen now, and what that costs."""
    if not chosen.better:
        return
    better, locked = chosen.better[0], chosen.rungs[0]
    if str(better) == str(locked):
        better_chain, chain = (" → ".join(map(str, c)) for c in (chosen.better, chosen.rungs))
        money = "the first stays"
        report.add(
            BETTER, alias=chosen.workload.alias, better=better_chain, locked=chain, money=money
        )
        return
    money = _against(better, locked, chosen.workload)
    report.add(BETTER, alias=chosen.workload.alias, better=better, locked=locked, money=money)


def _against(better: Candidate, locked: Candidate, workload: Workload) -> str:
    """`0.00045 instead of 0.00068 USD a request (-34 %), -138 USD/month`."""
    theirs = cost_per_request_usd(better, workload)
    ours = cost_per_request_usd(locked, workload)
    share = f" ({(theirs - ours) / ours:+.0%})".replace("%", " %") if ours else ""
    rate = workload.traffic.rate
    month = f", {float(theirs - ours) * rate.per_month:+,.0f} USD/month" if rate else ""
    return f"{theirs:.5f} instead of {ours:.5f} USD a request{share}{month}"


def _tell_conflict(found: Conflict, report: Report) -> None:
    says = "; ".join(f"{r.says} ({r.place})" for r in found.requirements)
    relax = "; ".join(
        f"without `{r.says}`: {', '.join(str(c) for c in passing[:3]) or 'still nothing, other requirements conflict as well'}"
        + (f" and {len(passing) - 3} more" if len(passing) > 3 else "")
        for r, passing in found.relaxed
    )
    place = found.requirements[0].place if found.requirements else Place()
    report.add(INFEASIBLE, place, alias=found.alias, says=says or "no account has any", relax=relax)


# --- Gateway --------------------------------------------------------------------------------------


def _choose_gateway(
    loaded: LoadedProfile,
    verdicts: Sequence[Verdict],
    lock: Lock,
    options: Options,
    report: Report,
) -> Verdict | None:
    asked = (options.gateway or loaded.profile.gateway.use).partition("@")[0]
    if asked != "auto":
        if asked not in GATEWAYS:
            known = ", ".join(GATEWAYS)
            raise UsageError(f"unknown gateway {asked!r}; there are {known}, and auto")
        verdict = next(v for v in verdicts if v.gateway.name == asked)
        if verdict.rejected:
            place = loaded.positions.place("gateway")
            why = "; ".join(verdict.rejected)
            report.add(NO_GATEWAY, place, gateway=verdict.gateway.title, why=why)
            return None
        return verdict
    best = verdicts[0]
    if best.rejected:
        for verdict in verdicts:
            why = "; ".join(verdict.rejected)
            report.add(NO_GATEWAY, gateway=verdict.gateway.title, why=why)
        return None
    return best if options.replan is None else _kept_gateway(best, verdicts, lock, report)


def _kept_gateway(
    best: Verdict, verdicts: Sequence[Verdict], lock: Lock, report: Report
) -> Verdict:
    """The locked one while it will do, and what would be preferred."""
    for kept in verdicts:
        if kept.gateway.name == lock.gateway and not kept.rejected:
            if kept is not best:
                better, locked = best.gateway.title, kept.gateway.title
                less = kept.score - best.score
                report.add(BETTER_GATEWAY, better=better, locked=locked, less=less)
            return kept
    return best


def _version(profile: Profile, gateway: Gateway, options: Options) -> str:
    token = options.gateway or f"{profile.gateway.use}@{profile.gateway.version or ''}"
    name, _, version = token.partition("@")
    return version if version and name == gateway.name else gateway.version


def _is_refused(loaded: LoadedProfile, gateway: Gateway, version: str, report: Report) -> bool:
    found = problem(version) if gateway.name == "litellm" else None
    if found is not None:
        place = loaded.positions.place("gateway")
        report.add(
            BAD_RELEASE,
            place,
            token=f"{gateway.name}@{found.version}",
            what=found.what,
            source=found.source,
            good=f"{gateway.name}@{found.good}",
        )
    return found is not None


# --- Keys that nothing acts on yet ----------------------------------------------------------------


def _not_honoured(loaded: LoadedProfile, gateway: Gateway, report: Report) -> Iterable[str]:
    acting = ACTS.keys() | CARRIED | gateway.honoured.keys()
    told = set()
    if not loaded.profile.passthrough.keys() <= GATEWAYS.keys():
        acting -= {"passthrough"}
    for path in _leaves(loaded.profile):
        key = _without_indexes(path)
        general = key.removeprefix("workloads.")
        inherited = general.partition(".")[0] in ("routing", "compliance", "guardrails", "cache")
        names = {key, general} if inherited else {key}
        if any(acts_on(name, acting) for name in names) or key in told:
            continue
        told.add(key)
        report.add(NOT_HONOURED, loaded.positions.place(path), key=key, gateway=gateway.title)
        yield key


def _leaves(value: Any, path: str = "") -> Iterable[str]:
    """Paths of what the profile says explicitly; defaults are not said."""
    if isinstance(value, BaseModel):
        for name in sorted(value.model_fields_set):
            alias = type(value).model_fields[name].serialization_alias or name
            yield from _leaves(getattr(value, name), f"{path}.{alias}" if path else alias)
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    elif isinstance(value, Mapping) and any(isinstance(v, BaseModel) for v in value.values()):
        for item in value.values():
            yield from _leaves(item, path)
    else:
        yield path


def _without_indexes(path: str) -> str:
    return ".".join(part.partition("[")[0] for part in path.split("."))


# --- Files ----------------------------------------------------------------------------------------


def _emit(plan: Plan, catalog: Catalog) -> dict[str, str]:
    written = (*plan.files, *plan.artefacts)
    texts = {file.path: render(plan.gateway.folder, file) for file in written}
    plan = replace(plan, primaries=_primaries(plan, texts))
    for file in documents(plan):
        texts[file.path] = render("plan", file)
    hashes = {path: sha256(text) for path, text in texts.items()}
    content = as_json(plan, catalog, hashes)
    texts["plan.json"] = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return texts


def _primaries(plan: Plan, texts: Mapping[str, str]) -> tuple[Primary, ...]:
    """Of the text, as the asked-for version reads it; what there is to say of it has been said."""
    said = {file.path: texts[file.path] for file in plan.files}
    meaning = plan.gateway.parse(said, Report(), plan.version) if said else None
    aliases = [workload.alias for workload in plan.profile.workloads]
    return () if meaning is None else tuple(primaries(meaning, aliases))


def earlier_hashes(folder: Path) -> dict[str, str]:
    """Of the files that an earlier run wrote, plan.json itself included."""
    try:
        text = (folder / "plan.json").read_text(encoding="utf-8")
        hashes = {str(path): str(hash_) for path, hash_ in json.loads(text)["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Whatever plan.json has become, the files beside it are then not known to be ours.
        return {}
    return hashes | {"plan.json": sha256(text)}
