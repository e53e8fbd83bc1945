"""Random LiteLLM configurations and what their providers answer.

Most switch cooldowns off, so that the request can bring the router along; the others share the few
settings of `BOOTED`, because each different one is a boot. Waits are real (0.5, 1, 2 …), so retries
are few where a group has one deployment.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

CODES = (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504)
GROUPS = ("A", "B", "C", "D")

answers: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{"status": code} for code in CODES]),
    st.sampled_from([{"status": code} for code in (401, 429, 500, 503)]),
    st.sampled_from(
        [
            {"status": 200},
            {"kind": "timeout"},
            {"kind": "reset"},
            {"kind": "malformed"},
            {"kind": "empty"},
            {"kind": "content_policy"},
            {"kind": "context_length"},
            {"status": 429, "headers": {"retry-after": "2"}},
            {"status": 503, "headers": {"retry-after": "1.5"}},
        ]
    ),
)
stream_faults = st.sampled_from(
    [
        {"kind": "cut_stream", "after_chunks": 0},
        {"kind": "cut_stream", "after_chunks": 2},
        {"kind": "stream_error", "after_chunks": 2},
        {"kind": "no_done"},
    ]
)
POLICY = (
    *("BadRequestErrorRetries", "AuthenticationErrorRetries", "TimeoutErrorRetries"),
    *("RateLimitErrorRetries", "ContentPolicyViolationErrorRetries", "InternalServerErrorRetries"),
)
counts = st.sampled_from([0, 0, 1, 1, 2])
policies = st.dictionaries(st.sampled_from(POLICY), counts, min_size=1, max_size=3)

BOOTED: tuple[dict[str, Any], ...] = (
    {"num_retries": 0, "timeout": 1},
    {"num_retries": 1, "timeout": 1},
    {"num_retries": 0, "timeout": 1, "allowed_fails": 0, "cooldown_time": 60},
    {"num_retries": 1, "timeout": 1, "allowed_fails": 1, "cooldown_time": 60},
    {
        "num_retries": 0,
        "timeout": 1,
        "allowed_fails_policy": {
            "RateLimitErrorAllowedFails": 1,
            "InternalServerErrorAllowedFails": 0,
        },
    },
)


@st.composite
def _groups(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = GROUPS[: draw(st.sampled_from([1, 1, 2, 2, 3]))]
    models = []
    for name in names:
        size = draw(st.sampled_from([1, 1, 2, 2, 3]))
        ordered = size > 1 and draw(st.booleans())
        weighted = size > 1 and draw(st.sampled_from([False, False, True]))
        for index in range(size):
            params: dict[str, Any] = {}
            if ordered:
                params["order"] = min(index + 1, draw(st.sampled_from([1, 2, 3])))
            if weighted:
                params["weight"] = draw(st.sampled_from([1, 2, 5]))
            if draw(st.sampled_from([False] * 7 + [True])):
                params["num_retries"] = draw(counts)
            models.append({"model_name": name} | ({"litellm_params": params} if params else {}))
    return models


def _names(models: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(entry["model_name"] for entry in models))


@st.composite
def _lists(draw: st.DrawFn, names: list[str]) -> list[dict[str, list[str]]]:
    """Which groups fall back to which; now and then to one that is not there, or in a circle."""
    listed = []
    for name in names:
        if draw(st.sampled_from([True, True, False])):
            others = [n for n in (*names, "nowhere") if n != name]
            to = draw(st.lists(st.sampled_from(others), min_size=1, max_size=2, unique=True))
            listed.append({name: to})
    return listed


@st.composite
def _router(draw: st.DrawFn, models: list[dict[str, Any]]) -> dict[str, Any]:
    names = _names(models)
    router: dict[str, Any] = {}
    if len(names) > 1 and draw(st.sampled_from([True, True, False])):
        router["fallbacks"] = draw(_lists(names))
        for typed in ("context_window_fallbacks", "content_policy_fallbacks"):
            if draw(st.sampled_from([False, False, True])):
                router[typed] = draw(_lists(names))
    return {key: value for key, value in router.items() if value}


@st.composite
def light(draw: st.DrawFn) -> dict[str, Any]:
    models = draw(_groups())
    router = draw(_router(models)) | {"disable_cooldowns": True, "timeout": 1}
    router["num_retries"] = draw(counts)
    if draw(st.sampled_from([False, False, False, True])):
        router["retry_policy"] = draw(policies)
    if draw(st.sampled_from([False] * 5 + [True])):
        router["model_group_retry_policy"] = {"A": draw(policies)}
    if draw(st.sampled_from([False] * 5 + [True])):
        router["retry_after"] = draw(st.sampled_from([0, 1]))
    names = _names(models)
    if len(names) > 1 and draw(st.sampled_from([False] * 5 + [True])):
        # A group that is not there would have everybody's list too, and lead to groups asked before.
        for key in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
            lists = [
                {n: [t for t in to if t != "nowhere"]}
                for e in router.get(key, [])
                for n, to in e.items()
            ]
            if key in router:
                router[key] = [entry for entry in lists if all(entry.values())]
        router["default_fallbacks"] = [draw(st.sampled_from(names))]
    if draw(st.sampled_from([False] * 7 + [True])):
        router["max_fallbacks"] = draw(st.sampled_from([0, 1, 2]))
    config = {"model_list": models, "router_settings": router}
    stream = draw(st.sampled_from([False, False, True]))
    request: dict[str, Any] = {"stream": True} if stream else {}
    if draw(st.sampled_from([False] * 9 + [True])):
        request["num_retries"] = draw(counts)
    if draw(st.sampled_from([False] * 9 + [True])):
        request["disable_fallbacks"] = True
    script = {"request": request, "outcomes": draw(_outcomes(models, stream))}
    return {"config": config, "route": "A", "script": script}


TAGS = ([], [], ["free"], ["paid"], ["free", "paid"], ["default"], ["default", "paid"])
ASKED = ([], ["free"], ["paid"], ["free", "paid"], ["x"], ["!free"], ["&paid"], ["&paid", "free"])
LONG = {"messages": [{"role": "user", "content": "word " * 200}], "input_tokens": 208}


@st.composite
def screened(draw: st.DrawFn) -> dict[str, Any]:
    """Tags, and in half of the cases windows and regions, over what `light` draws."""
    case = draw(light())
    models, router = case["config"]["model_list"], case["config"]["router_settings"]
    request = case["script"]["request"]
    checks = draw(st.booleans())
    router["enable_tag_filtering"] = True
    if draw(st.sampled_from([False, False, True])):
        router["tag_filtering_match_any"] = False
    for entry in models:
        params = entry.setdefault("litellm_params", {})
        params["tags"] = draw(st.sampled_from(TAGS))
        if checks:
            params["region_name"] = draw(st.sampled_from(["eu", "eu", "us"]))
            entry["model_info"] = {"max_input_tokens": draw(st.sampled_from([20, 5000]))}
    tags = draw(st.sampled_from(ASKED))
    if tags:
        request["metadata"] = {"tags": tags}
    if checks:
        router["enable_pre_call_checks"] = True
        if draw(st.booleans()):
            request |= LONG
        if draw(st.booleans()):
            request["allowed_model_region"] = "eu"
    return case


@st.composite
def cooling(draw: st.DrawFn) -> dict[str, Any]:
    models = draw(_groups())
    for entry in models:
        entry.get("litellm_params", {}).pop("num_retries", None)
    router = dict(draw(st.sampled_from(BOOTED)))
    lists = draw(_router(models))
    if "fallbacks" in lists:
        router["fallbacks"] = lists["fallbacks"]
    calls = draw(st.integers(2, 5))
    # One after the other: each call is over before the next one comes.
    every_s = 0.9 if router["num_retries"] == 0 else 2.3
    requests = [{"at_s": number * every_s} for number in range(calls)]
    outcomes = draw(_outcomes(models, stream=False, hangs=False))
    config = {"model_list": models, "router_settings": router}
    return {"config": config, "route": "A", "script": {"requests": requests, "outcomes": outcomes}}


@st.composite
def _outcomes(
    draw: st.DrawFn, models: list[dict[str, Any]], stream: bool, hangs: bool = True
) -> dict[str, Any]:
    may = st.one_of(answers, stream_faults) if stream else answers
    if not hangs:
        may = may.filter(lambda answer: answer.get("kind") != "timeout")
    outcomes: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    for entry in models:
        name = entry["model_name"]
        numbers[name] = numbers.get(name, 0) + 1
        if draw(st.sampled_from([True, True, True, False])):
            outcomes[f"{name}#{numbers[name]}"] = draw(st.lists(may, min_size=1, max_size=3))
    return outcomes


more_cases: tuple[st.SearchStrategy[dict[str, Any]], int] = (screened(), 80)
"""Beside `cases`, which stay as they are, and how many."""

cases: st.SearchStrategy[dict[str, Any]] = st.sampled_from([light, light, light, cooling]).flatmap(
    lambda kind: kind()
)
