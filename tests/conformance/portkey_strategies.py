"""Random Portkey configurations and what their providers answer.

Waits are the gateway's own (1, 2, 4 s …), so retries are few; a limit is always shorter than a hang.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

CODES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)

answers: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{"status": code} for code in CODES]),
    st.sampled_from([{"status": code} for code in (429, 500, 503)]),
    st.sampled_from(
        [
            {"status": 200},
            {"status": 429, "headers": {"retry-after": "2"}},
            {"kind": "timeout"},
            {"kind": "reset"},
            {"kind": "malformed"},
            {"kind": "empty"},
            {"kind": "content_policy"},
            {"kind": "context_length"},
            {"status": 200, "delay_s": 0.2},
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
code_lists = st.lists(st.sampled_from(CODES), min_size=1, max_size=5, unique=True)
retries = st.builds(
    lambda attempts, codes: (
        {"attempts": attempts} | ({} if codes is None else {"on_status_codes": codes})
    ),
    st.sampled_from([0, 1, 1, 2]),
    st.one_of(st.none(), code_lists),
)


def _maybe(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


leaves = st.builds(
    lambda own: {"request_timeout": 600} | own,
    _maybe(retry=retries, override_params=st.just({"max_tokens": 5})),
)
weights = st.sampled_from([0, 0.5, 1, 2, 3])


@st.composite
def nodes(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    mode = "leaf" if depth == 0 else draw(st.sampled_from(["leaf", *_MODES]))
    if mode == "leaf":
        return draw(leaves)
    targets = draw(st.lists(nodes(depth=depth - 1), min_size=1, max_size=3))
    strategy: dict[str, Any] = {"mode": mode}
    if mode == "fallback" and draw(st.booleans()):
        strategy["on_status_codes"] = draw(code_lists)
    if mode == "loadbalance":
        for target in targets:
            if draw(st.booleans()):
                target["weight"] = draw(weights)
    if mode == "conditional":
        for index, target in enumerate(targets):
            target["name"] = f"t{depth}{index}"
        named = st.sampled_from([target["name"] for target in targets])
        strategy["conditions"] = draw(
            st.lists(
                st.fixed_dictionaries({"query": queries, "then": named}), min_size=1, max_size=2
            )
        )
        if draw(st.booleans()):
            strategy["default"] = draw(named)
    return {"strategy": strategy, "targets": targets} | draw(_maybe(retry=retries))


_MODES = ("fallback", "fallback", "fallback", "loadbalance", "conditional", "single")

_values = st.sampled_from(["gold", "free", "5", 5, True])
_tests = st.one_of(
    _values,
    st.builds(
        lambda op, value: {op: value}, st.sampled_from(["$eq", "$ne", "$gt", "$lte"]), _values
    ),
    st.builds(
        lambda op, v: {op: v}, st.sampled_from(["$in", "$nin"]), st.lists(_values, max_size=2)
    ),
    st.builds(lambda v: {"$regex": v}, st.sampled_from(["^g", "ol", "undef", "(?i)GOLD", "5"])),
)
_clauses = st.dictionaries(
    st.sampled_from(["metadata.tier", "metadata.none", "params.max_tokens", "params.model"]),
    _tests,
    min_size=1,
    max_size=2,
)
queries = st.one_of(
    _clauses,
    st.builds(
        lambda op, parts: {op: parts},
        st.sampled_from(["$and", "$or"]),
        st.lists(_clauses, min_size=1, max_size=2),
    ),
)


def targets_of(node: dict[str, Any], path: str = "") -> Iterator[str]:
    """The ids of the targets below, as a trace calls them."""
    if "targets" not in node:
        yield path or "config"
    for index, target in enumerate(node.get("targets", [])):
        yield from targets_of(target, f"{path}.targets[{index}]" if path else f"targets[{index}]")


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    config = draw(nodes(depth=draw(st.sampled_from([0, 1, 1, 1, 2, 2]))))
    stream = draw(st.sampled_from([False, False, True]))
    may = st.one_of(answers, stream_faults) if stream else answers
    outcomes = {
        name: draw(st.lists(may, min_size=1, max_size=3))
        for name in targets_of(config)
        if draw(st.sampled_from([True, True, True, False]))
    }
    request: dict[str, Any] = {"max_tokens": draw(st.sampled_from([5, 50]))}
    if stream:
        request["stream"] = True
    tier = draw(st.sampled_from(["gold", "free", 5, None]))
    if tier is not None:
        request["metadata"] = {"tier": tier}
    return {"config": config, "script": {"request": request, "outcomes": outcomes}}


cases = cases()
