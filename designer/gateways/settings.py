"""Every setting of a file in one of three classes: simulated, checked only, or not analysed.

A setting is a leaf: a value that is no mapping and no list, or an empty one. A reader says which of
them its Routing holds; the key inventory knows the places of others, so that `lint` can check them;
of the rest nothing is known here. Nothing is left out: the three classes make up the file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from designer.documents import Path, dotted


class Settings(Struct, frozen=True):
    count: int = 0
    unmodelled: tuple[str, ...] = ()
    """Known by place, and without part in what is simulated."""
    not_analysed: tuple[str, ...] = ()
    """Not known: unknown keys, values below mappings of the user's own, code."""

    def __add__(self, other: "Settings") -> "Settings":
        return Settings(
            self.count + other.count,
            self.unmodelled + other.unmodelled,
            self.not_analysed + other.not_analysed,
        )

    def of_file(self, file: str) -> "Settings":
        """The same, with the file's name before each path, to tell several files apart."""
        return Settings(
            self.count,
            tuple(f"{file}: {path}" for path in self.unmodelled),
            tuple(f"{file}: {path}" for path in self.not_analysed),
        )


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    match value:
        case Mapping() if value:
            for key, item in value.items():
                yield from leaves(item, (*path, key))
        case list() if value:
            for index, item in enumerate(value):
                yield from leaves(item, (*path, index))
        case _:
            yield path, value


def account(
    settings: Iterable[tuple[Path, Any]],
    is_simulated: Callable[[Path], bool],
    is_known: Callable[[Path, Any], bool],
) -> Settings:
    count = 0
    unmodelled: list[str] = []
    not_analysed: list[str] = []
    for path, value in settings:
        count += 1
        if is_simulated(path):
            continue
        listed = unmodelled if is_known(path, value) else not_analysed
        listed.append(dotted(path))
    return Settings(count, tuple(unmodelled), tuple(not_analysed))


def is_below(path: Path, places: frozenset[Path]) -> bool:
    """Whether a path is one of the places, or stands below one."""
    return any(path[:length] in places for length in range(len(path) + 1))
