"""What the runtime remembers beyond one process: one SQLite file, see `sqlite`."""

from runtime.state.sqlite import StateError, connect

__all__ = ["StateError", "connect"]
