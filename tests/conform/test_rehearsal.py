"""Copies of configurations for rehearsals: what routes stays, and nothing real can be reached."""

import json
from pathlib import Path

import pytest

from designer.conform import litellm, portkey
from designer.conform.case import packaged
from designer.conform.placed import address, label_of
from designer.conform.rehearsal import (
    PLACEHOLDER_KEY,
    Rehearsal,
    as_yaml,
    rehearsal,
    without_reach,
)
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.ir import Switch
from designer.load import Config, load_config

ROOT = Path(__file__).parents[2]
BASE = "http://127.0.0.1:4999"
FILL = {"litellm": litellm.fill, "portkey-oss": portkey.fill}
EMITTED = ("batch", "eu-support", "multi-region")
CORPUS = sorted((ROOT.parent / "shared" / "corpus").glob("*/*"))


def loaded(path: Path | str) -> Config:
    config = load_config(str(path), Report())
    assert config is not None
    return config


def rehearsed(config: Config) -> Rehearsal:
    return rehearsal(config, lambda label: address(BASE, label))


def assert_only_the_reach_changes(config: Config) -> None:
    copy = rehearsed(config)

    assert without_reach(copy.parsed.routing) == without_reach(config.parsed.routing)
    assert copy.parsed.names == config.parsed.names
    assert copy.parsed.semantics == config.parsed.semantics
    for deployment in copy.parsed.routing.deployments:
        assert deployment.api_base is not None
        assert deployment.api_base.startswith(f"{BASE}/d/")
        assert label_of(deployment.api_base) == deployment.id
        assert deployment.secret is None


@pytest.mark.parametrize("name", EMITTED)
def test_an_emitted_configuration_routes_as_before(name: str) -> None:
    assert_only_the_reach_changes(loaded(ROOT / "tests/golden/examples" / name))


@pytest.mark.parametrize("gateway", FILL)
def test_configurations_of_the_corpus_route_as_before(gateway: str, tmp_path: Path) -> None:
    for case in packaged(gateway)[::7]:
        if case.id.startswith("budget-provider"):
            continue
        config = FILL[gateway](case.config, lambda number: f"https://{number}.example.com")
        (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
        found = load_config(str(tmp_path / "config.json"), Report(), gateway)
        assert found is not None
        assert_only_the_reach_changes(found)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_configurations_that_people_have_written_route_as_before(path: Path) -> None:
    config = load_config(str(path), Report())
    if config is None or config.gateway.name not in FILL:
        return
    if any(isinstance(r.node, Switch) and r.node.lacking for r in config.parsed.routing.routes):
        with pytest.raises(UsageError, match="does not accept"):
            rehearsed(config)
    else:
        assert_only_the_reach_changes(config)


def test_a_copy_hides_no_mistake(tmp_path: Path) -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [{"override_params": {"model": "m"}}]}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")

    with pytest.raises(UsageError, match=r"does not accept .*config\.json as it stands"):
        rehearsed(loaded(tmp_path / "config.json"))


def test_nothing_of_a_real_account_is_left(tmp_path: Path) -> None:
    entry = {
        "model_name": "chat",
        "litellm_params": {
            "model": "bedrock/eu.claude",
            "aws_access_key_id": "os.environ/AWS_ID",
            "aws_region_name": "eu-central-1",
            "api_key": "os.environ/KEY",
            "litellm_credential_name": "prod",
            "timeout": 20,
        },
        "model_info": {"id": "chat/a"},
    }
    (tmp_path / "config.yaml").write_text(json.dumps({"model_list": [entry]}), "utf-8")

    [content] = rehearsed(loaded(tmp_path / "config.yaml")).contents.values()

    assert content["model_list"] == [
        {
            "model_name": "chat",
            "litellm_params": {
                "timeout": 20,
                "model": "openai/eu.claude",
                "api_base": f"{BASE}/d/chat%2Fa/v1",
                "api_key": PLACEHOLDER_KEY,
            },
            "model_info": {"id": "chat/a"},
        }
    ]


def test_the_copy_is_the_yaml_that_it_was_made_of(tmp_path: Path) -> None:
    config = loaded(ROOT / "tests/golden/examples/eu-support")
    copy = rehearsed(config)
    [content] = copy.contents.values()
    (tmp_path / "config.yaml").write_text(as_yaml(content), "utf-8")

    assert loaded(tmp_path / "config.yaml").parsed.routing == copy.parsed.routing


@pytest.mark.parametrize("name", ["prototype", "regulated"])
def test_a_gateway_that_nobody_can_start_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be put in front of the stub provider"):
        rehearsed(loaded(ROOT / "tests/golden/examples" / name))


@pytest.mark.parametrize("name", ["map.yaml", "config.yaml"])
def test_a_copy_is_one_file_wherever_its_configuration_stands(name: str, tmp_path: Path) -> None:
    model = "model_list: [{model_name: %s, litellm_params: {model: azure/x, timeout: 5}}]\n"
    (tmp_path / "config.yaml").write_text("include: [more.yaml]\n" + model % "own", "utf-8")
    (tmp_path / "more.yaml").write_text(model % "more", "utf-8")
    (tmp_path / "map.yaml").write_text(
        "kind: ConfigMap\napiVersion: v1\ndata:\n  config.yaml: |\n    " + model % "mapped", "utf-8"
    )

    config = loaded(tmp_path / name)

    assert_only_the_reach_changes(config)
    assert len(rehearsed(config).contents) == 1


def test_budgets_by_provider_are_not_rehearsed_without_a_word(tmp_path: Path) -> None:
    model = {"model_name": "a", "litellm_params": {"model": "groq/x"}}
    budgets = {"groq": {"budget_limit": 1, "time_period": "1d"}}
    config = {"model_list": [model], "router_settings": {"provider_budget_config": budgets}}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")

    with pytest.raises(UsageError, match="has budgets by provider"):
        rehearsed(loaded(tmp_path / "config.json"))
