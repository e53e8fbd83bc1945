"""Find templates, schemas, examples and packs of properties, in an installed wheel and in a checkout alike."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def templates(gateway: str) -> Traversable:
    return _root().joinpath("templates", gateway)


def schema(name: str) -> str:
    return _root().joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")


def example(name: str) -> str:
    return _root().joinpath("examples", f"{name}.yaml").read_text(encoding="utf-8")


def pack(name: str) -> str:
    return files("designer").joinpath("verify", "packs", f"{name}.yaml").read_text("utf-8")


def _root() -> Traversable:
    packaged = files("designer").joinpath("_resources")
    return packaged if packaged.is_dir() else Path(__file__).parents[1]
