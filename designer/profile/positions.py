"""Where each value of a profile stands, so that later phases can point into the user's file."""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from designer.diagnostics import Place


class Positions(Struct, frozen=True):
    """By dotted path as the file writes it: `workloads[0].latency.ttft_p95`, `providers[1].as`."""

    values: Mapping[str, Place] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)

    def place(self, path: str = "") -> Place:
        """Where the value stands; for what is not written down, what encloses it."""
        return self._nearest(self.values, path)

    def key(self, path: str) -> Place:
        """Where the key stands, rather than its value."""
        return self._nearest(self.keys if path in self.keys else self.values, path)

    def __contains__(self, path: str) -> bool:
        """Whether the user wrote it; defaults are not there."""
        return path in self.values

    def _nearest(self, table: Mapping[str, Place], path: str) -> Place:
        above = path
        while above and above not in table:
            above = above[: max(above.rfind("."), above.rfind("["), 0)]
        return replace(table.get(above, Place()), path=path)
