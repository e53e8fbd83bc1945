"""Random Routings for laws: every node, every field, and names that no format likes."""

from decimal import Decimal

from hypothesis import strategies as st
from msgspec.structs import replace

from designer.gateways.legalize import rewrite
from designer.ir import (
    ANY,
    TRANSIENT,
    Arm,
    Budget,
    Cache,
    Case,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Failures,
    Guardrail,
    Key,
    Node,
    Pool,
    Quota,
    RateLimit,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    Team,
    Telemetry,
    failures,
)

NASTY = (
    *("no", "on", "~", "null", "1e3", "0x10", "1_000", "2026-11-22", "12:30", ".inf", "=", "<<"),
    *(": ", "a: b", " x", "x ", "#x", "x #y", "- x", "? x", "*a", "&a", "!t", "%d", "@x", "`x"),
    *(
        "'",
        '"',
        "\\",
        "a\nb",
        "\n",
        "\t",
        "{{ x }}",
        "{% x %}",
        "${X}",
        "os.environ/X",
        "a/b",
        "..",
    ),
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


_settings = st.dictionaries(
    st.sampled_from(["api_version", "vertex_project", "x"]), names, max_size=2
)
_params = st.dictionaries(names, scalars, max_size=2)
_deployments = st.builds(
    Deployment,
    id=st.just(""),
    provider=st.sampled_from(PROVIDERS),
    model=names,
    api_base=st.sampled_from(
        [
            None,
            "https://res.openai.azure.com",
            "http://127.0.0.1:9/v1",
            "https://h.example/v1/",
            "x",
        ]
    ),
    secret=st.sampled_from([None, "env:KEY", "env:AWS_ACCESS_KEY_ID", "env:a}b", "file:x"]),
    region=st.sampled_from([None, "eu-west-1", "no"]),
    settings=_settings.map(lambda found: tuple(sorted(found.items()))),
    params=_params.map(lambda found: tuple(sorted(found.items()))),
    timeout_s=st.none() | seconds,
    first_token_s=st.none() | seconds,
    cooldown=st.none() | st.builds(Cooldown, st.just(30.0), st.none() | st.integers(0, 3)),
    quota=st.none() | st.builds(Quota, *[st.none() | st.sampled_from([1, 60, 450_000])] * 3),
)


def deployments(id_: str) -> st.SearchStrategy[Deployment]:
    return _deployments.map(lambda found: replace(found, id=id_))


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


def _larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(
            Retry,
            inner,
            st.integers(0, 4),
            failure_sets,
            st.lists(st.tuples(failure_sets, st.integers(0, 3)), max_size=1).map(tuple),
            st.booleans(),
        ),
        st.lists(st.builds(Rung, inner, failure_sets), min_size=1, max_size=3).map(
            lambda rungs: Chain(tuple(rungs))
        ),
        st.builds(
            lambda children, shares, pick: Pool(tuple(children), shares[: len(children)], pick),
            st.lists(inner, min_size=1, max_size=3),
            st.just(()) | st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0])] * 3),
            st.sampled_from(
                ["weighted", "round_robin", "least_busy", "cheapest", "fastest", "usage"]
            ),
        ),
        st.builds(
            lambda cases, rest: Switch(tuple(cases), rest),
            st.lists(st.builds(Case, conditions, inner), max_size=2),
            st.none() | inner,
        ),
        st.builds(
            lambda name, children, shares, by: Split(
                name,
                tuple(
                    Arm(f"arm {i}", share, child)
                    for i, (child, share) in enumerate(zip(children, shares, strict=False))
                ),
                by,
            ),
            names,
            st.lists(inner, min_size=1, max_size=2),
            st.sampled_from([(0.5, 0.5), (0.9, 0.1), (1.0, 0.0), (1 / 3, 2 / 3)]),
            st.sampled_from(["request", "user", "metadata.tenant", "metadata.a.b"]),
        ),
        st.builds(Remote, inner),
    )


_numbers = st.integers(0, 3).map(str)
_trees: st.SearchStrategy[Node] = st.recursive(
    st.one_of(st.builds(Target, _numbers), st.builds(Target, _numbers), st.builds(Ref, _numbers)),
    _larger,
    max_leaves=5,
)
"""Of numbers instead of names: building the strategy anew for each draw would take most of the time."""


def nodes(ids: list[str], route_names: list[str]) -> st.SearchStrategy[Node]:
    def named(node: Node) -> Node:
        match node:
            case Target(deployment=number):
                return Target(ids[int(number) % len(ids)])
            case Ref(route=number):
                return Ref(route_names[int(number) % len(route_names)])
            case _:
                return node

    return _trees.map(lambda tree: rewrite(tree, named))


_stages = st.frozensets(st.sampled_from(["input", "output"]), min_size=1)
_guardrails = st.one_of(
    st.builds(
        Guardrail,
        st.just(""),
        st.just("pii"),
        _stages,
        st.sampled_from(["redact", "block"]),
        entities=st.sampled_from([(), ("email", "iban")]),
        on_error=st.sampled_from(["block", "pass"]),
    ),
    st.builds(
        Guardrail,
        st.just(""),
        st.just("deny"),
        _stages,
        st.just("block"),
        pattern=st.sampled_from(["lethal dose", "(?i)x", "[a-f]\\d+", '"']),
        ignore_case=st.booleans(),
        message=st.sampled_from(["", "no: that"]),
        on_error=st.sampled_from(["block", "pass"]),
    ),
    st.builds(Guardrail, st.just(""), st.just("saved"), _stages, st.just("block")),
)


def guardrails(name: str, route_names: list[str]) -> st.SearchStrategy[Guardrail]:
    covered = st.lists(st.sampled_from(route_names), max_size=2, unique=True).map(tuple)
    return st.builds(
        lambda rail, routes: replace(rail, name=name, routes=routes), _guardrails, covered
    )


def _covered(route_names: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(route_names), max_size=2, unique=True).map(tuple)


def caches(route_names: list[str]) -> st.SearchStrategy[Cache]:
    return st.builds(
        Cache,
        st.sampled_from(["exact", "semantic"]),
        seconds,
        st.sampled_from([1.0, 0.95, 0.8]),
        _covered(route_names),
    )


_usd = st.sampled_from([Decimal("0.01"), Decimal(30), Decimal("8000.5"), Decimal("1E+3")])


def budgets(scope: str, of: str) -> st.SearchStrategy[Budget]:
    return st.builds(
        Budget,
        st.just(scope),
        st.just(of),
        _usd,
        st.sampled_from(["hour", "day", "week", "month", "year"]),
        st.none() | st.sampled_from([0.5, 0.8]),
        st.booleans(),
        st.booleans(),
    )


def rate_limits(scope: str, of: str) -> st.SearchStrategy[RateLimit]:
    amount = st.none() | st.sampled_from([1, 600, 400_000])
    return st.builds(RateLimit, st.just(scope), st.just(of), amount, amount)


def teams(name: str, route_names: list[str]) -> st.SearchStrategy[Team]:
    return st.builds(
        Team,
        st.just(name),
        st.lists(st.builds(Key, names, st.booleans()), max_size=2).map(tuple),
        st.none() | _covered(route_names),
        st.sampled_from(["", "eu", "us", "no such"]),
    )


telemetries = st.builds(
    Telemetry,
    st.frozensets(st.sampled_from(["otel", "prometheus"])),
    st.sampled_from(["never", "redacted", "always"]),
)


@st.composite
def policies(draw: st.DrawFn, routing: Routing) -> Routing:
    """The Routing with caches, money, callers and telemetry; each scope has one budget at most."""
    route_names = [route.name for route in routing.routes]
    team_names = draw(st.lists(names, max_size=2, unique=True))
    scopes = [
        ("all", ""),
        *(("route", name) for name in route_names),
        *(("team", name) for name in team_names),
    ]
    some = st.lists(st.sampled_from(scopes), max_size=3, unique=True)
    return replace(
        routing,
        caches=tuple(draw(st.lists(caches(route_names), max_size=2))),
        budgets=tuple(draw(budgets(*scope)) for scope in draw(some)),
        rate_limits=tuple(draw(rate_limits(*scope)) for scope in draw(some)),
        teams=tuple(draw(teams(name, route_names)) for name in team_names),
        telemetry=draw(st.none() | telemetries),
    )


_ids = st.lists(names, min_size=1, max_size=4, unique=True)
_route_names = st.lists(names, min_size=1, max_size=3, unique=True)
_rail_names = st.lists(names, max_size=2, unique=True)
_aliases = st.lists(st.tuples(names, st.integers(0, 2)), max_size=1)
_routes = st.builds(
    Route,
    name=st.just(""),
    node=st.just(Target("")),
    deadline_s=st.none() | seconds,
    attempts_limit=st.none() | st.integers(1, 5),
    mid_stream=st.sampled_from(["error", "buffer"]),
    sticky=st.sampled_from(["none", "user"]),
    embeds=st.booleans(),
)


@st.composite
def routings(draw: st.DrawFn) -> Routing:
    """Up to three routes over up to four deployments; names and ids are unique."""
    ids, route_names = draw(_ids), draw(_route_names)
    trees = nodes(ids, route_names)
    routing = Routing(
        routes=tuple(replace(draw(_routes), name=name, node=draw(trees)) for name in route_names),
        deployments=tuple(draw(deployments(id_)) for id_ in ids),
        guardrails=tuple(draw(guardrails(name, route_names)) for name in draw(_rail_names)),
        aliases=tuple(
            (alias, route_names[number % len(route_names)])
            for alias, number in draw(_aliases)
            if alias not in route_names
        ),
    )
    return draw(policies(routing)) if draw(st.booleans()) else routing
