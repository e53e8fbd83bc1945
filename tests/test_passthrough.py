"""What a profile passes through to its gateway's own files: merged, refused or said."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report, Severity
from designer.documents import read_yaml
from designer.emit import to_yaml
from designer.plan import Plan
from designer.planner.lock import Lock
from designer.profile.load import load_profile

PROFILE = """\
version: 1
name: passing
gateway: {use: GATEWAY}
workloads:
  - {alias: chat, task: chat, quality: fast, models: {allow: [openai/gpt-5.2]}}
providers: [openai]
"""


def planned(
    passthrough: object, gateway: str = "litellm", more: str = ""
) -> tuple[Plan | None, Report]:
    report = Report()
    text = PROFILE.replace("GATEWAY", gateway) + more
    text += to_yaml({"passthrough": {gateway: passthrough}}) + "\n"
    loaded = load_profile("p.yaml", text, report=report)
    assert loaded is not None, list(map(str, report))
    return compile_profile(loaded, load_catalog(), Lock(), Options(), report), report


def config(plan: Plan | None) -> dict[str, Any]:
    assert plan is not None
    document = read_yaml(plan.texts["litellm/config.yaml"], "c", Report(), version="1.1")
    assert document is not None
    found: dict[str, Any] = document.value
    return found


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab: #\n", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab._", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["x", "on", "a.b"]), _plain, max_size=2))
def test_what_is_passed_through_stands_in_the_file_as_it_is(settings: dict[str, object]) -> None:
    plan, _ = planned({"litellm_settings": settings, "general_settings": settings})

    assert config(plan)["litellm_settings"] == {"turn_off_message_logging": True, **settings}
    assert config(plan)["general_settings"].items() >= settings.items()


@given(st.dictionaries(st.sampled_from(["x", "on", "a.b"]), _plain, max_size=2))
def test_passing_through_what_routing_does_not_read_leaves_the_routing_alone(
    settings: dict[str, object],
) -> None:
    plan, _ = planned({"litellm_settings": settings})
    without, _ = planned({})

    assert plan is not None
    assert without is not None
    assert plan.routing == without.routing


def test_the_plan_says_what_the_files_mean_and_not_what_was_planned() -> None:
    plan, report = planned({"router_settings": {"fallbacks": [{"chat": ["spare"]}]}})

    assert plan is not None
    assert '"ref"' in json.dumps(json.loads(plan.texts["plan.json"])["routing"])
    (said,) = [finding for finding in report if finding.code == "PLN116"]
    assert str(said.place).startswith("p.yaml:5:")


def test_another_value_than_the_planned_one_is_an_error_at_its_line() -> None:
    plan, report = planned({"router_settings": {"num_retries": 7}})

    assert plan is None
    (said,) = [finding for finding in report if finding.code == "PLN111"]
    assert "router_settings.num_retries" in said.message
    assert str(said.place).startswith("p.yaml:10:")


def test_the_same_value_is_none() -> None:
    plan, report = planned({"router_settings": {"num_retries": 2}})

    assert plan is not None
    assert not report.has_errors


def test_a_precaution_gives_way_and_loses_its_comment() -> None:
    plan, report = planned({"litellm_settings": {"turn_off_message_logging": False}})

    assert plan is not None
    assert "turn_off_message_logging: false\n" in plan.texts["litellm/config.yaml"]
    assert [f.code for f in report if f.code.startswith("PLN11")] == ["PLN113"]


def test_a_planned_deployment_is_added_to_by_its_id() -> None:
    more = {"model_info": {"id": "chat/openai/gpt-5.2"}, "litellm_params": {"rpm": 60}}

    plan, _ = planned({"model_list": [more]})

    (entry,) = config(plan)["model_list"]
    assert entry["litellm_params"]["rpm"] == 60


def test_variables_that_are_passed_through_are_in_the_example_of_the_environment() -> None:
    plan, _ = planned({"general_settings": {"database_url": "os.environ/DB_URL"}})

    assert plan is not None
    assert "# read by general_settings.database_url\nDB_URL=" in plan.texts["litellm/.env.example"]


def test_what_is_not_analysed_is_listed_in_the_report() -> None:
    plan, report = planned({"litellm_settings": {"callbacks": ["billing.hook"]}})

    assert plan is not None
    assert "`litellm_settings.callbacks[0]`" in plan.texts["REPORT.md"]
    (said,) = [finding for finding in report if finding.code == "PLN117"]
    assert "litellm_settings.callbacks[0]" in said.message


@pytest.mark.parametrize("gateway", ["portkey-oss", "portkey-cloud"])
def test_portkey_takes_an_entry_for_each_alias(gateway: str) -> None:
    plan, _ = planned({"chat": {"cache": {"mode": "simple"}}}, gateway)

    assert plan is not None
    assert json.loads(plan.texts[f"{gateway}/chat/config.json"])["cache"] == {"mode": "simple"}


def test_openrouter_takes_an_entry_for_each_alias_in_request_and_preset() -> None:
    plan, _ = planned({"chat": {"plugins": [{"id": "web"}]}}, "openrouter")

    assert plan is not None
    for name in ("request", "preset"):
        body = json.loads(plan.texts[f"openrouter/chat/{name}.json"])
        assert body["plugins"] == [{"id": "web"}]


@pytest.mark.parametrize("section", [{"caht": {"cache": {"mode": "simple"}}}, {"chat": 3}])
def test_an_entry_that_belongs_nowhere_is_an_error(section: object) -> None:
    plan, report = planned(section, "portkey-oss")

    assert plan is None
    assert [finding.code for finding in report.at_or_above(Severity.ERROR)] == ["PLN112"]


def test_a_given_route_that_is_not_there_is_an_error() -> None:
    more = "ignore: []\n"
    text = PROFILE.replace("GATEWAY", "litellm") + more
    text = text.replace(
        "  - {alias: chat", "  - {alias: lost, task: chat, given: true}\n  - {alias: chat"
    )
    text += "passthrough: {litellm: {litellm_settings: {drop_params: true}}}\n"
    report = Report()
    loaded = load_profile("p.yaml", text, report=report)
    assert loaded is not None

    compile_profile(loaded, load_catalog(), Lock(), Options(), report)

    (said,) = [finding for finding in report if finding.code == "PLN115"]
    assert str(said.place).startswith("p.yaml:5:")


def test_a_gateway_that_nothing_is_passed_to_cannot_serve_a_given_route() -> None:
    text = PROFILE.replace("GATEWAY", "portkey-oss").replace("quality: fast", "given: true")
    text += "passthrough: {litellm: {litellm_settings: {drop_params: true}}}\n"
    report = Report()
    loaded = load_profile("p.yaml", text, report=report)
    assert loaded is not None

    assert compile_profile(loaded, load_catalog(), Lock(), Options(), report) is None

    assert "passthrough" in next(f for f in report if f.code == "PLN103").message
