"""Put placeholders where entities were, and remember in a vault what they stand for."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from runtime.redact.find import ENTITIES, KNOWN, NAMED, Named, Span, find, nobody

PLACEHOLDER: Final = re.compile(
    rf"\[(?:{'|'.join(entity.upper() for entity in (*KNOWN, *NAMED))})_[0-9]{{1,9}}\]"
)


class Vault:
    """What the placeholders of one request stand for. It never shows its values."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """`taken` are placeholders already in the text, from an earlier turn: a new value must
        not be given the name of an old one."""
        self._taken = set(taken)
        self._placeholder_of: dict[tuple[str, str], str] = {}
        self._value_of: dict[str, str] = {}
        self._last: Counter[str] = Counter()

    def placeholder(self, entity: str, value: str) -> str:
        """The same for the same value, as long as this vault lives."""
        known = self._placeholder_of.get((entity, value))
        if known is not None:
            return known
        name = self._next(entity)
        while name in self._taken:
            name = self._next(entity)
        self._placeholder_of[entity, value] = name
        self._value_of[name] = value
        return name

    def avoid(self, taken: Iterable[str]) -> None:
        """Placeholders that a further text of the same request holds already."""
        self._taken.update(name for name in taken if name not in self._value_of)

    def values(self) -> dict[str, str]:
        """What the placeholders given so far stand for. Only for `Restorer`, which hides it again."""
        return dict(self._value_of)

    def restore(self, text: str) -> str:
        """`text` with the placeholders of this vault replaced by what they stand for."""
        return PLACEHOLDER.sub(lambda match: self._value_of.get(match[0], match[0]), text)

    def _next(self, entity: str) -> str:
        self._last[entity] += 1
        return f"[{entity.upper()}_{self._last[entity]}]"

    def __len__(self) -> int:
        return len(self._value_of)

    def __repr__(self) -> str:
        return f"<Vault of {len(self)} values>"

    def __reduce__(self) -> str:
        raise TypeError("a vault is not to be written anywhere")


class Redactor:
    """Redacts the texts of one request with one vault."""

    def __init__(
        self,
        entities: Collection[str] = ENTITIES,
        vault: Vault | None = None,
        named: Named = nobody,
    ) -> None:
        unknown = set(entities) - set(ENTITIES)
        if unknown:
            raise ValueError(f"unknown entities: {', '.join(sorted(unknown))}")
        self.entities = frozenset(entities)
        self._named = named
        self.vault = Vault() if vault is None else vault
        self.counts: Counter[str] = Counter()
        """How often each entity was replaced."""

    def redact_text(self, text: str, context: str = "") -> tuple[str, list[Span]]:
        """The text with placeholders, and where in the original they stand."""
        spans = find(text, self.entities, context, self._named)
        if not spans:
            return text, spans
        pieces: list[str] = []
        at = 0
        for start, end, entity in spans:
            pieces += (text[at:start], self.vault.placeholder(entity, text[start:end]))
            self.counts[entity] += 1
            at = end
        return "".join((*pieces, text[at:])), spans

    def __repr__(self) -> str:
        return f"<Redactor of {', '.join(sorted(self.entities))}>"
