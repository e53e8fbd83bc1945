"""One line of JSON a request on standard error, for whatever gathers logs."""

import sys
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from runtime.telemetry.record import Record


class JsonLog:
    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr

    def told(self, record: Record) -> None:
        at = datetime.fromtimestamp(record.began_s, UTC).isoformat(timespec="milliseconds")
        fields = msgspec.to_builtins(record)
        del fields["parent"]
        line = {"at": at, "level": "info" if record.status < 500 else "error", **fields}
        # In one piece: other workers write to the same file.
        self._out.write(msgspec.json.encode(line).decode() + "\n")
        self._out.flush()

    def close(self) -> None:
        self._out.flush()
