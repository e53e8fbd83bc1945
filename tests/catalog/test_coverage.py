"""What the catalog covers, as users read it: docs/catalog-coverage.md."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from designer.catalog import load_catalog
from designer.catalog.model import Offering

PAGE = Path(__file__).parents[2] / "docs" / "catalog-coverage.md"
CATALOG = load_catalog()


def test_the_page_says_what_the_catalog_covers() -> None:
    text = "\n".join(_page()) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(text, "utf-8")

    assert PAGE.read_text("utf-8") == text


def test_it_covers_what_people_route_to() -> None:
    assert len(_current()) >= 120
    assert len(CATALOG.offerings) >= 500


def _current() -> list[str]:
    """Models that are active or in preview, and that somebody still sells on the catalog's day."""
    return [
        model.id
        for model in CATALOG.models.values()
        if model.status in ("active", "preview")
        and any(
            CATALOG.status_of(offering, CATALOG.date) != "retired"
            for offering in CATALOG.offerings_of(model.id)
        )
    ]


def _page() -> Iterator[str]:
    yield from ("# What the catalog covers", "")
    yield (
        f"As of {CATALOG.date}: {len(CATALOG.models)} models, {len(_current())} of them current, in "
        f"{len(CATALOG.offerings)} offerings of {len(CATALOG.providers)} providers. Made by the tests "
        "(`make golden`)."
    )
    yield from (
        "",
        *(f"- {s.id} {s.version}, {s.licence}, {s.observed_on}" for s in CATALOG.sources),
    )
    yield from (
        "",
        "| provider | models | offerings | regions | agree | single | conflict | batch |",
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for provider in CATALOG.providers.values():
        yield _row(
            provider.title, [o for o in CATALOG.offerings.values() if o.provider == provider.id]
        )
    yield from (
        "",
        "## Where the price sources disagree",
        "",
        "USD per million tokens, in and out.",
        "",
    )
    yield from ("| offering | counts | says | and says |", "| --- | --- | --- | --- |")
    for offering in CATALOG.offerings.values():
        if offering.price.agreement == "conflict":
            yield _conflict(offering)


def _row(title: str, offerings: list[Offering]) -> str:
    agreement = Counter(offering.price.agreement for offering in offerings)
    cells = [
        len({offering.model for offering in offerings}),
        len(offerings),
        len({offering.region for offering in offerings}),
        *(agreement[word] for word in ("agree", "single", "conflict")),
        sum(offering.price.batch is not None for offering in offerings),
    ]
    return f"| {title} | {' | '.join(map(str, cells))} |"


def _conflict(offering: Offering) -> str:
    said = [f"{e.source}: {e.input} / {e.output}" for e in offering.price.evidence]
    price = offering.price
    return f"| `{offering.id}` | {price.input} / {price.output} | {' | '.join(said)} |"
