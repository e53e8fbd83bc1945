"""A catalog as a file: JSON, an entry a line, so that a difference between two is a readable one.

What is left out is the default of its field. Reading is decoding into the values themselves: nothing
is looked up or put together, and a file of another shape is an error that says where.
"""

from typing import Any

import msgspec

from designer.catalog.model import Catalog, Day, FactRow, Model, Offering, Provider, Source


class Stored(msgspec.Struct, frozen=True):
    date: Day
    sources: tuple[Source, ...]
    providers: tuple[Provider, ...]
    models: tuple[Model, ...]
    offerings: tuple[Offering, ...]
    facts: tuple[FactRow, ...]


_DECODER = msgspec.json.Decoder(Stored)
_ENCODER = msgspec.json.Encoder(order="deterministic")


def catalog_from_json(text: bytes) -> Catalog:
    """Raises `msgspec.DecodeError` (or its `ValidationError`) for what is no catalog."""
    return _catalog(_DECODER.decode(text))


def catalog_from_plain(raw: dict[str, Any]) -> Catalog:
    """The same from plain values, as the update script puts them together."""
    return _catalog(msgspec.convert(raw, Stored))


def catalog_json(catalog: Catalog) -> str:
    lists = {
        "sources": catalog.sources,
        "providers": catalog.providers.values(),
        "models": catalog.models.values(),
        "offerings": catalog.offerings.values(),
        "facts": catalog.facts,
    }
    parts = [f'"date": "{catalog.date}"']
    for name, entries in lists.items():
        lines = ",\n".join(_ENCODER.encode(entry).decode() for entry in entries)
        parts.append(f'"{name}": [\n{lines}\n]')
    return "{" + ",\n".join(parts) + "}\n"


def _catalog(stored: Stored) -> Catalog:
    return Catalog(
        date=stored.date,
        sources=stored.sources,
        providers={provider.id: provider for provider in stored.providers},
        models={model.id: model for model in stored.models},
        offerings={offering.id: offering for offering in stored.offerings},
        facts=stored.facts,
    )
