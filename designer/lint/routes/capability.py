"""Fallbacks that cannot do what the first deployment can."""

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Deployment
from designer.lint.routes.places import model_place
from designer.lint.routes.walk import Walk
from designer.lint.subject import Subject

_FAR_SMALLER = 4
_SMALL_WINDOW = 64_000
_SMALLER = 2

FAR_SMALLER_WINDOW = Rule(
    "LNT224",
    Severity.WARNING,
    "{route!r} takes {window:,} input tokens, and its fallback {fallback} only {smaller:,}",
    "A prompt that the first deployment answers is refused by the fallback as too long, so longer "
    "requests fail during an outage although the fallback is up.",
    instead="prompts of more than {smaller:,} tokens have no fallback",
    help="fall back to a model with a larger window, or add one after it",
    source="https://github.com/BerriAI/litellm/issues/31557; windows: LiteLLM 1.106.2's price map, "
    "2026-11-22",
)
NO_TOOLS = Rule(
    "LNT225",
    Severity.WARNING,
    "{route!r} can call tools, and its fallback {fallback} cannot",
    "A request with tools is answered without them or refused.",
    instead="requests with tools fail or change their meaning on the fallback",
    help="fall back to a model that can call tools",
    source="https://github.com/openclaw/openclaw/issues/73687; capabilities: LiteLLM 1.106.2's price "
    "map, 2026-11-22",
)
SMALLER_WINDOW = Rule(
    "LNT226",
    Severity.INFO,
    "{route!r} takes {window:,} input tokens, and its fallback {fallback} {smaller:,}",
    "Prompts between the two sizes have no fallback.",
    instead="prompts of more than {smaller:,} tokens have no fallback",
    help="make sure that prompts stay below the smaller window",
    source="https://github.com/BerriAI/litellm/issues/31557; windows: LiteLLM 1.106.2's price map, "
    "2026-11-22",
)
LESS_ABLE = Rule(
    "LNT223",
    Severity.INFO,
    "{route!r} takes {what}, and its fallback {fallback} is not known to",
    "Requests that need it are refused by the fallback, or answered without it.",
    instead="requests that need it have no fallback",
    help="check what clients send, or fall back to a model that takes it too",
    source="https://github.com/BerriAI/litellm/issues/3769; capabilities: LiteLLM 1.106.2's price map, "
    "2026-11-22",
)


def windows_hold_up(subject: Subject, walk: Walk, report: Report) -> None:
    """Of the fallbacks the smallest is told of, once a route; embeddings have short inputs anyway."""
    window = max((_window(subject, d) or 0 for d in walk.first), default=0)
    sized = [(size, d) for d in walk.further if (size := _window(subject, d))]
    if not window or not sized or not _chats(subject, walk.first):
        return
    smallest, fallback = min(sized, key=lambda pair: pair[0])
    if smallest * _SMALLER > window:
        return
    is_far = smallest * _FAR_SMALLER <= window and smallest <= _SMALL_WINDOW
    report.add(
        FAR_SMALLER_WINDOW if is_far else SMALLER_WINDOW,
        model_place(subject, fallback.id),
        route=walk.route.name,
        window=window,
        fallback=fallback.model,
        smaller=smallest,
    )


def tools_hold_up(subject: Subject, walk: Walk, report: Report) -> None:
    if not all(subject.known[d.id].calls_tools for d in walk.first):
        return
    for fallback in walk.further:
        found = subject.known[fallback.id]
        if found.calls_tools is False and not found.is_self_hosted and found.kind == "chat":
            place = model_place(subject, fallback.id)
            report.add(NO_TOOLS, place, route=walk.route.name, fallback=fallback.model)


def inputs_hold_up(subject: Subject, walk: Walk, report: Report) -> None:
    able = [c for d in walk.first if (c := subject.known[d.id].capabilities) is not None]
    if len(able) < len(walk.first) or not _chats(subject, walk.first):
        return
    wanted = frozenset.intersection(*able)
    for fallback in walk.further:
        lost = _lost(subject, fallback, wanted)
        if lost:
            report.add(
                LESS_ABLE,
                model_place(subject, fallback.id),
                route=walk.route.name,
                fallback=fallback.model,
                what=" and ".join(lost),
            )


_WORD = {"json": "JSON schemas", "vision": "images"}


def _lost(subject: Subject, fallback: Deployment, wanted: frozenset[str]) -> list[str]:
    """What somebody's own server can do is its operator's affair."""
    found = subject.known[fallback.id]
    if found.capabilities is None or found.kind != "chat" or found.is_self_hosted:
        return []
    return [what for word, what in _WORD.items() if word in wanted - found.capabilities]


def _window(subject: Subject, deployment: Deployment) -> int | None:
    return subject.known[deployment.id].max_input_tokens


def _chats(subject: Subject, deployments: tuple[Deployment, ...]) -> bool:
    return all(subject.known[d.id].kind in ("chat", None) for d in deployments)


OF_ROUTES = (windows_hold_up, tools_hold_up, inputs_hold_up)
