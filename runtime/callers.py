"""Who shows which key, and what the state file allows them: remembered until anybody writes there.

A revoked key is refused at once: before anything remembered counts, the file is asked whether another
connection than the runtime's own writer has committed since. It is asked once in a round of the loop,
since whatever comes in after that is met in a later round. What is nobody's key is never remembered.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from runtime.keys import KeyRecord, check, digest_of, has_keys
from runtime.limits.allowed import allowed_to
from runtime.limits.binding import Rule, of_allowed

T = TypeVar("T")


class Callers:
    """Reads one state file, in one loop. `version` changes with every commit of somebody else, None is unknown."""

    def __init__(self, db: sqlite3.Connection, version: Callable[[], int | None]) -> None:
        self._db = db
        self._version = version
        self._read_at: int | None = None
        self._has_looked = False
        """Whether the file was asked in this round of the loop."""
        self._known: dict[Hashable, Any] = {}

    def of(self, key: str) -> KeyRecord | None:
        """None when it is nobody's, or revoked."""
        return self._remembered(digest_of(key), lambda: check(self._db, key))

    def are_asked(self) -> bool:
        """Whether callers have to show a key."""
        return self._remembered("has_keys", lambda: has_keys(self._db) or None) is not None

    def rules_of(self, *who: tuple[str, str]) -> Sequence[Rule]:
        """Of these (scope, name), what the state file allows each."""
        found = self._remembered(who, lambda: self._rules_of(who))
        assert found is not None
        return found

    def _rules_of(self, who: Sequence[tuple[str, str]]) -> Sequence[Rule]:
        return [rule for allowed in allowed_to(self._db, who) for rule in of_allowed(allowed)]

    def _remembered(self, asked: Hashable, read: Callable[[], T | None]) -> T | None:
        if not self._has_looked:
            self._look()
        found: T | None = self._known.get(asked)
        if found is None:
            found = read()
            if found is not None:
                self._known[asked] = found
        return found

    def _look(self) -> None:
        asyncio.get_running_loop().call_soon(self._look_again)
        version = self._version()  # before reading: what is newer then is read again
        if version is None or version != self._read_at:
            self._known.clear()
            self._read_at = version
        self._has_looked = True

    def _look_again(self) -> None:
        self._has_looked = False
