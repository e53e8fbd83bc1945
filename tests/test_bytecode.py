"""Compiled templates are kept, and what is kept never changes a text."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from designer.bytecode import BesideTemplates

TEMPLATE = "{% for name in names %}- {{ name }}\n{% endfor %}"
SAID = "- a\n- b\n"


class _Kept(jinja2.Environment):
    """Cannot compile, so that whatever it renders was kept."""

    def compile(self, *_: object, **__: object) -> None:  # type: ignore[override]
        raise AssertionError("it was compiled again")


@pytest.fixture(autouse=True)
def writes_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    monkeypatch.setattr("sys.pycache_prefix", None)


def rendered(
    folder: Path, kind: type[jinja2.Environment] = jinja2.Environment, by: str = "these filters"
) -> str:
    def source(name: str) -> tuple[str, str, None]:
        return (folder / name).read_text("utf-8"), str(folder / name), None

    loader = jinja2.FunctionLoader(source)
    environment = kind(loader=loader, bytecode_cache=BesideTemplates(by))
    return environment.get_template("list.txt.j2").render(names=["a", "b"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "list.txt.j2").write_text(TEMPLATE, "utf-8")
    assert rendered(tmp_path) == SAID
    return tmp_path


def kept(folder: Path) -> Path:
    (path,) = (folder / "__pycache__").iterdir()
    return path


def test_a_template_is_compiled_once(folder: Path) -> None:
    assert rendered(folder, _Kept) == SAID


def test_a_changed_template_is_compiled_again(folder: Path) -> None:
    (folder / "list.txt.j2").write_text(f"names:\n{TEMPLATE}", "utf-8")

    assert rendered(folder) == f"names:\n{SAID}"
    assert rendered(folder, _Kept) == f"names:\n{SAID}"


def test_other_filters_compile_it_again(folder: Path) -> None:
    with pytest.raises(AssertionError, match="compiled again"):
        rendered(folder, _Kept, by="other filters")


def test_a_damaged_file_is_done_without(folder: Path) -> None:
    path = kept(folder)
    whole = path.read_bytes()
    for length in (0, 1, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])

        assert rendered(folder) == SAID


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "list.txt.j2").write_text(TEMPLATE, "utf-8")
    (tmp_path / "__pycache__").write_text("a file where the folder would be")

    assert rendered(tmp_path) == SAID


def test_nothing_is_written_where_python_writes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    (tmp_path / "list.txt.j2").write_text(TEMPLATE, "utf-8")

    assert rendered(tmp_path) == SAID
    assert not (tmp_path / "__pycache__").exists()
