"""Everything in this folder runs against real gateways, so everything here is marked so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateways.fixtures import litellm, portkey, upstream

__all__ = ["litellm", "portkey", "upstream"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.gateway)
