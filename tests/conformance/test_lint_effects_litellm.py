"""What lint says of keys, values and guardrails of LiteLLM, seen on the real proxy.

The effects of rules about routes are cases of the corpus (`designer/lint/effects.yaml`). Here is one
broken file, booted once; each test first asks lint for the rule, then the proxy for what happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tests.gateways.asking import ask_litellm
from tests.gateways.processes import MASTER_KEY, NO_WAITS, RunningGateway, litellm_proxy
from tests.gateways.upstream import Upstream, running_upstream, status
from tests.lint.linting import codes

pytestmark = [pytest.mark.gateway, pytest.mark.full]

MAIL = "ada@example.com"


def broken(upstream: Upstream) -> dict[str, Any]:
    def model(name: str, **params: Any) -> dict[str, Any]:
        base = {"model": "openai/m", "api_key": "key", "api_base": upstream.url(name)}
        return {"model_name": name, "litellm_params": base | params}

    def rail(name: str, **params: Any) -> dict[str, Any]:
        mail = {"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"}
        known = {
            "guardrail": "litellm_content_filter",
            "mode": "pre_call",
            "default_on": True,
            "patterns": [mail],
        }
        said = {key: value for key, value in (known | params).items() if value is not None}
        return {"guardrail_name": name, "litellm_params": said}

    misspelt = {"pattern_type": "prebuilt", "pattern_name": "emial", "action": "MASK"}
    return {
        "model_list": [
            model("chat"),
            model("misspelt", num_retires=5),
            model("named-wrongly", api_key="os.environ.PROVIDER_KEY"),
            {
                "model_name": "nobodys",
                "litellm_params": {"model": "opnai/gpt-5.5", "api_key": "key"},
            },
            model("stubborn", max_retries=0),
        ],
        "router_settings": {"disable_cooldowns": True, "num_retries": 1, "num_retrys": 4},
        "general_settings": {
            "master_key": MASTER_KEY,
            "allow_client_side_credentials": True,
            "fallbacks": [{"chat": ["misspelt"]}],
        },
        "guardrails": [
            rail("misspelt-pattern", patterns=[misspelt]),
            rail("asked-by-nobody", default_on=None),
            rail("beside-the-call", mode="during_call"),
        ],
    }


class Booted(Struct, frozen=True):
    gateway: RunningGateway
    upstream: Upstream
    codes: tuple[str, ...]

    def ask(self, model: str, **body: Any) -> httpx.Response:
        self.upstream.attempts.clear()
        return ask_litellm(self.gateway, model, **body)


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    config: Path = tmp_path_factory.mktemp("broken") / "config.yaml"
    with running_upstream() as upstream:
        config.write_text(json.dumps(broken(upstream)), "utf-8")
        found = tuple(codes(config, "litellm"))
        with litellm_proxy(config, NO_WAITS) as gateway:
            yield Booted(gateway, upstream, found)


@pytest.mark.parametrize("code", ["LNT301", "LNT303", "LNT304"])
def test_guardrails_that_do_not_run_let_personal_data_out(booted: Booted, code: str) -> None:
    assert code in booted.codes

    said = []
    for _ in range(12):  # what is masked beside the call is masked by chance
        answer = booted.ask("chat", messages=[{"role": "user", "content": f"I am {MAIL}"}])
        assert answer.status_code == 200
        said.append(json.dumps(booted.upstream.attempts[-1].body))

    assert any(MAIL in body for body in said)


def test_a_misspelt_key_of_a_deployment_goes_to_the_provider(booted: Booted) -> None:
    assert "LNT001" in booted.codes

    booted.ask("misspelt")

    assert booted.upstream.attempts[-1].body["num_retires"] == 5


def test_a_misspelt_reference_is_sent_as_the_key(booted: Booted) -> None:
    assert "LNT012" in booted.codes

    booted.ask("named-wrongly")

    said = booted.upstream.attempts[-1].headers
    assert "os.environ.PROVIDER_KEY" in json.dumps(said)


def test_a_deployment_of_an_unknown_provider_is_dropped(booted: Booted) -> None:
    assert "LNT011" in booted.codes

    answer = booted.ask("nobodys")

    assert answer.status_code >= 400
    assert booted.upstream.attempts == []


def test_max_retries_of_a_deployment_changes_nothing(booted: Booted) -> None:
    assert "LNT403" in booted.codes
    booted.upstream.script("stubborn", status(500))

    booted.ask("stubborn")

    assert len(booted.upstream.attempts) == 2, "num_retries of the router counts"


def test_a_misspelt_router_setting_and_fallbacks_elsewhere_do_nothing(booted: Booted) -> None:
    assert {"LNT001", "LNT003"} <= set(booted.codes)
    booted.upstream.script("chat", status(500))

    answer = booted.ask("chat")

    assert answer.status_code == 500
    assert booted.upstream.labels() == ["chat", "chat"]


@pytest.mark.parametrize(
    ("code", "router"),
    [
        ("LNT007", {"num_retries": "2"}),
        ("LNT007", {"num_retries": 1, "retry_after": "3"}),
    ],
)
def test_a_text_where_the_router_calculates_breaks_every_failure(
    booted: Booted, code: str, router: dict[str, Any], tmp_path: Path
) -> None:
    models = [
        {
            "model_name": "A",
            "litellm_params": {
                "model": "openai/m",
                "api_key": "key",
                "api_base": booted.upstream.url("A"),
            },
        }
    ]
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({"model_list": models, "router_settings": router}), "utf-8")
    assert code in codes(file, "litellm")
    booted.upstream.script("A", status(503))

    answer = booted.ask("A", user_config={"model_list": models, **router})

    assert answer.status_code == 500
    assert "str" in answer.text
