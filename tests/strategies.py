"""Random Routings for laws: every node, every field, and names that no format likes."""

from hypothesis import strategies as st

from designer.ir import (
    ANY,
    TRANSIENT,
    Case,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Failures,
    Guardrail,
    Node,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
    failures,
)

NASTY = (
    *("no", "on", "~", "null", "1e3", "0x10", "1_000", "2026-11-22", "12:30", ".inf", "=", "<<"),
    *(": ", "a: b", " x", "x ", "#x", "x #y", "- x", "? x", "*a", "&a", "!t", "%d", "@x", "`x"),
    *("'", '"', "\\", "a\nb", "\n", "\t", "{{ x }}", "{% x %}", "${X}", "os.environ/X", "a/b", ".."),
    *("", "ü", "日本", "😀", "\u2028", "\x85", "\x7f", "con", "A", "a", "config", "targets[0]"),
)

names = st.one_of(
    st.sampled_from(NASTY),
    st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
    st.text(max_size=6),
)
seconds = st.one_of(
    st.sampled_from([0.25, 1.0, 2.5, 30.0, 0.0004]),
    st.floats(min_value=0.001, max_value=4000, allow_nan=False),
)
scalars = st.one_of(names, st.integers(-5, 5000), st.booleans(), st.sampled_from([0.0, 0.7, 1.5]))

TOKENS = (
    *("400", "401", "403", "404", "408", "418", "422", "429", "446", "500", "502", "503", "529"),
    *("timeout", "first_token", "connect", "reset", "malformed", "empty", "context_length"),
    *("content_policy", "reject_prefill", "stream_cut", "stream_error", "guardrail"),
)
failure_sets = st.one_of(
    st.sampled_from([ANY, TRANSIENT, failures(429), failures("content_policy")]),
    st.builds(Failures, st.frozensets(st.sampled_from(TOKENS), max_size=6), st.booleans()),
)

PROVIDERS = (
    *("openai", "azure", "anthropic", "bedrock", "gemini", "vertex", "mistral", "cohere", "groq"),
    *("deepseek", "xai", "together", "fireworks", "ollama", "vllm", "my own"),
)


@st.composite
def deployments(draw: st.DrawFn, id_: str) -> Deployment:
    settings = draw(
        st.dictionaries(st.sampled_from(["api_version", "vertex_project", "x"]), names, max_size=2)
    )
    params = draw(st.dictionaries(names, scalars, max_size=2))
    return Deployment(
        id=id_,
        provider=draw(st.sampled_from(PROVIDERS)),
        model=draw(names),
        api_base=draw(
            st.sampled_from(
                [
                    None,
                    "https://res.openai.azure.com",
                    "http://127.0.0.1:9/v1",
                    "https://h.example/v1/",
                    "x",
                ]
            )
        ),
        secret=draw(st.sampled_from([None, "env:KEY", "env:AWS_ACCESS_KEY_ID", "env:a}b", "file:x"])),
        region=draw(st.sampled_from([None, "eu-west-1", "no"])),
        settings=tuple(sorted(settings.items())),
        params=tuple(sorted(params.items())),
        timeout_s=draw(st.none() | seconds),
        first_token_s=draw(st.none() | seconds),
        cooldown=draw(
            st.none() | st.builds(Cooldown, st.just(30.0), st.none() | st.integers(0, 3))
        ),
    )


_keys = st.sampled_from(
    ["task", "metadata.tier", "metadata.task", "metadata.a.b", "params.model", "team.name"]
    + ["url.pathname", "x"]
)
_leaves = st.one_of(
    st.builds(
        Condition,
        _keys,
        st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]),
        st.one_of(names, st.integers(-3, 3), st.none()),
    ),
    st.builds(
        Condition,
        _keys,
        st.sampled_from(["in", "not_in"]),
        st.lists(st.one_of(names, st.integers(0, 3)), max_size=3).map(tuple),
    ),
    st.builds(
        Condition,
        _keys,
        st.just("regex"),
        st.sampled_from(["^g", "(?i)gold", "[a-c]x\\d", "(?s).", "a|b"]),
    ),
)
conditions = st.recursive(
    _leaves,
    lambda inner: st.builds(
        Condition,
        st.just(""),
        st.sampled_from(["and", "or"]),
        st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=4,
)


def nodes(ids: list[str], route_names: list[str]) -> st.SearchStrategy[Node]:
    leaves: st.SearchStrategy[Node] = st.builds(Target, st.sampled_from(ids))
    if route_names:
        leaves = st.one_of(leaves, leaves, st.builds(Ref, st.sampled_from(route_names)))

    def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        rungs = st.lists(st.builds(Rung, inner, failure_sets), min_size=1, max_size=3)
        return st.one_of(
            st.builds(
                Retry,
                inner,
                st.integers(0, 4),
                failure_sets,
                st.lists(st.tuples(failure_sets, st.integers(0, 3)), max_size=1).map(tuple),
                st.booleans(),
            ),
            st.builds(lambda found: Chain(tuple(found)), rungs),
            _pools(inner),
            st.builds(
                lambda cases, rest: Switch(tuple(cases), rest),
                st.lists(st.builds(Case, conditions, inner), max_size=2),
                st.none() | inner,
            ),
            st.builds(Remote, inner),
        )

    return st.recursive(leaves, larger, max_leaves=5)


@st.composite
def _pools(draw: st.DrawFn, inner: st.SearchStrategy[Node]) -> Node:
    children = draw(st.lists(inner, min_size=1, max_size=3))
    share = st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0])
    shares = st.lists(share, min_size=len(children), max_size=len(children)).map(tuple)
    return Pool(
        tuple(children),
        draw(st.just(()) | shares),
        draw(
            st.sampled_from(
                ["weighted", "round_robin", "least_busy", "cheapest", "fastest", "usage"]
            )
        ),
    )


@st.composite
def guardrails(draw: st.DrawFn, name: str, route_names: list[str]) -> Guardrail:
    stage = st.sampled_from(["input", "output"])
    kind = draw(st.sampled_from(["pii", "deny", "saved"]))
    return Guardrail(
        name=name,
        kind=kind,
        stages=draw(st.frozensets(stage, min_size=1)),
        action=draw(st.sampled_from(["redact", "block"])) if kind == "pii" else "block",
        entities=draw(st.sampled_from([(), ("email", "iban")])) if kind == "pii" else (),
        pattern=draw(st.sampled_from(["lethal dose", "(?i)x", "[a-f]\\d+", '"'])),
        ignore_case=draw(st.booleans()),
        message=draw(st.sampled_from(["", "no: that"])),
        on_error=draw(st.sampled_from(["block", "pass"])),
        routes=tuple(draw(st.lists(st.sampled_from(route_names), max_size=2, unique=True))),
    )


@st.composite
def routings(draw: st.DrawFn) -> Routing:
    """Up to three routes over up to four deployments; names and ids are unique."""
    ids = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    route_names = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    routes = [
        Route(
            name=name,
            node=draw(nodes(ids, route_names)),
            deadline_s=draw(st.none() | seconds),
            attempts_limit=draw(st.none() | st.integers(1, 5)),
            mid_stream=draw(st.sampled_from(["error", "buffer"])),
            sticky=draw(st.sampled_from(["none", "user"])),
            embeds=draw(st.booleans()),
        )
        for name in route_names
    ]
    rail_names = draw(st.lists(names, max_size=2, unique=True))
    alias = draw(st.lists(names.filter(lambda n: n not in route_names), max_size=1))
    return Routing(
        routes=tuple(routes),
        deployments=tuple(draw(deployments(id_)) for id_ in ids),
        guardrails=tuple(draw(guardrails(name, route_names)) for name in rail_names),
        aliases=tuple((name, draw(st.sampled_from(route_names))) for name in alias),
    )
