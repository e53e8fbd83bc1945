"""`designer.lock` beside a profile: the choices, so that no new catalog changes a model by itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from designer.diagnostics import Place, Report, Rule, Severity
from designer.planner.chain import Chosen

UNREADABLE = Rule(
    "PLN120",
    Severity.ERROR,
    "{file} is not a lock file: {problem}",
    "The lock records which deployments were chosen; a plan that cannot read it might change models "
    "without saying so.",
    help="restore it from version control, or delete it to choose anew",
)

FORMAT = 1


class Lock(Struct, frozen=True):
    """The gateway token, and per alias the deployments (`account/model`) in chain order."""

    gateway: str = ""
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    offerings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each deployment of a chain, its scope in the catalog; empty where any will do."""


def lock_path(profile: Path) -> Path:
    return profile.with_name("designer.lock")


def read_lock(path: Path, name: str, report: Report) -> Lock:
    """The entry of the profile called `name`; an empty lock when there is none yet."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entry = content["profiles"].get(name)
        if entry is None:
            return Lock()
        chains = {a: tuple(row["deployment"] for row in c) for a, c in entry["chains"].items()}
        offerings = {a: tuple(row["offering"] for row in c) for a, c in entry["chains"].items()}
        return Lock(entry["gateway"], chains, offerings)
    except FileNotFoundError:
        return Lock()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        report.add(UNREADABLE, Place(str(path)), file=path.name, problem=error)
        return Lock()


def lock_text(
    path: Path, name: str, gateway: str, chains: Sequence[Chosen], catalog_date: str
) -> str:
    """The file with the entry of `name` replaced; the entries of other profiles stay as they are."""
    profiles = {}
    if path.exists():
        profiles = dict(json.loads(path.read_text(encoding="utf-8"))["profiles"])
    profiles[name] = {
        "gateway": gateway,
        "catalog": catalog_date,
        "chains": {
            chosen.workload.alias: [
                {
                    "deployment": rung.id,
                    "offering": rung.offering.id,
                    "input_usd_per_mtok": str(rung.offering.price.input),
                    "output_usd_per_mtok": str(rung.offering.price.output),
                }
                for rung in chosen.rungs
            ]
            for chosen in chains
        },
    }
    ordered = {key: profiles[key] for key in sorted(profiles)}
    return json.dumps({"format": FORMAT, "profiles": ordered}, indent=2) + "\n"
