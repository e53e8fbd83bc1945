"""Which keys and values are findings, and which only look like some."""

from pathlib import Path
from textwrap import indent

import pytest

from tests.lint.linting import linted

MODEL = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
"""


def found(tmp_path: Path, text: str, gateway: str = "litellm") -> dict[str, str]:
    """Message by code, of the rules of keys and values."""
    path = tmp_path / "config.yaml"
    path.write_text(text, "utf-8")
    return {
        f.code: f.message for f in linted(path, gateway) if f.code < "LNT030" and f.code[0] == "L"
    }


def section(name: str, body: str) -> str:
    return f"{MODEL}{name}:\n{indent(body, '  ')}\n"


def deployment(params: str) -> str:
    return f"model_list:\n  - model_name: chat\n    litellm_params: {{{params}}}\n"


@pytest.mark.parametrize(
    ("where", "written", "meant"),
    [
        ("router_settings", "num_retires: 1", "num_retries"),
        ("router_settings", "cooldown_tme: 30", "cooldown_time"),
        ("router_settings", "routing_stratgy: least-busy", "routing_strategy"),
        ("router_settings", "fallback: []", "fallbacks"),
        ("litellm_settings", "drop_param: true", "drop_params"),
        ("litellm_settings", "succes_callback: []", "success_callback"),
        ("general_settings", "mastr_key: os.environ/KEY", "master_key"),
        ("general_settings", "background_health_check: true", "background_health_checks"),
    ],
)
def test_a_slip_in_a_key_is_found_with_what_was_meant(
    tmp_path: Path, where: str, written: str, meant: str
) -> None:
    said = found(tmp_path, section(where, written))

    assert f"did you mean `{meant}`?" in said["LNT001"]


@pytest.mark.parametrize(
    ("params", "meant"),
    [("weigth: 3", "weight"), ("timout: 30", "timeout"), ("api_bse: 'http://gpu/v1'", "api_base")],
)
def test_a_slip_in_a_deployment_is_found_too(tmp_path: Path, params: str, meant: str) -> None:
    said = found(tmp_path, deployment(f"model: openai/gpt-4o, {params}"))

    assert f"did you mean `{meant}`?" in said["LNT001"]


@pytest.mark.parametrize(
    "text",
    [
        MODEL,
        f"x-defaults: &d {{timeout: 30}}\n{MODEL}",
        f"{MODEL}    model_info: {{owner: team-chat, ticket: OPS-12, mode: chat}}\n",
        section(
            "litellm_settings", "timezone: Europe/Berlin\ndrop_params: 'true'\nmax_budget: '10'"
        ),
        section("litellm_settings", "callbacks: company.logger"),
        section(
            "litellm_settings",
            "callbacks: [prometheus, company.logger]\nfailure_callback: [sentry]",
        ),
        section("environment_variables", "ANYTHING: at all\nOTHER: os.environ/OTHER"),
        deployment("model: gpt-4o"),
        deployment("model: '*'"),
        deployment("model: meta-llama/Llama-3.3-70B, custom_llm_provider: openai"),
        deployment("model: Qwen/Qwen3-32B, api_base: 'https://api.groq.com/openai/v1'"),
        deployment("model: crusoe/deepseek-ai/DeepSeek-V3-0324"),
        deployment("model: acme/x")
        + "litellm_settings:\n  custom_provider_map: [{provider: acme, custom_handler: acme.llm}]\n",
        deployment("model: azure/x, api_version: '2024-10-21'"),
        deployment("model: openai/x, rpm: '100', timeout: '30', num_retries: '2', weight: 0.5"),
        deployment("model: openai/x, timeout: os.environ/TIMEOUT_S"),
    ],
)
def test_what_is_right_or_may_be_is_no_finding(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == {}


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("os.env/KEY", "LNT012"),
        ("os.environ.KEY", "LNT012"),
        ("OS.ENVIRON/KEY", "LNT012"),
        ("'os.environ/ KEY'", "LNT012"),
        ("os.environ/${KEY}", "LNT012"),
        ("os.getenv('OPENAI_KEY')", "LNT012"),
        ("env/OPENAI_KEY", "LNT012"),
        ("${OPENAI_KEY}", "LNT013"),
        ("$OPENAI_KEY", "LNT013"),
        ("Bearer os.environ/KEY", "LNT014"),
    ],
)
def test_a_reference_that_is_none_is_found(tmp_path: Path, written: str, code: str) -> None:
    said = found(tmp_path, f"{MODEL}general_settings:\n  master_key: {written}\n")

    assert list(said) == [code]


def test_a_key_of_another_version_is_told_of(tmp_path: Path) -> None:
    text = section("router_settings", "enable_mid_stream_fallback_continuation: true")

    assert "since 1.109.1" in found(tmp_path, text, "litellm@1.106.2")["LNT005"]
    assert found(tmp_path, text, "litellm@1.109.1") == {}
