"""LiteLLM's caches, money, callers and deployment files: what is written, read, led elsewhere and applied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.documents import read_yaml
from designer.emit import render
from designer.gateways.base import Terms
from designer.gateways.legalize import legalize
from designer.gateways.litellm import LITELLM
from designer.ir import (
    ANY,
    Arm,
    Budget,
    Cache,
    Case,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Guardrail,
    Key,
    Pool,
    Quota,
    RateLimit,
    Ref,
    Rollout,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    Team,
    Telemetry,
    walk,
)
from tests.gateways_laws.litellm_admin import Admin, apply_teams, running_admin
from tests.golden import assert_golden

HELM = json.loads(Path(__file__).with_name("litellm_helm_values.json").read_text("utf-8"))


def deployment(id_: str, **more: Any) -> Deployment:
    return Deployment(
        id_,
        "openai",
        "gpt-4o-mini",
        secret="env:OPENAI_API_KEY",
        cooldown=Cooldown(30.0, 1),
        **more,
    )


def within(region: str, node: Any) -> Case:
    return Case(Condition("team.region", "eq", region), node)


PLAIN = Rollout()
PRICE = Terms("gpt-4o-mini", Decimal("0.15"), Decimal("0.6"))


def organisation(rollout: Rollout = PLAIN) -> Routing:
    """Two aliases, one that passes on, an embedding, two teams, and everything that they may ask for."""
    quota = Quota(rpm=600, tpm=450_000, parallel=24)
    deployments = (
        deployment("chat/us/m", quota=quota),
        deployment("chat/eu/m"),
        deployment("chat/new/m"),
        deployment("bulk/us/m"),
        deployment("vectors/us/m"),
    )
    split = Split(
        "new-model", (Arm("a", 0.9, _chain()), Arm("b", 0.1, Target("chat/new/m"))), "user"
    )
    return Routing(
        (
            Route("chat", Switch((within("eu", Target("chat/eu/m")),), split)),
            Route("bulk", Target("bulk/us/m")),
            Route(
                "assistant",
                Switch((Case(Condition("team.name", "eq", "ivr"), Ref("bulk")),), Ref("chat")),
            ),
            Route("vectors", Target("vectors/us/m"), embeds=True),
        ),
        deployments,
        (
            Guardrail("pii", "pii", frozenset({"input"}), "redact", ("email",), routes=("chat",)),
            Guardrail("dosage", "deny", frozenset({"input", "output"}), "block", pattern="lethal"),
        ),
        caches=(Cache("semantic", 3600.0, 0.95, ("chat",)),),
        budgets=(
            Budget("all", "", Decimal(8000), "month"),
            Budget("route", "bulk", Decimal(30), "day", 0.8),
            Budget("team", "web", Decimal(3000), "month", 0.8),
            Budget("team", "ivr", Decimal(100), "week", 0.5, refuses=False),
        ),
        rate_limits=(RateLimit("team", "web", 600, 400_000),),
        teams=(
            Team("web", (Key("web-prod"), Key("web-old", existing=True)), ("chat",), "eu"),
            Team("ivr", (Key("ivr"),)),
        ),
        telemetry=Telemetry(frozenset({"otel", "prometheus"}), "never"),
        rollout=rollout,
    )


def _chain() -> Chain:
    return Chain((Rung(Target("chat/us/m")), Rung(Target("chat/eu/m"), ANY)))


def legal(routing: Routing, report: Report | None = None) -> Routing:
    return legalize(routing, LITELLM, Report() if report is None else report)


def texts(routing: Routing) -> dict[str, str]:
    files = LITELLM.lower(routing, {d.id: PRICE for d in routing.deployments})
    files += LITELLM.artefacts(routing, {}, "eu support", files)
    return {file.path: render(LITELLM.folder, file) for file in files}


def loaded(text: str) -> Any:
    document = read_yaml(text, "x.yaml", Report())
    assert document is not None
    return document.value


@pytest.mark.parametrize(
    "rollout", [Rollout("compose"), Rollout("kubernetes", 2)], ids=lambda rollout: rollout.deploy
)
def test_an_organisation_is_written_word_for_word(rollout: Rollout) -> None:
    report = Report()

    found = texts(legal(organisation(rollout), report))

    found.pop("litellm/apply_teams.py")
    losses = "".join(f"{line}\n" for line in report)
    assert_golden(f"litellm/organisation-{rollout.deploy}", found | {"losses.txt": losses})


# --- Teams ----------------------------------------------------------------------------------------


def test_a_team_with_a_region_is_led_to_a_group_of_its_own() -> None:
    routing = legal(organisation())

    web, ivr = routing.teams
    assert dict(web.aliases) == {"chat": "chat@eu", "assistant": "chat@eu"}
    assert dict(ivr.aliases) == {"assistant": "bulk"}
    assert routing.route("chat@eu").node == Target("chat/eu/m@chat@eu")
    assert routing.aliases == (("assistant", "chat"),)


def test_no_name_leads_a_team_out_of_its_region() -> None:
    """Neither a route that passes on, whatever it asks for, nor another name of one."""
    gold = Case(Condition("metadata.tier", "eq", "gold"), Ref("bulk"))
    wish = organisation()
    more = (Route("tiers", Switch((gold,), Ref("chat"))), Route("plain", Ref("tiers")))
    routing = replace(wish, routes=(*wish.routes, *more), aliases=(("talk", "plain"),))

    web = legal(routing).teams[0]

    led = dict(web.aliases)
    assert {led[name] for name in ("chat", "assistant", "tiers", "plain", "talk")} == {"chat@eu"}


def test_what_covers_a_route_covers_the_groups_that_stand_in_for_it() -> None:
    wish = organisation()
    money = replace(wish, budgets=(Budget("route", "chat", Decimal(5), "day"),))

    routing = legal(money)

    assert routing.guardrails[0].routes == ("chat", "chat@eu")
    assert routing.caches[0].routes == ("chat", "chat@eu")
    assert [b.of for b in routing.budgets if b.of.endswith("@chat@eu")] == ["chat/eu/m@chat@eu"]


def test_a_copy_has_the_price_of_what_it_is_a_copy_of() -> None:
    routing = legal(organisation())
    terms = {"chat/eu/m": Terms("gpt-4o", Decimal(2), Decimal(8))}

    model_list = LITELLM.lower(routing, terms)[0].values["model_list"]

    (copy,) = (entry for entry in model_list if entry["model_name"] == "chat@eu")
    assert copy["litellm_params"]["input_cost_per_token"] == 2e-06
    assert copy["model_info"]["base_model"] == "gpt-4o"


def test_a_group_that_stands_in_for_a_route_is_no_name_to_ask_for() -> None:
    wish = organisation()
    teams = tuple(replace(team, routes=None) for team in wish.teams)
    listed = tuple(replace(team, routes=("bulk",)) for team in wish.teams)

    free, kept = (legal(replace(wish, teams=own)).teams for own in (teams, listed))

    assert free[0].routes == free[1].routes == ("chat", "bulk", "assistant", "vectors")
    assert dict(kept[0].aliases) == {}  # LiteLLM lets a team call every name in its model_aliases


def test_a_team_without_workloads_may_call_nothing_and_one_without_a_list_everything() -> None:
    teams = (Team("none", (), ()), Team("all"))

    found = json.loads(texts(legal(replace(organisation(), teams=teams)))["litellm/teams.json"])

    assert [team["models"] for team in found["teams"]] == [["no-default-models"], []]


def test_no_team_no_file() -> None:
    assert not [path for path in texts(legal(replace(organisation(), teams=()))) if "team" in path]


# --- Experiments ----------------------------------------------------------------------------------


def test_an_experiment_splits_by_weight_and_keeps_sessions() -> None:
    routing = legal(organisation())

    pools = {node for node in walk(routing.route("chat").node) if isinstance(node, Pool)}
    assert pools == {Pool((Target("chat/us/m"), Target("chat/new/m")), (0.9, 0.1))}
    assert routing.route("chat").sticky == "session"


# --- How it is run --------------------------------------------------------------------------------


def test_several_copies_share_their_state_and_one_needs_no_redis() -> None:
    wish = replace(organisation(), caches=(Cache("exact", 60.0),))
    one, two = (
        loaded(texts(legal(replace(wish, rollout=Rollout("config", n))))["litellm/config.yaml"])
        for n in (1, 2)
    )

    assert one["litellm_settings"]["cache_params"] == {"type": "local", "ttl": 60}
    assert "redis_host" not in one["router_settings"]
    assert two["litellm_settings"]["cache_params"]["type"] == "redis"
    assert two["router_settings"]["redis_password"] == "os.environ/REDIS_PASSWORD"


def test_only_what_was_asked_for_is_written_beside_the_configuration() -> None:
    kinds = {
        deploy: [
            path for path in texts(legal(organisation(Rollout(deploy)))) if "config" not in path
        ]
        for deploy in ("config", "compose", "kubernetes")
    }

    own = ["litellm/teams.json", "litellm/.env.example", "litellm/apply_teams.py"]
    assert kinds == {
        "config": own,
        "compose": [*own, "litellm/compose.yaml"],
        "kubernetes": [*own, "litellm/kubernetes/values.yaml"],
    }


@pytest.mark.parametrize("deploy", ["config", "compose", "kubernetes"])
@pytest.mark.parametrize("replicas", [1, 3])
def test_every_variable_that_is_read_is_in_the_example_or_set(deploy: Any, replicas: int) -> None:
    found = texts(legal(organisation(Rollout(deploy, replicas))))
    read = set(re.findall(r"os\.environ/(\w+)", found["litellm/config.yaml"]))
    composed = found.get("litellm/compose.yaml", "")
    read |= set(re.findall(r"\$\{(\w+)", composed))
    set_there = set(re.findall(r"^ +([A-Z_]+):", composed, re.M))

    example = set(re.findall(r"^(\w+)=$", found["litellm/.env.example"], re.M))

    assert read - set_there <= example


@pytest.mark.parametrize("deploy", ["compose", "kubernetes"])
@pytest.mark.parametrize("replicas", [1, 3])
def test_what_is_deployed_is_laid_out_value_for_value(deploy: Any, replicas: int) -> None:
    routing = legal(organisation(Rollout(deploy, replicas)))
    file = LITELLM.artefacts(routing, {}, "x", ())[-1]

    assert loaded(render(LITELLM.folder, file)) == file.values


@pytest.mark.parametrize("deploy", ["compose", "kubernetes"])
def test_images_have_a_version_and_probes_never_ask_every_provider(deploy: Any) -> None:
    text = next(t for p, t in texts(legal(organisation(Rollout(deploy, 2)))).items() if deploy in p)
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))

    assert re.findall(r"(?:image|tag): \S*(?:latest|stable|main)", code) == []
    assert set(re.findall(r"/health\b(?!/(?:liveliness|readiness))", code)) == set()


def test_the_values_are_names_of_the_chart() -> None:
    files = texts(legal(organisation(Rollout("kubernetes", 2))))
    values = loaded(files["litellm/kubernetes/values.yaml"])

    named = set(_paths(values))

    assert {name for name in named if name not in HELM["names"]} == set()


def _paths(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping) and path != "envVars":
            yield from _paths(value, f"{path}.")
        else:
            yield path


# --- apply_teams.py -------------------------------------------------------------------------------


@pytest.fixture
def admin() -> Iterator[Admin]:
    with running_admin() as admin:
        admin.keys.append({"token": "hash-of-old", "key_alias": "web-old", "team_id": None})
        yield admin


@pytest.fixture
def emitted(tmp_path: Path) -> Path:
    for path, text in texts(legal(organisation())).items():
        if "team" in path:
            (tmp_path / Path(path).name).write_text(text, "utf-8")
    return tmp_path


def test_a_dry_run_changes_nothing_and_says_what_would_be(admin: Admin, emitted: Path) -> None:
    done = apply_teams(emitted, admin)

    assert done.returncode == 0, done.stderr
    assert admin.changes == []
    assert done.stdout.splitlines() == [
        "team web: new",
        "team ivr: new",
        "key web-prod: new, for team web",
        "key web-old: bound to team web",
        "key ivr: new, for team ivr",
        "nothing was changed; --apply does it",
    ]


def test_applying_makes_teams_and_keys_once(admin: Admin, emitted: Path) -> None:
    first = apply_teams(emitted, admin, "--apply")
    made = [path for path, _ in admin.changes]
    again = apply_teams(emitted, admin, "--apply")

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    new = ["/team/new", "/team/new", "/key/generate", "/key/update", "/key/generate"]
    assert made == new
    assert len(admin.changes) == len(new)
    assert all(line.endswith("as it should be") for line in again.stdout.splitlines())


def test_a_new_key_is_in_a_file_of_ones_own_and_nowhere_else(admin: Admin, emitted: Path) -> None:
    done = apply_teams(emitted, admin, "--apply")

    kept = emitted / "new-keys.env"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text("utf-8") == "# web-prod\nsk-made-1\n# ivr\nsk-made-2\n"
    assert "sk-" not in done.stdout + done.stderr
    assert "sk-" not in (emitted / "teams.json").read_text("utf-8")


def test_a_changed_limit_updates_its_team_alone(admin: Admin, emitted: Path) -> None:
    apply_teams(emitted, admin, "--apply")
    before = len(admin.changes)
    file = emitted / "teams.json"
    file.write_text(
        file.read_text("utf-8").replace('"rpm_limit": 600', '"rpm_limit": null'), "utf-8"
    )

    done = apply_teams(emitted, admin, "--apply")

    assert "team web: update rpm_limit" in done.stdout
    ((path, body),) = admin.changes[before:]
    assert (path, body["team_id"], body["rpm_limit"]) == ("/team/update", "team-1", None)


def test_a_key_that_should_be_there_and_is_not_is_told_and_fails(
    admin: Admin, emitted: Path
) -> None:
    admin.keys.clear()

    done = apply_teams(emitted, admin, "--apply")

    assert done.returncode == 1
    assert "key web-old: marked `existing`, and the proxy has none of that name" in done.stderr


def test_a_proxy_that_is_not_there_is_one_line(admin: Admin, emitted: Path) -> None:
    done = apply_teams(emitted, admin, "--url", "http://127.0.0.1:1")

    assert done.returncode == 1
    assert done.stderr.startswith("cannot reach http://127.0.0.1:1")
    assert "Traceback" not in done.stderr
