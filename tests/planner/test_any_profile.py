"""Any profile on any gateway: it compiles or says why not, and nothing it asks for is dropped silently."""

import ast
import copy
import json
from collections.abc import Iterator
from typing import Any

import hcl2
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report, Severity
from designer.documents import read_yaml
from designer.gateways.registry import GATEWAYS
from designer.ir import Routing
from designer.plan import Plan
from designer.planner.lock import Lock
from designer.planner.routing import build_routing
from designer.profile.load import LoadedProfile, load_profile
from tests.profiles import Drawn, profiles, text_of

CATALOG = load_catalog()
SAYS_WHY = {"PLN102", "PLN103"}
"""Requirements that nothing meets together, and promises that a gateway breaks."""

NOTHING_LOST = {
    "litellm": {"routing.sticky", "teams.workloads"},
    "portkey-oss": {"gateway.deploy"},
    "portkey-cloud": {"routing.sticky", "operations.replicas"},
    "openrouter": {"operations.replicas"},
}
"""What may be asked for without a trace, since it is done anyhow: an experiment keeps sessions, where
nothing is drawn every caller keeps to the first target, all aliases are what a team may call unless it
is told, compose.yaml is always there, and a vendor runs as many copies as it takes."""

NOT_OFFERED = "deployments that it does not offer"

unshrunk = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    max_examples=settings().max_examples // 4,
)
"""Making a whole profile smaller takes many minutes, and its keys are easily taken out by hand. Fewer of
them than elsewhere: an example plans whole profiles, one of which says more than a small value does."""

each = pytest.mark.parametrize("gateway", GATEWAYS)


def _load(profile: Drawn) -> LoadedProfile:
    report = Report()
    loaded = load_profile("p.yaml", text_of(profile), report=report)
    assert loaded is not None, [str(finding) for finding in report]
    return loaded


def planned(profile: Drawn, gateway: str) -> tuple[Plan | None, Report]:
    report = Report()
    asked = Options(gateway=gateway)
    return compile_profile(_load(profile), CATALOG, Lock(), asked, report), report


@pytest.mark.slow
@each
@unshrunk
@given(profile=profiles())
def test_a_profile_compiles_or_the_report_says_what_conflicts(gateway: str, profile: Drawn) -> None:
    plan, report = planned(profile, gateway)

    errors = [finding for finding in report if finding.severity is Severity.ERROR]
    assert (plan is None) == bool(errors)
    assert [str(finding) for finding in errors if finding.code not in SAYS_WHY] == []


@pytest.mark.slow
@each
@unshrunk
@given(profile=profiles())
def test_whatever_is_emitted_is_read_by_its_own_format(gateway: str, profile: Drawn) -> None:
    plan, _ = planned(profile, gateway)

    for path, text in () if plan is None else plan.texts.items():
        report = Report()
        match path.rpartition(".")[2]:
            case "json":
                json.loads(text)
            case "yaml":
                read_yaml(text, path, report)
            case "py":
                ast.parse(text)
            case "tf":
                hcl2.loads(text)
        assert list(report) == [], path
        assert text.endswith("\n"), path


@pytest.mark.slow
@each
@unshrunk
@given(profile=profiles())
def test_every_setting_of_the_configuration_is_known(gateway: str, profile: Drawn) -> None:
    """Nothing is emitted of which `designer` could not say what it does."""
    plan, _ = planned(profile, gateway)
    if plan is None or plan.profile.passthrough:
        return

    files = plan.gateway.lower(plan.routing, plan.terms)
    parsed = plan.gateway.parse({file.path: plan.texts[file.path] for file in files}, Report())

    assert parsed is not None
    assert parsed.not_analysed == ()


@pytest.mark.slow
@each
@unshrunk
@given(profile=profiles(), data=st.data())
def test_what_is_asked_for_is_in_the_files_or_among_the_losses(
    gateway: str, profile: Drawn, data: st.DataObject
) -> None:
    """Take one key out: where that changes what was planned, it changes a file, or a loss names it,
    with the key or without (a limit left to the gateway costs nothing; the default may)."""
    plan, _ = planned(profile, gateway)
    if plan is None:
        return
    some = st.lists(st.sampled_from(list(_leaves(profile))), min_size=1, max_size=4, unique=True)
    for path in data.draw(some):
        less = _without(profile, path)
        other = less and planned(less, gateway)[0]
        if other and _ideal(other) != _ideal(plan) and _emitted(other) == _emitted(plan):
            if _key(path) in NOTHING_LOST[gateway] or _leaves_out(plan):
                continue
            lost = _lost(plan) | _lost(other)
            assert any(_is_within(key, _key(path)) for key in lost), (path, sorted(lost))


Path = tuple[str | int, ...]


def _leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Keys that ask for something: an empty list does not."""
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in ((key, item) for key, item in below if item != []):
        is_map = isinstance(item, dict) or (isinstance(item, list) and _is_map(item[:1]))
        yield from _leaves(item, (*path, key)) if is_map else [(*path, key)]


def _is_map(items: list[Any]) -> bool:
    return bool(items) and isinstance(items[0], dict)


def _without(profile: Drawn, path: Path) -> Drawn | None:
    """The profile with one key less; None where it cannot be left out."""
    less = copy.deepcopy(profile)
    inside: Any = less
    for part in path[:-1]:
        inside = inside[part]
    del inside[path[-1]]
    loaded = load_profile("p.yaml", text_of(less), report=Report())
    return None if loaded is None else less


def _ideal(plan: Plan) -> Routing:
    return build_routing(plan.profile, plan.chains, CATALOG)


def _lost(plan: Plan) -> set[str]:
    return {key for lack, _ in plan.verdict.losses for key in lack.feature.keys}


def _leaves_out(plan: Plan) -> bool:
    """Whether deployments are told to be left out: what chose among them goes with them."""
    return any(lack.feature.name == NOT_OFFERED for lack, _ in plan.verdict.losses)


def _emitted(plan: Plan) -> dict[str, str]:
    documents = ("plan.json", "REPORT.md", "CLIENT.md")
    return {path: text for path, text in plan.texts.items() if path not in documents}


def _key(path: Path) -> str:
    """As the matrix has it: without positions, a workload's own policies as the profile's."""
    key = ".".join(part for part in path if isinstance(part, str))
    below = key.removeprefix("workloads.")
    return below if below.partition(".")[0] in _OVERRIDDEN else key


_OVERRIDDEN = ("routing", "compliance", "guardrails", "cache")


def _is_within(key: str, other: str) -> bool:
    """One of the two stands at or below the other."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


# --- What these laws have found -------------------------------------------------------------------


def test_what_is_passed_through_takes_no_deployment_file_away() -> None:
    profile = {
        "version": 1,
        "name": "p",
        "gateway": {"use": "litellm", "deploy": "compose"},
        "workloads": [{"alias": "chat", "task": "chat"}],
        "passthrough": {"litellm": {"litellm_settings": {"callbacks": ["billing.hook"]}}},
    }

    plan, _ = planned(profile, "litellm")

    assert plan is not None
    assert "litellm/compose.yaml" in plan.texts


def test_the_client_waits_longer_than_all_tries_of_its_own_alias() -> None:
    profile = {
        "version": 1,
        "name": "p",
        "providers": ["openai"],
        "workloads": [
            {"alias": "a", "task": "chat", "routing": {"timeout": "10s", "retries": 1}},
            {"alias": "b", "task": "chat", "routing": {"timeout": "5m", "retries": 0}},
        ],
    }

    plan, _ = planned(profile, "litellm")

    assert plan is not None
    tries = 2 * len(plan.chains[0].rungs)
    assert f"| `a` | chat | {tries * 10 + 5}.0 s |" in plan.texts["CLIENT.md"]


def test_a_loss_is_told_whether_or_not_anything_else_is_written() -> None:
    profile = {
        "version": 1,
        "name": "p",
        "workloads": [{"alias": "chat", "task": "chat"}],
        "routing": {"strategy": "fastest", "latency_window": "10m"},
    }

    told = {
        gateway: [lack.feature.name for lack, _ in plan.verdict.losses]
        for gateway in ("litellm", "openrouter")
        if (plan := planned(profile, gateway)[0]) is not None
    }

    assert all("how far back `fastest` looks" in names for names in told.values()), told
