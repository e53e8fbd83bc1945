"""What the runtime remembers beyond one request: keys, the ledger, and what is used up of limits.

One SQLite file holds all of it (`sqlite`); counts may be kept in memory or in Redis instead, the
ledger in PostgreSQL.
"""

from runtime.state.base import StateError
from runtime.state.sqlite import connect

__all__ = ["StateError", "connect"]
