"""`designer why`: the decision with its reasons and facts, what excludes an alternative, what flips it."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from designer.catalog import Catalog, load_catalog
from designer.cli.output import echo_json, format_option, tell
from designer.compiler import Decision, Options, bounds_of, decide, lock_for
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.gateways.registry import GATEWAYS
from designer.load import PLAN
from designer.origin import profile_of
from designer.planner.chain import Chosen
from designer.planner.lock import Lock
from designer.planner.requirements import is_named
from designer.profile.load import LoadedProfile, load_profile, values_of
from designer.project import read_project
from designer.why.edits import in_full
from designer.why.flip import Flip, Wins, smallest_flip
from designer.why.reasons import Against, against_deployments, against_gateway, facts, pareto


@click.command(
    epilog="""\b
Examples:
  designer why profile.yaml
  designer why profile.yaml support-chat --not openai/gpt-5.4
  designer why profile.yaml --flip openrouter
  designer why profile.yaml support-chat --pareto
  designer why out/NAME
  designer why out/NAME support-chat --flip openai/gpt-5.4"""
)
@click.argument("plan", required=False)
@click.argument("alias", required=False)
@click.option("--not", "not_", metavar="X", help="Why not X: a gateway's token, or a deployment.")
@click.option("--flip", metavar="X", help="The smallest change of the profile that makes X win.")
@click.option("--pareto", is_flag=True, help="What nothing beats in cost, time and quality.")
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Which facts count [the catalog's day]."
)
@click.option(
    "--overlay",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Your own facts over the catalog's, as for plan [what designer.yaml says].",
)
@click.option(
    "--catalog",
    "catalog_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A catalog of another day, as for plan [what designer.yaml says].",
)
@format_option()
def why(
    plan: str | None,
    alias: str | None,
    not_: str | None,
    flip: str | None,
    pareto: bool,
    as_of: datetime | None,
    overlay: Path | None,
    catalog_file: Path | None,
    format_: str,
) -> None:
    """Say why PLAN is as it is: a profile, a folder that `designer plan` wrote, or its plan.json.

    Without PLAN it is the one folder below out/. With ALIAS only that alias is told. A profile is planned
    anew, under its lock; a written plan is read, and for --not, --flip and --pareto its profile is planned
    anew, if it is still the one that was planned.
    """
    if plan is not None and alias is None and not Path(plan).exists() and not _is_path(plan):
        plan, alias = None, plan
    path = file = Path(plan) if plan is not None else _only_plan()
    recorded = None
    if path.is_dir() or path.suffix == ".json":
        if not (not_ or flip or pareto):
            _tell(_recorded(path, alias), format_)
            return
        recorded = _recorded(path, None)
        path = profile_of(_content(file), _plan_json(file))
    catalog = _catalog(overlay, catalog_file)
    asked = _Asked(path, alias, Options(as_of=as_of.date() if as_of else None), catalog)
    if recorded is not None:
        _tell_other(recorded, asked, _plan_json(file))
    if flip:
        found = asked.flip(flip)
        _tell(found, format_)
        raise click.exceptions.Exit(0 if found["edits"] else 1)
    _tell(asked.against(not_) if not_ else asked.pareto() if pareto else asked.reasons(), format_)


def _is_path(text: str) -> bool:
    return text.endswith((".yaml", ".yml", ".json")) or "/" in text


def _only_plan() -> Path:
    found = sorted(Path("out").glob("*/plan.json"))
    if len(found) != 1:
        raise UsageError(f"there are {len(found)} plans below out/; name one, or a profile")
    return found[0]


def _catalog(overlay: Path | None, file: Path | None) -> Catalog:
    """As `designer plan` would plan with."""
    report = Report()
    project = read_project(report)
    catalog = load_catalog(
        overlay or project.overlay_path, report, file=file or project.catalog_path
    )
    if report.has_errors:
        tell(report)
        raise click.exceptions.Exit(2)
    return catalog


class _Asked:
    """A profile, decided once."""

    def __init__(self, path: Path, alias: str | None, options: Options, catalog: Catalog) -> None:
        report = Report()
        self.path, self.options, self.catalog = path, options, catalog
        loaded = load_profile(path, report=report)
        lock = lock_for(path, loaded.profile.name, report) if loaded else Lock()
        if loaded is None or report.has_errors:
            tell(report)
            raise click.exceptions.Exit(2)
        self.loaded: LoadedProfile = loaded
        decided = decide(loaded, self.catalog, lock, options, report)
        if decided is None or decided.verdict is None:
            tell(report)
            raise click.exceptions.Exit(3)
        self.decision: Decision = decided
        self.verdict = decided.verdict
        self.alias = _known(alias, [c.workload.alias for c in decided.chains])

    @property
    def chains(self) -> Sequence[Chosen]:
        return [c for c in self.decision.chains if self.alias in ("", c.workload.alias)]

    def reasons(self) -> dict[str, Any]:
        others = [v for v in self.decision.verdicts if v is not self.verdict]
        return {
            "gateway": self.verdict.gateway.title,
            "reasons": list(self.verdict.reasons),
            "others": [
                {
                    "gateway": v.gateway.title,
                    "rejected": bool(v.rejected),
                    "reasons": list(v.rejected or v.reasons),
                }
                for v in others
            ],
            "chains": [
                {
                    "alias": chosen.workload.alias,
                    "rungs": [
                        {
                            "deployment": str(rung),
                            "reason": reason,
                            "facts": list(facts(chosen, rung)),
                        }
                        for rung, reason in zip(chosen.rungs, chosen.reasons, strict=True)
                    ],
                    "notes": [*chosen.warnings, *chosen.notes],
                }
                for chosen in self.chains
            ],
        }

    def against(self, other: str) -> dict[str, Any]:
        if other in GATEWAYS:
            return {"against": [_as_json(against_gateway(self.decision, other), "")]}
        found = [
            _as_json(against, chosen.workload.alias)
            for chosen in self.chains
            for against in against_deployments(
                self.decision, chosen, other, bounds_of(self.loaded.profile, self.decision, chosen)
            )
        ]
        if not found:
            raise UsageError(
                f"{other!r} is neither a gateway nor a deployment that the accounts could hold"
            )
        return {"against": found}

    def flip(self, wanted: str) -> dict[str, Any]:
        said = in_full(values_of(self.path, None, Report()))
        alias = self.alias if wanted in GATEWAYS else self._one_alias()
        wins = _wins(wanted, alias)
        if wins(self.decision):
            raise UsageError(f"{wanted} is what was chosen")
        found = smallest_flip(said, self.decision, wins, self.catalog, self.options, alias)
        return _flip_json(wanted, found)

    def pareto(self) -> dict[str, Any]:
        return {
            "pareto": [
                {
                    "alias": chosen.workload.alias,
                    "points": [
                        {
                            "deployment": point.name,
                            "usd_per_request": point.usd,
                            "seconds": point.seconds,
                            "quality": point.rated,
                            "chosen": point.is_chosen,
                        }
                        for point in pareto(self.decision, chosen)
                    ],
                }
                for chosen in self.chains
            ]
        }

    def _one_alias(self) -> str:
        aliases = [c.workload.alias for c in self.decision.chains]
        if not self.alias and len(aliases) != 1:
            raise UsageError(f"for which alias? there are {', '.join(aliases)}")
        return self.alias or aliases[0]


def _known(alias: str | None, aliases: Sequence[str]) -> str:
    if alias is not None and alias not in aliases:
        raise UsageError(f"there is no chain for {alias!r}; there are {', '.join(aliases)}")
    return alias or ""


def _wins(wanted: str, alias: str) -> Wins:
    def wins(decision: Decision) -> bool:
        verdict = decision.verdict
        if wanted in GATEWAYS:
            return verdict is not None and verdict.gateway.name == wanted
        return _is_first(decision, alias, wanted)

    return wins


def _is_first(decision: Decision, alias: str, pattern: str) -> bool:
    return any(
        chosen.workload.alias == alias and is_named(chosen.rungs[0], (pattern,), decision.catalog)
        for chosen in decision.chains
    )


def _as_json(against: Against, alias: str) -> dict[str, Any]:
    return {
        "alias": alias,
        "name": against.name,
        "feasible": against.is_feasible,
        "reasons": list(against.reasons),
    }


def _flip_json(wanted: str, found: Flip | None) -> dict[str, Any]:
    if found is None:
        return {"flip": wanted, "edits": [], "also": []}
    edits = [{"path": e.path, "old": e.old, "new": e.new, "text": str(e)} for e in found.edits]
    return {"flip": wanted, "edits": edits, "also": list(found.also)}


def _recorded(path: Path, alias: str | None) -> dict[str, Any]:
    """From plan.json: the facts of each deployment as they were when it was written."""
    file, content = _plan_json(path), _content(path)
    try:
        decision, deployments = content["decision"], content["deployments"]
        chosen = content["gateway"]
        named = {v["gateway"]: v for v in decision["gateway"]}
        mine = named.pop(chosen.partition("@")[0])
        known = _known(alias, list(decision["chains"]))
        return {
            "gateway": chosen,
            "reasons": mine["reasons"],
            "others": [
                {
                    "gateway": name,
                    "rejected": bool(v["rejected"]),
                    "reasons": v["rejected"] or v["reasons"],
                }
                for name, v in named.items()
            ],
            "chains": [
                {
                    "alias": name,
                    "rungs": [
                        {**rung, "facts": list(_kept_facts(name, rung["deployment"], deployments))}
                        for rung in chain["rungs"]
                    ],
                    "notes": [*chain["warnings"], *chain.get("notes", [])],
                }
                for name, chain in decision["chains"].items()
                if known in ("", name)
            ],
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is not a plan that `designer plan` wrote: {error}") from error


def _plan_json(path: Path) -> Path:
    return path / PLAN if path.is_dir() else path


def _content(path: Path) -> Any:
    file = _plan_json(path)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} is not a plan that `designer plan` wrote: {error}") from error


def _tell_other(recorded: dict[str, Any], asked: _Asked, file: Path) -> None:
    """By another catalog, lock or --gateway the same profile gives another plan."""
    then = {c["alias"]: [r["deployment"] for r in c["rungs"]] for c in recorded["chains"]}
    now = {c.workload.alias: [str(r) for r in c.rungs] for c in asked.decision.chains}
    other = [alias for alias in then if then[alias] != now.get(alias)]
    if recorded["gateway"].partition("@")[0] != asked.verdict.gateway.name:
        other.insert(0, "the gateway")
    if other:
        click.echo(
            f"{file} has another choice for {', '.join(other)} than {asked.path} gives now, and what "
            f"follows is about now; to write it: designer plan {asked.path}",
            err=True,
        )


def _kept_facts(alias: str, deployment: str, deployments: Any) -> Iterable[str]:
    short = deployment.partition("@")[0]
    kept = deployments.get(f"{alias}/{deployment}") or deployments[f"{alias}/{short}"]
    yield f"processed within {kept['residency']}"
    yield (
        f"{kept['input_usd_per_mtok']} USD in and {kept['output_usd_per_mtok']} USD out per million "
        f"tokens ({'; '.join(kept['price_sources'])})"
    )
    yield (
        f"first token after {kept['ttft_s']:g} s, {kept['tokens_per_s']:g} tokens/s "
        f"({kept['latency_source']})"
    )


# --- Words ----------------------------------------------------------------------------------------


def _tell(found: dict[str, Any], format_: str) -> None:
    if format_ == "json":
        echo_json({"schema_version": 1, **found})
    else:
        click.echo("\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> Iterable[str]:
    if "against" in found:
        yield from _against_lines(found["against"])
    elif "flip" in found:
        yield from _flip_lines(found)
    elif "pareto" in found:
        yield from _pareto_lines(found["pareto"])
    else:
        yield from _reason_lines(found)


def _reason_lines(found: dict[str, Any]) -> Iterable[str]:
    yield click.style(found["gateway"], bold=True)
    yield from (f"  + {reason}" for reason in found["reasons"])
    for other in found["others"]:
        word = "rejected: " if other["rejected"] else ""
        yield f"  - {other['gateway']}: {word}{other['reasons'][0]}"
    for chain in found["chains"]:
        yield ""
        yield click.style(chain["alias"], fg="green", bold=True)
        for number, rung in enumerate(chain["rungs"], start=1):
            yield f"  {number}. {rung['deployment']}: {rung['reason']}"
            yield from (f"       {fact}" for fact in rung["facts"])
        yield from (f"  - {note}" for note in chain["notes"])


def _against_lines(found: Sequence[dict[str, Any]]) -> Iterable[str]:
    for against in found:
        alias = f"{against['alias']}: " if against["alias"] else ""
        verdict = "would do, but is not preferred" if against["feasible"] else "is excluded"
        yield f"{alias}{click.style(against['name'], bold=True)} {verdict}"
        yield from (f"  - {reason}" for reason in against["reasons"])


def _flip_lines(found: dict[str, Any]) -> Iterable[str]:
    wanted = found["flip"]
    if not found["edits"]:
        yield f"no one or two edits of the grid make {wanted} win (docs/choosing.md lists the grid)"
        return
    count = "this edit makes" if len(found["edits"]) == 1 else "these two edits make"
    yield f"{count} {click.style(wanted, bold=True)} win, and nothing smaller in the grid does:"
    yield from (f"  {edit['text']}" for edit in found["edits"])
    yield "with it also:" if found["also"] else "and nothing else changes"
    yield from (f"  {change}" for change in found["also"])


def _pareto_lines(found: Sequence[dict[str, Any]]) -> Iterable[str]:
    for chain in found:
        yield click.style(chain["alias"], fg="green", bold=True)
        width = max(len(point["deployment"]) for point in chain["points"])
        yield f"    {'':{width}}  USD/request  seconds  quality"
        for point in chain["points"]:
            mark = "→" if point["chosen"] else " "
            yield (
                f"  {mark} {point['deployment']:{width}}  {point['usd_per_request']:11.5f}  "
                f"{point['seconds']:7.1f}  {point['quality']}"
            )
