"""The runtime's ledger, opened for reading only: the runtime may be writing to it.

It has no times of answers, so nothing about speed can be learnt from it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from designer.errors import UsageError
from designer.logs.row import Row

MAGIC: Final = b"SQLite format 3\x00"
_SELECT: Final = """
    SELECT at_ms, route, provider, deployment, model, prompt_tokens, completion_tokens, cached_tokens,
        cost_nano_usd, status, attempts, team
    FROM ledger ORDER BY at_ms
"""


def rows(path: Path) -> Iterator[Row]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            for (
                at,
                route,
                provider,
                where,
                model,
                into,
                out,
                cached,
                cost,
                status,
                tries,
                team,
            ) in db.execute(_SELECT):
                yield Row(
                    at_s=at / 1000,
                    route=route,
                    provider=provider,
                    deployment=where,
                    team=team or "",
                    model=model,
                    input_tokens=into,
                    output_tokens=out,
                    cached_tokens=cached,
                    cost_usd=None if cost is None else cost / 1e9,
                    failure=str(status) if status >= 400 else "",
                    attempts=max(1, tries),
                    from_cache=status < 400 and not (tries or into or out),
                )
    except sqlite3.Error as error:
        raise UsageError(f"{path}: not a ledger of the runtime: {error}") from error
