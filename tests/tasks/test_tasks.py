"""The task model: what it says of prompts, how often it is right, and where its guess leads."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.cli import run
from designer.ir import (
    Case,
    Chain,
    Condition,
    Deployment,
    Ref,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
)
from designer.profile.model import Task
from designer.tasks import TASKS, last_said, routes_by_task, shares, task_of
from tests.runtime.served import FIRST, OFFERINGS, SECOND, Running, served
from tests.tasks.judge import confusion, f1, macro_f1, of_split, page
from tests.tasks.labelled import made, prompts
from tests.tasks.train import PAGE, WEIGHTS, trained

LABELLED = prompts()


def test_the_tasks_are_those_of_a_profile_but_embedding() -> None:
    assert {*TASKS, "embed"} == set(Task.__args__)  # type: ignore[attr-defined]  # a Literal's


def test_macro_f1_on_held_out_prompts_is_at_least_nine_tenths() -> None:
    found = confusion(of_split(LABELLED, "test"))

    assert macro_f1(found) >= 0.9
    assert min(f1(found, task) for task in TASKS) >= 0.8


def test_the_page_says_what_the_model_does() -> None:
    assert page(LABELLED) == PAGE.read_text("utf-8")


def test_the_labelled_prompts_are_made_of_the_templates() -> None:
    assert list(made()) == LABELLED


def test_no_held_out_prompt_shares_a_template_or_a_text_with_those_trained_on() -> None:
    known = of_split(LABELLED, "train")
    kept = [one for one in LABELLED if one.split != "train"]

    assert not {one.text.lower() for one in known} & {one.text.lower() for one in kept}
    assert not {(o.task, o.source) for o in known} & {
        (o.task, o.source) for o in kept if o.source != "hand"
    }


@pytest.mark.slow
def test_training_gives_the_same_bytes() -> None:
    assert trained(of_split(LABELLED, "train")) == WEIGHTS.read_bytes()


@given(st.text())
def test_any_text_is_for_one_task_or_for_none(text: str) -> None:
    likely = shares(text)

    assert sum(likely) == pytest.approx(1)
    assert task_of(text) in (*TASKS, "")


def test_nothing_is_said_of_nothing() -> None:
    assert task_of("") == task_of("   ") == ""


def test_a_long_prompt_is_read_at_both_ends_only() -> None:
    middle = "lorem ipsum " * 5000
    assert shares(f"{'Summarize: '}{middle}") == shares(f"{'Summarize: '}{middle * 2}")


def test_the_last_message_of_the_user_counts() -> None:
    said = [
        {"role": "user", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": "write a regex"}]},
        {"role": "assistant", "content": "Sure"},
    ]

    assert last_said(said) == "write a regex"
    assert last_said([{"role": "system", "content": "x"}]) == last_said([]) == ""


# --- Where it leads -------------------------------------------------------------------------------


def by_task() -> Routing:
    code = Case(Condition("task", "eq", "code"), Target(SECOND))
    deployments = tuple(
        Deployment(id_, OFFERINGS[id_].provider, OFFERINGS[id_].model) for id_ in (FIRST, SECOND)
    )
    return Routing(
        (
            Route("chat", Switch((code,), Target(FIRST))),
            Route("led", Chain((Rung(Ref("chat")),))),
            Route("plain", Target(FIRST)),
        ),
        deployments,
        aliases=(("also", "led"),),
    )


def test_routes_that_come_to_a_decision_by_task_are_found_through_others() -> None:
    assert routes_by_task(by_task()) == {"chat", "led", "also"}


SQL = "Fix this SQL query, it returns duplicate rows: SELECT * FROM a JOIN b ON a.id = b.id"


@pytest.mark.parametrize(
    ("content", "metadata", "by"),
    [(SQL, {}, SECOND), ("hello there", {}, FIRST), (SQL, {"task": "chat"}, FIRST)],
)
def test_the_runtime_goes_by_the_prompt_unless_the_request_says_its_task(
    tmp_path: Path, content: str, metadata: dict[str, Any], by: str
) -> None:
    async def test(running: Running) -> None:
        said: Any = [{"role": "user", "content": content}]
        raw = await running.client.chat.completions.with_raw_response.create(
            model="led", messages=said, metadata=metadata
        )
        assert raw.headers["x-designer-served-by"] == by

    served(tmp_path, test, by_task())


CONFIG = {
    "strategy": {
        "mode": "conditional",
        "conditions": [{"query": {"metadata.task": {"$eq": "code"}}, "then": "coder"}],
        "default": "talker",
    },
    "targets": [
        {"name": "coder", "provider": "openai", "api_key": "$A"},
        {"name": "talker", "provider": "openai", "api_key": "$A"},
    ],
}


@pytest.mark.parametrize(
    ("semantics", "prompt", "asked", "told"),
    [
        ("reference", SQL, "coder", "looks like code"),
        ("reference", "hello there", "talker", "looks like chat"),
        ("own", SQL, "talker", "portkey-oss goes by what the request says alone"),
    ],
)
def test_trace_shows_what_a_prompt_is_taken_for(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    semantics: str,
    prompt: str,
    asked: str,
    told: str,
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))

    code = run(
        ["trace", str(path), "--prompt", prompt, "--semantics", semantics, "--format", "json"]
    )

    said = capsys.readouterr()
    assert code == 0
    trace = json.loads(said.out)
    assert [attempt["deployment"] for attempt in trace["attempts"]] == [asked]
    assert told in said.err


def test_trace_asks_for_outcomes_or_a_prompt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))

    assert run(["trace", str(path)]) == 2
    assert "--outcomes FILE, or give a --prompt" in capsys.readouterr().err
