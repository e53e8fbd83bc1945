"""Write docs/fidelity.md from the records of the last runs: `python -m tests.conformance.page`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from designer.conform import fidelity

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "fidelity.md"


def records() -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted((DOCS / "fidelity").glob("*"))]


if __name__ == "__main__":
    PAGE.write_text(fidelity.page(records()), "utf-8")
    print(PAGE)
