"""Configurations inside manifests, values and compose files: found, understood, and placed exactly."""

import json
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.containers.images import version_of
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.load import Config, load_config, load_configs

CONFIG = """\
# the models
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI_API_KEY}
  - model_name: bad
router_settings:
  num_retries: 2
"""
MISSING = "is no deployment: it needs `model_name` and `litellm_params.model`"
PORTKEY = (
    '{"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "api_key": "${KEY}"}, '
    '{"provider": "nobody", "api_key": "${KEY}"}]}'
)


def _write(folder: Path, **texts: str) -> None:
    """`a__b_yaml` is the file `a/b.yaml`."""
    for name, text in texts.items():
        path = folder / (name.replace("__", "/").rpartition("_")[0] + "." + name.rpartition("_")[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _loaded(path: Path | str, gateway: str | None = None) -> tuple[Config | None, list[str]]:
    """And the findings, with the names of their files only."""
    report = Report()
    config = load_config(str(path), report, gateway)
    folder = f"{Path(str(path).partition('#')[0]).parent}/"
    return config, [str(finding).replace(folder, "") for finding in report]


def _routes(config: Config | None) -> list[str]:
    assert config is not None
    return [route.name for route in config.parsed.routing.routes]


def _config_map(text: str = CONFIG, style: str = "|", key: str = "config.yaml") -> str:
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: llm}}\ndata:\n  {key}: {style}\n"
    return head + indent(text, "    ")


# --- Kubernetes -----------------------------------------------------------------------------------


def test_a_config_map_is_read_and_its_findings_stand_at_lines_of_the_manifest(
    tmp_path: Path,
) -> None:
    _write(tmp_path, map_yaml=_config_map())

    config, findings = _loaded(tmp_path / "map.yaml")

    assert _routes(config) == ["chat"]
    assert config is not None
    assert config.name == f"{tmp_path}/map.yaml#data.config.yaml"
    assert str(config.parsed.places["chat#1"]) == f"{tmp_path}/map.yaml:8:9"
    assert findings == [
        f"map.yaml:10:9: warning[PAR511] model_list[1] {MISSING}; it is left out here"
    ]


@pytest.mark.parametrize("style", [">", ">-", '"'])
def test_where_lines_are_folded_or_escaped_the_key_is_pointed_at(
    tmp_path: Path, style: str
) -> None:
    text = '{"model_list": [{"model_name": "chat", "litellm_params": {"model": "openai/x"}}, {}]}\n'
    quoted = _config_map(text, style) if style != '"' else _config_map("", json.dumps(text))
    _write(tmp_path, map_yaml=quoted)

    config, findings = _loaded(tmp_path / "map.yaml")

    assert _routes(config) == ["chat"]
    assert [finding.partition(" ")[0] for finding in findings] == ["map.yaml:5:3:"]


def test_lists_secrets_and_streams_are_looked_through(tmp_path: Path) -> None:
    secret = {"kind": "Secret", "apiVersion": "v1", "stringData": {"x.yaml": CONFIG}}
    listed = {"kind": "List", "apiVersion": "v1", "items": [{"kind": "Service"}, secret]}
    stream = f"kind: Namespace\napiVersion: v1\n---\n{json.dumps(listed)}\n---\n"
    _write(tmp_path, all_yaml=stream)

    config, _ = _loaded(tmp_path / "all.yaml")

    assert config is not None
    assert config.name.endswith("all.yaml#items[1].stringData.x.yaml")


def test_a_variable_holds_json_and_its_column_is_kept(tmp_path: Path) -> None:
    pod = f"""\
    apiVersion: v1
    kind: Pod
    spec:
      containers:
        - image: docker.io/portkeyai/gateway:1.15.2
          env:
            - name: PORTKEY_CONFIG
              value: '{PORTKEY}'
    """
    _write(tmp_path, pod_yaml=dedent(pod))

    config, findings = _loaded(tmp_path / "pod.yaml")

    assert _routes(config) == ["PORTKEY_CONFIG"]
    assert config is not None
    assert [(image.version, image.place.line) for image in config.images] == [("1.15.2", 5)]
    column = len("          value: '") + PORTKEY.index('{"provider": "nobody"') + 1
    assert findings[0].startswith(f"pod.yaml:8:{column}: error[PAR542]")


def test_a_syntax_error_inside_is_placed_in_the_manifest(tmp_path: Path) -> None:
    _write(tmp_path, map_yaml=_config_map("model_list:\n  - a: [\n"))

    config, findings = _loaded(tmp_path / "map.yaml")

    assert config is None
    assert [finding.partition(" this")[0] for finding in findings] == [
        "map.yaml:8:5: error[PAR501]"
    ]


def test_several_manifests_without_a_configuration_are_no_syntax_error(tmp_path: Path) -> None:
    _write(tmp_path, all_yaml="apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Pod\n")

    _, findings = _loaded(tmp_path / "all.yaml")

    assert [finding.partition(" ")[2][:14] for finding in findings] == ["error[PAR504] "]


def test_what_only_looks_a_little_like_a_configuration_is_left_alone(tmp_path: Path) -> None:
    application = "application.yaml: |\n    cache: {ttl: 5}\n    retry: {attempts: 5}\n"
    deployment = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  strategy: {type: Recreate}\n"
    manifest = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  {application}---\n{deployment}"
    _write(tmp_path, all_yaml=manifest)

    config, _ = _loaded(tmp_path / "all.yaml")

    assert config is None


# --- Several in one file --------------------------------------------------------------------------


def _two() -> str:
    return _config_map() + "---\n" + _config_map(CONFIG.replace("chat", "talk"))


def test_of_several_the_first_counts_and_the_others_are_named(tmp_path: Path) -> None:
    _write(tmp_path, two_yaml=_two())

    config, findings = _loaded(tmp_path / "two.yaml")

    assert _routes(config) == ["chat"]
    assert findings[0] == (
        "two.yaml:18:3: warning[PAR513] two.yaml#[1].data.config.yaml is another configuration of "
        "LiteLLM 1.106; it is left out: this is about two.yaml#[0].data.config.yaml"
    )


def test_a_key_chooses_one(tmp_path: Path) -> None:
    _write(tmp_path, two_yaml=_two())

    config, findings = _loaded(f"{tmp_path}/two.yaml#[1].data.config.yaml")

    assert _routes(config) == ["talk"]
    assert [finding.partition(" ")[0] for finding in findings] == ["two.yaml:23:9:"]


def test_an_unknown_key_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    _write(tmp_path, map_yaml=_config_map())

    with pytest.raises(UsageError, match=r"called data\.x; there are: .*map\.yaml#data\.config"):
        load_config(f"{tmp_path}/map.yaml#data.x", Report())


def test_a_file_with_a_number_sign_in_its_name_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a#b.yaml").write_text(CONFIG)

    assert _routes(_loaded(tmp_path / "a#b.yaml")[0]) == ["chat"]


def test_all_of_them_can_be_asked_for(tmp_path: Path) -> None:
    _write(tmp_path, two_yaml=_two())

    configs = load_configs(f"{tmp_path}/two.yaml", Report())

    assert [_routes(config) for config in configs] == [["chat"], ["talk"]]


def test_the_same_configuration_twice_is_no_second_one(tmp_path: Path) -> None:
    _write(tmp_path, config_yaml=CONFIG, deploy__map_yaml=_config_map())

    config, findings = _loaded(tmp_path)

    assert config is not None
    assert config.name == "config.yaml"
    assert [finding.partition(" ")[0] for finding in findings] == ["config.yaml:5:5:"]
    assert len(load_configs(str(tmp_path), Report())) == 2


def test_portkey_configurations_of_one_map_are_routes_of_one_whole(tmp_path: Path) -> None:
    both = _config_map(PORTKEY, key="chat.json") + "\n  code.json: |\n    " + PORTKEY
    _write(tmp_path, map_yaml=both)

    assert _routes(_loaded(tmp_path / "map.yaml")[0]) == ["chat", "code"]


# --- Helm -----------------------------------------------------------------------------------------

VALUES = """\
image: {repository: docker.litellm.ai/berriai/litellm-database, tag: main-v1.82.7}
cache: {enabled: true}
shared: &shared {api_key: os.environ/KEY}
proxy_config:
  model_list:
    - model_name: chat
      litellm_params: {<<: *shared, model: openai/gpt-5}
    - model_name: bad
  router_settings: {num_retries: 1, num_retries: 2}
"""


def test_helm_values_hold_a_configuration_whose_anchors_may_stand_outside(tmp_path: Path) -> None:
    _write(tmp_path, values_yaml=VALUES)

    config, findings = _loaded(tmp_path / "values.yaml")

    assert config is not None
    assert config.parsed.routing.deployments[0].secret == "env:KEY"
    assert [image.version for image in config.images] == ["1.82.7"]
    assert findings == [
        "values.yaml:9:37: warning[PAR502] the key 'num_retries' stands here for the second time; "
        "the last one counts and the first is ignored",
        f"values.yaml:8:7: warning[PAR511] model_list[1] {MISSING}; it is left out here",
    ]


@pytest.mark.parametrize("around", ["litellm:\n  proxy_config:\n", "config:\n"])
def test_other_keys_of_values_are_found_too(tmp_path: Path, around: str) -> None:
    _write(tmp_path, values_yaml=around + indent(CONFIG, "    "))

    config, _ = _loaded(tmp_path / "values.yaml")

    assert config is not None
    lines = around.count("\n")
    assert str(config.parsed.places["chat#1"]) == f"{tmp_path}/values.yaml:{lines + 3}:9"


def test_values_inside_an_application_are_read_once_more(tmp_path: Path) -> None:
    application = """\
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    spec:
      source:
        helm:
          values: |
            proxy_config:
              model_list:
                - {model_name: chat, litellm_params: {model: openai/gpt-5}}
                - {model_name: bad}
    """
    _write(tmp_path, app_yaml=dedent(application))

    config, findings = _loaded(tmp_path / "app.yaml")

    assert config is not None
    assert config.name.endswith("app.yaml#spec.source.helm.values.proxy_config")
    assert [finding.partition(" ")[0] for finding in findings] == ["app.yaml:10:15:"]


def test_a_template_is_told_of_and_not_rendered(tmp_path: Path) -> None:
    text = "model_list:\n{{- toYaml .Values.models | nindent 2 }}\n"
    _write(tmp_path, plain_yaml="a:\n{{- if .Values.x }}\nb: 1\n", map_yaml=_config_map(text))

    for name in ("plain.yaml", "map.yaml"):
        config, findings = _loaded(tmp_path / name)

        assert config is None
        assert [finding.partition("is a")[2][:8] for finding in findings] == [" templat"]


# --- Compose --------------------------------------------------------------------------------------


def _compose(command: str, volumes: str, image: str = "ghcr.io/berriai/litellm:latest") -> str:
    text = f"services:\n  llm:\n    image: {image}\n    command: {command}\n"
    return text + f"    volumes: {volumes}\n"


@pytest.mark.parametrize(
    ("command", "volumes"),
    [
        ('["--config", "/app/config.yaml"]', '["./llm/config.yaml:/app/config.yaml:ro"]'),
        ("--port 4000 --config=/app/config.yaml", '["./llm:/app"]'),
        (
            "litellm -c /app/config.yaml",
            "[{type: bind, source: ./llm/config.yaml, target: /app/config.yaml}]",
        ),
    ],
)
def test_a_compose_file_leads_to_the_file_that_it_mounts(
    tmp_path: Path, command: str, volumes: str
) -> None:
    _write(tmp_path, compose_yaml=_compose(command, volumes), llm__config_yaml=CONFIG)

    config, _ = _loaded(tmp_path / "compose.yaml")

    assert config is not None
    assert config.name == f"{tmp_path}/llm/config.yaml"
    assert str(config.parsed.places["chat#1"]) == f"{tmp_path}/llm/config.yaml:3:5"
    assert [(image.version, image.place.line) for image in config.images] == [("", 3)]


def test_an_inline_config_of_a_compose_file_is_read(tmp_path: Path) -> None:
    text = "services: {llm: {image: x}}\nconfigs:\n  llm:\n    content: |\n" + indent(
        CONFIG, " " * 6
    )
    _write(tmp_path, compose_yaml=text)

    config, findings = _loaded(tmp_path / "compose.yaml")

    assert _routes(config) == ["chat"]
    assert [finding.partition(" ")[0] for finding in findings] == ["compose.yaml:9:11:"]


def test_a_mount_from_elsewhere_is_told_of_and_not_followed(tmp_path: Path) -> None:
    inside = '["--config", "/app/c.yaml"]'
    _write(
        tmp_path,
        outside_yaml=CONFIG,
        here__a_yaml=_compose(inside, '["../outside.yaml:/app/c.yaml"]'),
        here__b_yaml=_compose(inside, '["./gone.yaml:/app/c.yaml"]'),
        here__c_yaml=_compose(inside, "[]"),
    )

    config, findings = _loaded(tmp_path / "here")

    assert config is None
    assert [finding.partition("c.yaml, and ")[2].partition(";")[0] for finding in findings[:3]] == [
        "it lies outside the folder that is looked at",
        "there is no such file",
        "nothing is mounted there",
    ]


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("main-v1.82.7", "1.82.7"),
        ("v1.74.0-stable.patch.2", "1.74.0"),
        ("1.15.2@sha256:0a1b", "1.15.2"),
        ("main-latest", ""),
        ("main-stable", ""),
        ("${TAG:-v1.2.3}", ""),
        ("", ""),
    ],
)
def test_a_tag_says_a_version_or_none(tag: str, version: str) -> None:
    assert version_of(f"ghcr.io:443/berriai/litellm:{tag}") == version


# --- Includes -------------------------------------------------------------------------------------

MODEL = "model_list:\n- model_name: {0}\n  litellm_params: {{model: openai/{0}}}\n- model_name: x\n"


def test_included_files_are_merged_and_keep_their_places(tmp_path: Path) -> None:
    _write(
        tmp_path,
        config_yaml="include: [more/a.yaml]\n"
        + MODEL.format("own")
        + "router_settings: {timeout: 5}\n",
        more__a_yaml="include: [b.yaml]\nrouter_settings: {num_retries: 7}\n" + MODEL.format("a"),
        more__b_yaml=MODEL.format("b"),
    )

    config, findings = _loaded(tmp_path / "config.yaml")

    assert _routes(config) == ["own", "a", "b"]
    assert config is not None
    assert all(d.timeout_s is None for d in config.parsed.routing.deployments), "overwritten whole"
    assert str(config.parsed.places["b#1"]) == f"{tmp_path}/more/b.yaml:2:3"
    assert [finding.partition(" ")[0] for finding in findings] == [
        "config.yaml:5:3:",
        "more/a.yaml:6:3:",
        "more/b.yaml:4:3:",
    ]
    assert set(config.texts) == {
        f"{tmp_path}/{n}" for n in ("config.yaml", "more/a.yaml", "more/b.yaml")
    }


def test_in_a_folder_what_is_included_is_no_second_configuration(tmp_path: Path) -> None:
    _write(tmp_path, z_yaml="include: [a.yaml]\n" + MODEL.format("z"), a_yaml=MODEL.format("a"))

    config, findings = _loaded(tmp_path)

    assert _routes(config) == ["z", "a"]
    assert not any("PAR513" in finding for finding in findings)


def test_a_map_may_hold_what_its_configuration_includes(tmp_path: Path) -> None:
    text = _config_map("include: [more.yaml]\nlitellm_settings: {}\n")
    _write(tmp_path, map_yaml=text + "  more.yaml: |\n" + indent(MODEL.format("a"), "    "))

    config, findings = _loaded(tmp_path / "map.yaml")

    assert _routes(config) == ["a"]
    assert [finding.partition(" ")[0] for finding in findings] == ["map.yaml:12:7:"]


def test_includes_that_cannot_be_read_are_errors_and_repeated_ones_warnings(
    tmp_path: Path,
) -> None:
    _write(
        tmp_path,
        outside_yaml=MODEL.format("outside"),
        in__config_yaml="include: [gone.yaml, ../outside.yaml, config.yaml, list.yaml]\n"
        "general_settings: {}\n",
        in__list_yaml="- a\n",
    )

    config, findings = _loaded(tmp_path / "in/config.yaml")

    assert config is None
    assert [finding.partition(";")[0] for finding in findings] == [
        "config.yaml:1:11: error[PAR506] gone.yaml is included here, and there is no such file",
        "config.yaml:1:22: error[PAR506] outside.yaml is included here, and it lies outside the "
        "folder that is looked at",
        "config.yaml:1:39: warning[PAR507] config.yaml has been included before",
        "list.yaml: error[PAR515] list.yaml is included and holds no mapping",
        "config.yaml:1:1: error[PAR510] there is no `model_list` in this LiteLLM configuration",
    ]


def test_an_include_that_is_no_list_is_an_error(tmp_path: Path) -> None:
    _write(tmp_path, config_yaml="include: a.yaml\n" + MODEL.format("own"))

    config, findings = _loaded(tmp_path / "config.yaml")

    assert _routes(config) == ["own"]
    assert findings[0].startswith("config.yaml:1:1: error[PAR514] `include` is to be a list")


# --- Bounds ---------------------------------------------------------------------------------------


def test_an_embedded_text_has_the_bounds_of_a_file(tmp_path: Path) -> None:
    _write(tmp_path, map_yaml=_config_map("model_list: " + "[" * 3000 + "]" * 3000 + "\n"))

    config, findings = _loaded(tmp_path / "map.yaml")

    assert config is None
    assert "nested too deeply" in findings[0]


def test_a_text_inside_a_text_is_looked_at_once_only(tmp_path: Path) -> None:
    once = "data:\n  config.yaml: |\n" + indent(CONFIG, "    ")
    twice = "data:\n  more.yaml: |\n" + indent(once, "    ")
    _write(tmp_path, once_yaml=_config_map(once, key="a"), twice_yaml=_config_map(twice, key="a"))

    assert _loaded(tmp_path / "once.yaml")[0] is not None
    assert _loaded(tmp_path / "twice.yaml")[0] is None


# --- Laws -----------------------------------------------------------------------------------------

_names = st.text("abc-", min_size=1, max_size=4)
_entries = st.fixed_dictionaries(
    {
        "model_name": _names,
        "litellm_params": st.fixed_dictionaries(
            {"model": _names.map("openai/{}".format)},
            optional={"order": st.integers(1, 3), "weight": st.integers(0, 5)},
        ),
    }
)
_configs = st.fixed_dictionaries(
    {"model_list": st.lists(_entries, min_size=1, max_size=4)},
    optional={"router_settings": st.fixed_dictionaries({"num_retries": st.integers(0, 9)})},
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=_configs, spaces=st.integers(1, 9), lines=st.integers(0, 5))
def test_a_configuration_means_the_same_inside_a_manifest_and_its_places_are_shifted(
    config: dict[str, Any], spaces: int, lines: int, tmp_path: Path
) -> None:
    text = json.dumps(config, indent=1) + "\n"
    head = "apiVersion: v1\nkind: ConfigMap\n" + "# x\n" * lines + "data:\n config.yaml: |\n"
    _write(tmp_path, config_yaml=text, map_yaml=head + indent(text, " " * (spaces + 1)))

    alone, _ = _loaded(tmp_path / "config.yaml")
    inside, _ = _loaded(tmp_path / "map.yaml")

    assert alone is not None
    assert inside is not None
    assert inside.parsed.routing == alone.parsed.routing
    assert {
        name: (place.line - 4 - lines, place.column - spaces - 1, place.path)
        for name, place in inside.parsed.places.items()
    } == {n: (place.line, place.column, place.path) for n, place in alone.parsed.places.items()}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=_configs)
def test_a_configuration_means_the_same_as_a_part_of_values(
    config: dict[str, Any], tmp_path: Path
) -> None:
    text = json.dumps(config, indent=1)
    values = "proxy_config:\n" + indent(text, "  ") + "\n"
    _write(tmp_path, config_yaml=text, values_yaml=values)

    alone, _ = _loaded(tmp_path / "config.yaml")
    inside, _ = _loaded(tmp_path / "values.yaml")

    assert alone is not None
    assert inside is not None
    assert inside.parsed.routing == alone.parsed.routing
    assert {n: (p.line - 1, p.column - 2) for n, p in inside.parsed.places.items()} == {
        n: (p.line, p.column) for n, p in alone.parsed.places.items()
    }
