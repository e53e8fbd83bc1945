"""Where, in any gateway's file, the model of a deployment stands, and how findings list names."""

import re
from collections.abc import Iterable

from designer.diagnostics import Place
from designer.documents import Path
from designer.lint.subject import Subject

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_MODEL: tuple[Path, ...] = (
    ("litellm_params", "model"),
    ("override_params", "model"),
    ("overrideParams", "model"),
    ("model",),
)
_SHOWN = 3


def model_place(subject: Subject, id_: str) -> Place:
    """Of the deployment's model, or of the deployment where the model stands elsewhere."""
    place = subject.place(id_)
    path = tuple(int(i) if i else name for name, i in _PART.findall(place.path))
    for document in subject.parsed.documents:
        for tail in _MODEL:
            found = document.places.get((*path, *tail))
            if found is not None and found.file == place.file:
                return document.place(*path, *tail)
    return place


def listed(names: Iterable[str]) -> str:
    """`a, b, c and 4 more`"""
    every = list(dict.fromkeys(names))
    shown, left = every[:_SHOWN], len(every) - _SHOWN
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")
