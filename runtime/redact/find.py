"""Find every entity in a text: spans that do not overlap, in order, the same each time.

Where two recognisers claim the same stretch the span covers both, so that nothing of either
stays behind; it is called after the more certain one.
"""

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, NamedTuple

from runtime.redact import issued, shapes

# From the most to the least certain.
_RECOGNISERS: Final[dict[str, Callable[[str, str], Iterator[tuple[int, int]]]]] = {
    "api_key": shapes.api_keys,
    "iban": shapes.ibans,
    "credit_card": shapes.cards,
    "us_ssn": shapes.us_ssns,
    "vat": issued.vats,
    "national_id": issued.national_ids,
    "email": shapes.emails,
    "ip_address": shapes.ip_addresses,
    "phone": shapes.phones,
}

KNOWN: Final = tuple(_RECOGNISERS)
_OF_THE_EXTRA: Final = frozenset({"vat", "national_id"})
ENTITIES: Final = tuple(e for e in KNOWN if issued.HAS_STDNUM or e not in _OF_THE_EXTRA)
"""What can be found here; the rest of KNOWN needs the extra `pii`."""

NAMED: Final = ("person", "location")
"""What has no shape: found only where somebody says where they stand."""
_RANK: Final = {entity: rank for rank, entity in enumerate((*KNOWN, *NAMED))}

# Digits without which a text holds none of it: counted once, they spare most texts most searches.
DIGITS: Final = {"iban": 2, "credit_card": 13, "us_ssn": 9, "phone": 7}
_DIGIT: Final = re.compile(r"\d")

_PATIENCE: Final = 2
# What most keys and values of a request are; no entity is that short without a digit or a sign.
_WORD: Final = re.compile(r"[a-z_]{0,12}")
_CLUSTER: Final = re.compile(r"\S+(?:\s{1,2}\d\S*)*")


class Span(NamedTuple):
    start: int
    end: int
    entity: str


Named = Callable[[str], Iterable[Span]]
"""Where names stand in a text."""


def nobody(_text: str) -> Iterable[Span]:
    return ()


def find(
    text: str,
    entities: Collection[str] = ENTITIES,
    context: str = "",
    named: Named = nobody,
) -> list[Span]:
    """The entities in `text`. What has been found is covered up and the rest searched again, so
    that a text with its spans replaced by placeholders never holds another one."""
    if is_plain(text):
        return []
    found: list[Span] = []
    rest = text
    for attempt in itertools.count():
        spans = _joined([*_once(rest, entities, context), *named(rest)])
        if not spans:
            return sorted(found)
        if attempt >= _PATIENCE:
            spans = _widened(rest, spans)
        found += spans
        rest = _covered(rest, spans)
    raise AssertionError("unreachable")


def is_plain(text: str) -> bool:
    """A short word: nothing to be found in, whatever it stands under."""
    return _WORD.fullmatch(text) is not None


def _once(text: str, entities: Collection[str], context: str) -> list[Span]:
    digits = len(_DIGIT.findall(text))
    return [
        Span(start, end, entity)
        for entity, recognise in _RECOGNISERS.items()
        if entity in entities and digits >= DIGITS.get(entity, 0)
        for start, end in recognise(text, context)
    ]


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start < joined[-1].end:
            last = joined[-1]
            entity = min(last.entity, span.entity, key=_RANK.__getitem__)
            joined[-1] = Span(last.start, max(last.end, span.end), entity)
        else:
            joined.append(span)
    return joined


def _widened(text: str, spans: list[Span]) -> list[Span]:
    """Numbers strung together so that each hides the next are taken out as a whole."""
    wide: list[Span] = []
    clusters = _CLUSTER.finditer(text)
    cluster = next(clusters)
    for span in spans:
        while cluster.end() <= span.start:
            cluster = next(clusters)
        start, end = min(span.start, cluster.start()), max(span.end, cluster.end())
        wide.append(Span(start, end, span.entity))
    return _joined(wide)


def _covered(text: str, spans: list[Span]) -> str:
    """Brackets are what placeholders show to their neighbours."""
    pieces: list[str] = []
    at = 0
    for start, end, _ in spans:
        pieces += (text[at:start], "]" * (end - start))
        at = end
    return "".join((*pieces, text[at:]))
