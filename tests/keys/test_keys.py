"""What the inventory knows, and how it is asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from designer import keys

GATEWAYS = ("litellm", "openrouter", "portkey-cloud", "portkey-oss")
KINDS = {"int", "float", "bool", "str", "list", "dict", "null"}
EVERY_VERSION = [(name, version) for name in GATEWAYS for version in keys.versions(name)]

every_version = pytest.mark.parametrize(("gateway", "version"), EVERY_VERSION)


@every_version
def test_every_key_says_what_it_takes_and_where_that_was_read(gateway: str, version: str) -> None:
    for section, known in keys.sections(gateway, version).items():
        assert known, section
        for name, key in known.items():
            assert (key.name, key.section) == (name, section)
            assert key.source, (section, name)
            assert key.accepts <= KINDS
            assert not key.choices or "str" in key.accepts, (section, name)


@every_version
def test_files_are_sorted_with_one_key_a_line(gateway: str, version: str) -> None:
    data = Path(keys.__file__).with_name("data") / f"{gateway}-{version}.json"
    lines = data.read_text(encoding="utf-8").splitlines()

    for known in keys.sections(gateway, version).values():
        assert list(known) == sorted(known)
    assert len(lines) > sum(map(len, keys.sections(gateway, version).values()))


@pytest.mark.parametrize(
    ("section", "name", "accepts", "choices"),
    [
        ("router_settings", "num_retries", {"int", "null"}, ()),
        ("router_settings", "debug_level", {"str"}, ("DEBUG", "INFO")),
        ("litellm_params", "timeout", {"float", "int", "str", "null"}, ()),
        ("litellm_params", "temperature", set(), ()),
        ("litellm_params", "aws_region_name", {"str", "null"}, ()),
        ("model_info", "tier", {"str", "null"}, ("free", "paid")),
        ("litellm_settings", "callbacks", {"list"}, ()),
        ("cache_params", "ssl", {"bool"}, ()),
        ("retry_policy", "TimeoutErrorRetries", {"int", "null"}, ()),
        ("guardrails[].litellm_params", "on_flagged", {"str", "null"}, ()),
        ("environment_variables", "ANY_NAME", {"bool", "float", "int", "str", "null"}, ()),
    ],
)
def test_a_key_of_litellm_is_found_where_it_stands(
    section: str, name: str, accepts: set[str], choices: tuple[str, ...]
) -> None:
    key = keys.find("litellm", "1.106.2", section, name)

    assert key is not None
    assert key.accepts == accepts
    assert not choices or key.choices == choices


def test_a_key_is_not_found_where_it_does_not_stand() -> None:
    assert keys.find("litellm", "", "general_settings", "num_retries") is None
    assert keys.elsewhere("litellm", "", "num_retries") == (
        "litellm_params",
        "router_settings",
        "litellm_settings",
    )
    assert keys.elsewhere("litellm", "", "no_such_key") == ()


def test_a_key_says_which_versions_know_it() -> None:
    new = keys.find("litellm", "1.109.1", "router_settings", "fallback_on_unsupported_params")
    old = keys.find("litellm", "1.106.2", "general_settings", "disable_error_logs")
    both = keys.find("litellm", "1.109.1", "router_settings", "num_retries")

    assert new is not None
    assert (new.since, new.until) == ("1.109.1", "")
    assert keys.find("litellm", "1.106.2", "router_settings", new.name) is None
    assert old is not None
    assert (old.since, old.until) == ("", "1.106.2")
    assert both is not None
    assert (both.since, both.until) == ("", "")


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("", "1.106.2"),
        ("1.50", "1.106.2"),
        ("1.106", "1.106.2"),
        ("1.108.4", "1.106.2"),
        ("1.109", "1.109.1"),
        ("v2.0", "1.109.1"),
    ],
)
def test_an_unread_version_is_answered_by_the_last_one_before_it(asked: str, read: str) -> None:
    assert keys.nearest("litellm", asked) == read


def test_a_gateway_nobody_knows_is_the_programmers_mistake() -> None:
    with pytest.raises(KeyError):
        keys.nearest("none", "")


def test_lists_of_models_are_no_settings() -> None:
    internal = {k.name for k in keys.sections("litellm")["litellm_settings"].values() if k.internal}

    assert "bedrock_models" in internal
    assert not internal & {
        "drop_params",
        "callbacks",
        "cache",
        "num_retries",
        "public_model_groups",
    }


def test_what_the_proxy_gives_its_router_itself_is_ignored_in_a_file() -> None:
    known = keys.sections("litellm")["router_settings"].values()

    assert {key.name for key in known if key.ignored} >= {"model_list", "router_general_settings"}
    assert not any(key.ignored for key in known if key.name in ("fallbacks", "num_retries"))


def test_open_lists_are_known_by_name() -> None:
    assert len(keys.names("litellm", "1.106.2", "content_patterns")) == 82
    assert "litellm_content_filter" in keys.names("litellm", "", "guardrails")
    assert "pre_call" in keys.names("litellm", "", "guardrail_modes")
    assert "least-busy" in keys.names("litellm", "", "routing_strategies")
    assert {"redis", "disk"} <= set(keys.names("litellm", "1.106.2", "cache_types"))
    assert "disk" not in keys.names("litellm", "1.109.1", "cache_types")
    assert {"langfuse", "prometheus"} <= set(keys.names("litellm", "", "callbacks"))
    assert "azure" in keys.names("litellm", "", "providers")
    assert keys.names("portkey-oss", "", "callbacks") == ()


@pytest.mark.parametrize(
    ("gateway", "path", "section"),
    [
        ("litellm", ("model_list", 0, "litellm_params", "model"), "litellm_params"),
        ("litellm", ("router_settings", "retry_policy", "TimeoutErrorRetries"), "retry_policy"),
        (
            "litellm",
            ("router_settings", "model_group_retry_policy", "chat", "TimeoutErrorRetries"),
            "retry_policy",
        ),
        ("litellm", ("litellm_settings", "cache_params", "host"), "cache_params"),
        ("portkey-oss", ("targets", 0, "targets", 1, "retry", "onStatusCodes"), "retry"),
        ("portkey-cloud", ("input_guardrails", 0, "on_fail", "deny"), "hooks[].on_fail"),
        ("openrouter", ("provider", "sort", "by"), "provider.sort"),
    ],
)
def test_a_setting_is_located_by_its_path(
    gateway: str, path: tuple[str | int, ...], section: str
) -> None:
    key = keys.locate(gateway, "", path)

    assert key is not None
    assert key.section == section


@pytest.mark.parametrize(
    ("gateway", "path"),
    [
        ("litellm", ("router_setings", "num_retries")),
        ("litellm", ("model_list", 0, "litellm_params", "extra_headers", "X-Team")),
        ("litellm", ("router_settings", "num_retries", "chat")),
        ("portkey-cloud", ("retry", "onStatusCodes")),
        ("portkey-oss", ("targets", 0, "override_params", "model")),
        ("openrouter", ("provider", "metadata")),
    ],
)
def test_unknown_keys_and_the_users_own_are_not_located(
    gateway: str, path: tuple[str | int, ...]
) -> None:
    assert keys.locate(gateway, "", path) is None


def test_a_filter_is_looked_up_below_the_file_it_stands_in() -> None:
    path = ("content_filters", 0, "pattern")

    assert keys.locate("openrouter", "", path) is None
    assert keys.locate("openrouter", "", path, start="guardrail") is not None


def test_reading_the_inventory_takes_milliseconds() -> None:
    code = (
        "import time; from designer import keys; start = time.perf_counter();"
        "keys.sections('litellm'); print(time.perf_counter() - start)"
    )

    def took_s() -> float:
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return float(run.stdout)

    assert min(took_s() for _ in range(3)) < 0.05
