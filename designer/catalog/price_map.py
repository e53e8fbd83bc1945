"""LiteLLM's own price map, reduced to what can be asked of a name in a configuration.

The catalog knows a few hundred offerings well; this knows thousands of names a little: what kind of
model each is, what it costs, how long a prompt it takes and when it ends. `update` takes it out of the
version that `curated.yaml` names. Whose terms or regions a name has is not in it.
"""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct


class Row(Struct, frozen=True):
    name: str
    provider: str
    """LiteLLM's word for it, which may say the API too: `bedrock_converse`, `vertex_ai-…`."""
    mode: str
    """`chat`, `embedding`, `image_generation`, …; empty where the map does not say."""
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    max_input_tokens: int | None = None
    retires_on: date | None = None
    capabilities: frozenset[str] = frozenset()
    """What the map says yes to; `no_tools` and the like where it says no. Most it does not say."""


class PriceMap(Struct, frozen=True):
    source: str
    """The version that it is from, and the day."""
    rows: Mapping[str, tuple[Any, ...]]

    def row(self, name: str) -> Row | None:
        """By the name as it is in the map: what `base_model` says."""
        found = self.rows.get(name)
        return None if found is None else _row(name, found)

    def row_of_model(self, model: str) -> Row | None:
        """By what `model:` says: with the provider's prefix, which the map has for some providers only."""
        found = self.row(model)
        if found is not None:
            return found
        provider, slash, rest = model.partition("/")
        bare = self.row(rest) if slash else None
        return bare if bare is not None and bare.provider.startswith(provider) else None


@cache
def load_price_map() -> PriceMap:
    packaged = files("designer.catalog").joinpath("data", "price_map.json")
    raw = json.loads(packaged.read_text(encoding="utf-8"))
    return PriceMap(raw["source"], {name: tuple(row) for name, row in raw["rows"].items()})


def _row(name: str, raw: tuple[Any, ...]) -> Row:
    provider, mode, input_usd, output_usd, window, retires_on, words = raw
    ends = date.fromisoformat(retires_on) if retires_on else None
    able = frozenset(words.split())
    return Row(name, provider, mode, input_usd, output_usd, window, ends, able)
