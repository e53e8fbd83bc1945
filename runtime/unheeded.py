"""What a configuration says that the runtime does nothing about: told when it starts, never left out in silence.

A line goes when the runtime learns the thing; a test holds the table to every field that a `Routing` has.
"""

from collections.abc import Callable

from msgspec import Struct

from designer.ir import Routing


class Unheeded(Struct, frozen=True):
    fields: tuple[str, ...]
    """Of the IR, `Type.field`."""
    is_said: Callable[[Routing], bool]
    note: str
    """Empty for what nobody would expect of a runtime."""


def _deployments(name: str) -> Callable[[Routing], bool]:
    return lambda routing: any(getattr(d, name) is not None for d in routing.deployments)


def _says(name: str) -> Callable[[Routing], bool]:
    return lambda routing: bool(getattr(routing, name))


def _of(kind: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for name in names)


UNHEEDED: tuple[Unheeded, ...] = (
    Unheeded(
        ("Deployment.quota", *_of("Quota", "rpm", "tpm", "parallel")),
        _deployments("quota"),
        "quotas: the provider's own 429 is what says that one is reached",
    ),
    Unheeded(
        ("Team.keys", *_of("Key", "name", "existing")),
        lambda routing: any(team.keys for team in routing.teams),
        "the keys of teams: `designer keys mint --team` makes the runtime's own",
    ),
    Unheeded(
        ("Routing.rollout", *_of("Rollout", "deploy", "replicas")),
        lambda routing: routing.rollout.replicas > 1,
        "replicas: this is one; `--workers` answers in several processes",
    ),
    Unheeded(_of("Remote", "settings"), lambda _: False, ""),
)
"""`Remote.settings` are its vendor's: a runtime that would send them refuses to start."""


def notes(routing: Routing) -> tuple[str, ...]:
    """What of this configuration is not heeded."""
    said = tuple(one.note for one in UNHEEDED if one.note and one.is_said(routing))
    return tuple(f"not heeded here, {note}" for note in said)


def fields() -> frozenset[str]:
    return frozenset(name for one in UNHEEDED for name in one.fields)
