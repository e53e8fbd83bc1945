"""The inventory is what the source says."""

from pathlib import Path

import pytest

from designer import keys
from designer.keys.update import Source, from_class, names, text

INSTALLED = Path(__file__).parents[2] / ".gateways/litellm/lib"
SITES = list(INSTALLED.glob("python3*/site-packages"))
DATA = Path(keys.__file__).with_name("data")

CLASSES = """
from typing import Literal, Optional
import enum
from .other import Mode as Shared

Alias = Optional[Literal["fast", "slow"]]

class Base(dict):
    retries: int = 2
    limit: "float | None" = None

class Params(Base):
    model: str
    alias: Alias = None
    mode: Shared | list[Shared] | None = Field(default=None, description="how")
    retries: str | int = 3
    nested: dict[str, Base] = {}
    free: object = None
    _private: int = 0
"""
OTHER = """
import enum

class Mode(str, enum.Enum):
    PRE = "pre"
    POST = "post"
"""


def test_fields_are_read_through_bases_aliases_and_imports(tmp_path: Path) -> None:
    package = tmp_path / "litellm"
    package.mkdir()
    (package / "classes.py").write_text(CLASSES, encoding="utf-8")
    (package / "other.py").write_text(OTHER, encoding="utf-8")

    read = from_class(Source(tmp_path), "litellm/classes.py", "Params")

    assert {key: row[:2] for key, row in read.items()} == {
        "retries": ("int|str", "3"),
        "limit": ("float|int|null", "None"),
        "model": ("str", ""),
        "alias": ("null|str|'fast'|'slow'", "None"),
        "mode": ("list|null|str|'pre'|'post'", "None"),
        "nested": ("dict", "{}"),
        "free": ("", "None"),
    }
    assert read["limit"][2] == "classes.py:10"


@pytest.mark.gateway
@pytest.mark.skipif(not SITES, reason="LiteLLM is not installed below .gateways")
def test_the_packaged_inventory_is_what_the_installed_litellm_says() -> None:
    source = Source(SITES[0])
    packaged = DATA / f"litellm-{source.version}.json"

    assert text(source) == packaged.read_text(encoding="utf-8")
    assert len(names(source)["content_patterns"]) == 82
