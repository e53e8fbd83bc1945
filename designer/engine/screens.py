"""Which deployments of a route a request may not be sent to: conditions, as data, that bar some of them.

A screen looks at the deployments that are not cooling, at the request and at what the World has
counted; what is counted comes back as effects. Where nothing is left it names the failure. Which of
those that are left is asked is none of its business (`designer.engine.pick`).
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from designer.engine.events import Counted, Effect, Request, Usage
from designer.engine.world import World

_MINUTE_S = 60.0

Left = tuple[str, ...] | str
"""The deployments that stay, in listed order, or the failure of there being none."""


class Tags(Struct, frozen=True):
    """Deployments that share tags with the request, in its metadata or its body; others for requests without.

    A tag `!x` keeps out deployments tagged x, `&x` all others. It screens routes of which some
    deployment is listed here, be it without a tag.
    """

    source: str
    tags: Mapping[str, tuple[str, ...]]
    any_of: bool = True
    """Whether one of the request's plain tags is enough, or all of them are wanted."""
    default: str = "default"
    """The tag of those that are asked where the request's tags are nobody's."""


class Fit(Struct, frozen=True):
    """Deployments that a request fits: its length, its region, and their requests in a minute."""

    source: str
    max_input_tokens: Mapping[str, int]
    rpm: Mapping[str, int]
    regions: Mapping[str, str]
    region_param: str
    """The request's parameter that names the one region it may go to."""


class Purse(Struct, frozen=True):
    """Money for some deployments together."""

    name: str
    deployments: frozenset[str]
    limit_usd: float
    window_s: float


class Purses(Struct, frozen=True):
    """Deployments whose purses are not empty. An answer is paid when it is there, so the last overspends."""

    source: str
    purses: tuple[Purse, ...]
    usd_per_token: Mapping[str, tuple[float, float]]
    """Of the prompt and of the answer; deployments that are not listed cost nothing."""


class Throughput(Struct, frozen=True):
    """Deployments with room for the request's tokens, and for one request more, in the minute.

    It screens what is left to pick from, not the route: a route's other deployments do not step in.
    """

    source: str
    rpm: Mapping[str, float]
    tpm: Mapping[str, float]
    spare_requests: int = 0
    """How many requests before its rpm a deployment is left alone."""


Screen = Tags | Fit | Purses | Throughput


def screened(
    screen: Screen,
    left: Sequence[str],
    route: Sequence[str],
    request: Request,
    world: World,
    at: float,
) -> Left:
    """Those of `left` that pass; `route` are all deployments of the route, the cooling ones too."""
    match screen:
        case Tags():
            return _tagged(screen, left, route, request)
        case Fit():
            return _fitting(screen, left, request, world, at)
        case Purses():
            return tuple(id_ for id_ in left if not _is_spent(screen, id_, world, at)) or "barred"
        case Throughput():
            return tuple(id_ for id_ in left if _has_room(screen, id_, request, world, at))


def sent(screens: Iterable[Screen], deployment: str, at: float) -> tuple[Effect, ...]:
    """What a request counts for as it is sent."""
    limited = any(isinstance(s, Fit | Throughput) and deployment in s.rpm for s in screens)
    return (Counted(_requests(deployment), at, 1, _MINUTE_S),) if limited else ()


def answered(
    screens: Iterable[Screen], deployment: str, usage: Usage, at: float
) -> tuple[Effect, ...]:
    """What an answer is paid from."""
    return tuple(
        Counted(_money(purse), at, _cost_usd(screen, deployment, usage), purse.window_s)
        for screen in screens
        if isinstance(screen, Purses)
        for purse in screen.purses
        if deployment in purse.deployments
    )


# --- Tags -----------------------------------------------------------------------------------------


def _tagged(screen: Tags, left: Sequence[str], route: Sequence[str], request: Request) -> Left:
    if not any(id_ in screen.tags for id_ in route):
        return tuple(left)
    asked = _tags_of(request)
    wanted = {tag[1:] for tag in asked if tag.startswith("&") and tag[1:]}
    unwanted = {tag[1:] for tag in asked if tag.startswith("!") and tag[1:]}
    plain = {tag for tag in asked if not tag.startswith(("&", "!"))}

    def tags(id_: str) -> set[str]:
        return set(screen.tags.get(id_, ()))

    def allowed(ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(i for i in ids if wanted <= tags(i) and not unwanted & tags(i))

    defaults = tuple(id_ for id_ in left if screen.default in tags(id_))
    if not plain:
        constrained = left if wanted else defaults or left
        return allowed(constrained) or "untagged"
    candidates = allowed(left)
    matching = tuple(
        i for i in candidates if (plain & tags(i) if screen.any_of else plain <= tags(i))
    )
    is_known = any(plain & tags(id_) for id_ in route)
    return matching or (not is_known and allowed(defaults)) or "untagged"


def _tags_of(request: Request) -> tuple[str, ...]:
    """Anything but a list of texts is no tags."""
    given = (request.metadata.get("tags"), request.params.get("tags"))
    listed = (tag for tags in given if isinstance(tags, list | tuple) for tag in tags)
    return tuple(tag for tag in listed if isinstance(tag, str))


# --- Lengths, regions and rates -------------------------------------------------------------------


def _fitting(screen: Fit, left: Sequence[str], request: Request, world: World, at: float) -> Left:
    reasons = {id_: _misfit(screen, id_, request, world, at) for id_ in left}
    fitting = tuple(id_ for id_, reason in reasons.items() if not reason)
    # That somebody is busy is told before that the prompt is too long for others.
    too_long = "context_length" in reasons.values() and "rpm" not in reasons.values()
    return fitting or ("context_length" if too_long else "barred")


def _misfit(screen: Fit, id_: str, request: Request, world: World, at: float) -> str:
    longest, rpm = screen.max_input_tokens.get(id_), screen.rpm.get(id_)
    if longest is not None and (request.input_tokens or 0) > longest:
        return "context_length"
    if rpm is not None and world.used(_requests(id_), at) >= rpm:
        return "rpm"
    region = request.params.get(screen.region_param)
    return "region" if region is not None and screen.regions.get(id_) != region else ""


def _has_room(screen: Throughput, id_: str, request: Request, world: World, at: float) -> bool:
    rpm, tpm = screen.rpm.get(id_), screen.tpm.get(id_)
    tokens = world.minute_tokens(id_, at) + (request.input_tokens or 0)
    requests = world.used(_requests(id_), at) + screen.spare_requests
    # Nobody is left alone for requests before the first one.
    is_busy = rpm is not None and requests > screen.spare_requests and requests >= rpm
    return not is_busy and (tpm is None or tokens <= tpm)


# --- Money ----------------------------------------------------------------------------------------


def _is_spent(screen: Purses, id_: str, world: World, at: float) -> bool:
    return any(
        id_ in purse.deployments and world.used(_money(purse), at) >= purse.limit_usd
        for purse in screen.purses
    )


def _cost_usd(screen: Purses, id_: str, usage: Usage) -> float:
    prompt_usd, answer_usd = screen.usd_per_token.get(id_, (0.0, 0.0))
    return usage.prompt_tokens * prompt_usd + usage.completion_tokens * answer_usd


def _money(purse: Purse) -> str:
    return f"purse {purse.name}"


def _requests(deployment: str) -> str:
    return f"requests {deployment}"
