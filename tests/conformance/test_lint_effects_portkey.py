"""What lint says of its Portkey examples, on the real gateway: that it happens, and that the mended twin behaves.

Each example is asked as it is but for what would leave this machine: its targets go to the stub, by
their position, and its keys are invented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import httpx
import pytest

from designer.lint.portkey.view import Level
from tests.gateways.processes import RunningGateway
from tests.gateways.upstream import HANG, RESET, Outcome, Upstream, status
from tests.lint.linting import example

pytestmark = [pytest.mark.gateway, pytest.mark.full]


class Asked(NamedTuple):
    status: int
    labels: list[str]
    """Targets that were reached, in order: `t`, or the last index of each one's path."""
    text: str


def ask(
    portkey: RunningGateway,
    upstream: Upstream,
    config: Any,
    metadata: Mapping[str, Any] | None = None,
    messages: tuple[str, ...] = ("hello",),
    **body: Any,
) -> Asked:
    upstream.attempts.clear()
    headers = {"x-portkey-config": json.dumps(config)}
    if metadata is not None:
        headers["x-portkey-metadata"] = json.dumps(metadata)
    answer = httpx.post(
        f"{portkey.base_url}/v1/chat/completions",
        headers=headers,
        json={"model": "any", "messages": [{"role": "user", "content": m} for m in messages]}
        | body,
        timeout=60.0,
        trust_env=False,
    )
    return Asked(answer.status_code, upstream.labels(), answer.text)


def config_of(code: str, kind: str, upstream: Upstream) -> Any:
    """An example whose targets are the stub's; all speak OpenAI's dialect there."""
    config = json.loads(re.sub(r"\$\{\w+\}", "key", example(code, kind).read_text("utf-8")))
    _to_the_stub(config, (), upstream)
    return config


def _to_the_stub(node: dict[str, Any], path: tuple[int, ...], upstream: Upstream) -> None:
    for index, target in enumerate(node.get("targets", [])):
        _to_the_stub(target, (*path, index), upstream)
    if Level((), node).is_target and "provider" in node:
        for key in ("resource_name", "deployment_id", "api_version"):
            node.pop(key, None)
        node["provider"] = "openai"
        label = "-".join(map(str, path)) or "t"
        key = "customHost" if "customHost" in node else "custom_host"
        node[key] = upstream.url(label)


@pytest.fixture
def gateway(portkey: RunningGateway, upstream: Upstream) -> Gateway:
    return Gateway(portkey, upstream)


class Gateway(NamedTuple):
    portkey: RunningGateway
    upstream: Upstream

    def ask(self, code: str, kind: str, **request: Any) -> Asked:
        return ask(self.portkey, self.upstream, config_of(code, kind, self.upstream), **request)


# --- Keys -----------------------------------------------------------------------------------------


def test_lnt601_a_misspelt_list_of_codes_moves_on_after_every_failure(gateway: Gateway) -> None:
    gateway.upstream.script("0", status(401))

    assert gateway.ask("LNT601", "fails").labels == ["0", "1"]
    assert gateway.ask("LNT601", "passes")[:2] == (401, ["0"])


def test_lnt602_a_camel_case_host_is_not_checked(gateway: Gateway) -> None:
    private = f"http://127.0.0.2:{gateway.upstream.port}/d/t/v1"
    answers = []
    for kind, key in (("fails", "customHost"), ("passes", "custom_host")):
        config = config_of("LNT602", kind, gateway.upstream) | {key: private}
        answers.append(ask(gateway.portkey, gateway.upstream, config))

    # The stub listens on 127.0.0.1 alone, so a host that is not refused cannot be reached.
    assert [answer.status for answer in answers] == [500, 400]
    assert "Invalid custom host" in answers[1].text


def test_lnt603_a_dropped_parameter_is_sent_all_the_same(gateway: Gateway) -> None:
    gateway.ask("LNT603", "fails", logit_bias={"50256": -100})

    assert gateway.upstream.attempts[-1].body["logit_bias"] == {"50256": -100}


def test_lnt604_a_virtual_key_asks_nobody(gateway: Gateway) -> None:
    asked = gateway.ask("LNT604", "fails")

    assert asked.status in (400, 500)
    assert asked.labels == []
    assert gateway.ask("LNT604", "passes")[:2] == (200, ["0"])


def test_lnt605_nothing_is_cached(gateway: Gateway) -> None:
    for _ in range(2):
        assert gateway.ask("LNT605", "fails", temperature=0).labels == ["t"]


def test_lnt606_text_overrides_nothing(gateway: Gateway) -> None:
    for kind, model in (("fails", "any"), ("passes", "gpt-4o")):
        gateway.ask("LNT606", kind)

        assert gateway.upstream.attempts[-1].body["model"] == model


def test_lnt607_a_long_configuration_is_refused(gateway: Gateway) -> None:
    with suppress(httpx.TransportError):  # hanging up in mid-header may cut its own answer off
        assert gateway.ask("LNT607", "fails").status == 431

    assert gateway.upstream.labels() == []
    assert gateway.ask("LNT607", "passes").status == 200


# --- Targets --------------------------------------------------------------------------------------


def test_lnt609_a_private_host_is_refused(gateway: Gateway) -> None:
    config = json.loads(example("LNT609", "fails").read_text("utf-8"))

    asked = ask(gateway.portkey, gateway.upstream, config)

    assert asked.status == 400
    assert "Invalid custom host" in asked.text


def test_lnt612_a_timeout_in_seconds_is_over_at_once(gateway: Gateway) -> None:
    gateway.upstream.script("t", HANG)

    assert gateway.ask("LNT612", "fails").status == 408


def test_lnt615_a_retry_of_its_own_has_the_default_codes(gateway: Gateway) -> None:
    gateway.upstream.script("0", status(503))

    assert gateway.ask("LNT615", "fails").labels == ["0", "0", "1"]
    assert gateway.ask("LNT615", "passes").labels == ["0", "1"]


# --- Strategies -----------------------------------------------------------------------------------


def test_lnt616_single_asks_the_first_only(gateway: Gateway) -> None:
    gateway.upstream.script("0", status(503))

    assert gateway.ask("LNT616", "fails")[:2] == (503, ["0"])
    assert gateway.ask("LNT616", "passes")[:2] == (200, ["0", "1"])


def test_lnt617_a_lost_connection_is_a_500(gateway: Gateway) -> None:
    gateway.upstream.script("0", RESET)

    assert gateway.ask("LNT617", "fails")[:2] == (500, ["0"])
    assert gateway.ask("LNT617", "passes")[:2] == (200, ["0", "1"])


def test_lnt618_a_refusal_moves_on(gateway: Gateway) -> None:
    gateway.upstream.script("0", status(400))

    assert gateway.ask("LNT618", "fails").labels == ["0", "1"]
    assert gateway.ask("LNT618", "passes")[:2] == (400, ["0"])


def test_lnt619_codes_of_a_load_balance_move_nothing_on(gateway: Gateway) -> None:
    for label in ("0", "1"):
        gateway.upstream.script(label, status(503))

    assert len(gateway.ask("LNT619", "fails").labels) == 1
    assert gateway.ask("LNT619", "passes").labels == ["0", "1"]


def test_lnt620_another_target_is_not_asked(gateway: Gateway) -> None:
    for label in ("0", "1", "0-0", "0-1"):
        gateway.upstream.script(label, status(503))

    assert gateway.ask("LNT620", "fails").status == 503
    gateway.upstream.script("1", status(200))
    assert gateway.ask("LNT620", "passes").status == 200


def test_lnt621_a_missing_weight_is_one(gateway: Gateway) -> None:
    drawn = [gateway.ask("LNT621", "fails").labels[0] for _ in range(60)]

    # 1/1.7 of them, not 0.3: fewer than 25 of 60 would happen once in 3,000 runs.
    assert drawn.count("1") >= 25


def test_lnt622_a_negative_weight_takes_a_target_out(gateway: Gateway) -> None:
    drawn = {gateway.ask("LNT622", "fails").labels[0] for _ in range(12)}

    assert drawn == {"0"}


# --- Conditions -----------------------------------------------------------------------------------


def test_lnt623_of_two_targets_with_a_name_the_first_is_asked(gateway: Gateway) -> None:
    for plan in ("gold", "free"):
        assert gateway.ask("LNT623", "fails", metadata={"plan": plan}).labels == ["0"]
    assert gateway.ask("LNT623", "passes", metadata={"plan": "free"}).labels == ["1"]


def test_lnt624_without_a_default_nobody_is_asked(gateway: Gateway) -> None:
    assert gateway.ask("LNT624", "fails", metadata={"plan": "team"})[:2] == (400, [])
    assert gateway.ask("LNT624", "passes", metadata={"plan": "team"}).labels == ["1"]


def test_lnt626_a_field_that_is_not_there_equals_nothing(gateway: Gateway) -> None:
    request = {"metadata": {"tier": 3, "plan": "gold"}}

    assert gateway.ask("LNT626", "fails", **request).labels == ["1"]
    assert gateway.ask("LNT626", "passes", **request).labels == ["0"]


def test_lnt627_a_pattern_with_a_flag_never_matches(gateway: Gateway) -> None:
    request = {"metadata": {"plan": "gold"}}

    assert gateway.ask("LNT627", "fails", **request).labels == ["1"]
    assert gateway.ask("LNT627", "passes", **request).labels == ["0"]


def test_lnt628_what_stands_after_or_is_not_looked_at(gateway: Gateway) -> None:
    request: dict[str, Any] = {"metadata": {"plan": "gold"}, "max_tokens": 9000}

    assert gateway.ask("LNT628", "fails", **request).labels == ["0"]
    assert gateway.ask("LNT628", "passes", **request).labels == ["1"]


def test_lnt629_who_says_nothing_leaves_the_region(gateway: Gateway) -> None:
    assert gateway.ask("LNT629", "fails", metadata={"region": "eu"}).labels == ["0"]
    assert gateway.ask("LNT629", "fails").labels == ["1"]


# --- Guardrails -----------------------------------------------------------------------------------

LETHAL = {"messages": ("a lethal dose of it",)}


def test_lnt630_a_rule_with_a_flag_lets_everything_through(gateway: Gateway) -> None:
    said = {"message": {"role": "assistant", "content": "a lethal dose"}, "index": 0}
    body = {"object": "chat.completion", "choices": [said], "model": "m", "usage": {}}
    gateway.upstream.script("t", Outcome(body=body))

    assert gateway.ask("LNT630", "fails").status == 200
    assert gateway.ask("LNT630", "passes").status == 446


@pytest.mark.parametrize(
    ("code", "status_of_it"), [("LNT631", 246), ("LNT633", 200), ("LNT634", 200)]
)
def test_lnt631_633_634_what_is_to_be_denied_is_sent(
    gateway: Gateway, code: str, status_of_it: int
) -> None:
    assert gateway.ask(code, "fails", **LETHAL)[:2] == (status_of_it, ["t"])
    assert gateway.ask(code, "passes", **LETHAL)[:2] == (446, [])


def test_lnt632_a_check_that_does_not_exist_denies_nothing(gateway: Gateway) -> None:
    forbidden = {"model": "gpt-3.5-turbo"}
    configs = {kind: config_of("LNT632", kind, gateway.upstream) for kind in ("fails", "passes")}
    for config in configs.values():
        del config["override_params"]

    asked = {k: ask(gateway.portkey, gateway.upstream, c, **forbidden) for k, c in configs.items()}

    assert (asked["fails"].status, asked["passes"].status) == (200, 446)


def test_lnt632_the_long_form_under_the_short_key_denies_nothing(gateway: Gateway) -> None:
    check = {
        "id": "default.contains",
        "parameters": {"operator": "none", "words": ["hello"]},
    }
    rail = {"type": "guardrail", "id": "short", "deny": True, "checks": [check]}
    config = {"provider": "openai", "api_key": "key", "custom_host": gateway.upstream.url("t")}

    under = {
        key: ask(gateway.portkey, gateway.upstream, config | {key: [rail]}).status
        for key in ("input_guardrails", "before_request_hooks")
    }

    assert under == {"input_guardrails": 200, "before_request_hooks": 446}


def test_lnt635_a_list_of_its_own_replaces_the_one_above(gateway: Gateway) -> None:
    gateway.upstream.script("0", status(503))
    for kind, reached in (("fails", ["1"]), ("passes", [])):
        config = config_of("LNT635", kind, gateway.upstream)
        config["strategy"] = {"mode": "fallback"}  # so that the first target's denial moves on

        assert ask(gateway.portkey, gateway.upstream, config, **LETHAL).labels == reached


def test_lnt636_what_was_denied_is_sent_to_the_next(gateway: Gateway) -> None:
    assert gateway.ask("LNT636", "fails", **LETHAL)[:2] == (200, ["1"])
    assert gateway.ask("LNT636", "passes", **LETHAL)[:2] == (446, [])


def test_lnt637_only_the_last_message_is_redacted(gateway: Gateway) -> None:
    gateway.ask("LNT637", "fails", messages=("my number is 123-45-6789", "it is 123-45-6789"))

    first, last = (m["content"] for m in gateway.upstream.attempts[-1].body["messages"])
    assert first == "my number is 123-45-6789"
    assert "123-45-6789" not in last


def test_lnt638_a_stream_is_not_looked_at(gateway: Gateway) -> None:
    said = {"message": {"role": "assistant", "content": "a lethal dose"}, "index": 0}
    body = {"object": "chat.completion", "choices": [said], "model": "m", "usage": {}}
    gateway.upstream.script("t", Outcome(body=body))

    assert gateway.ask("LNT638", "fails").status == 446

    gateway.upstream.script("t", Outcome(text="a lethal dose"))
    assert gateway.ask("LNT638", "fails", stream=True).status == 200


def test_lnt639_a_check_that_cannot_be_asked_counts_as_passed(gateway: Gateway) -> None:
    # `policy.example.org` does not resolve, here or anywhere.
    assert gateway.ask("LNT639", "fails").status == 200
    assert gateway.ask("LNT639", "passes").status == 446
