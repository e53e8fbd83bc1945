"""Values survive the trip into text, and folders survive what can happen while they are written."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.diagnostics import Report
from designer.documents import read_yaml
from designer.emit import comment, sha256, to_json, to_yaml, write_folder
from designer.errors import UsageError

_TEXT = st.text(st.characters(codec="utf-8")) | st.sampled_from(
    [
        "no",
        "on",
        "1e3",
        "0x1f",
        "1_000",
        "~",
        "",
        " x",
        "x ",
        "a: b",
        "#c",
        "- a",
        "{{ x }}",
        "=",
        "<<",
        "1:30",
        "postgres:/data",
    ]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=15,
)


def _long_number(value: Any) -> bool:
    """Numbers of more than 40 digits are read as text by design."""
    if isinstance(value, dict):
        return any(map(_long_number, value.values()))
    if isinstance(value, list):
        return any(map(_long_number, value))
    return (
        isinstance(value, int | float)
        and len(format(Decimal(repr(value)) if not isinstance(value, bool) else 0, "f")) > 38
    )


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@given(value=_VALUES)
def test_yaml_says_the_value_in_either_version(version: str, value: Any) -> None:
    if _long_number(value):
        return
    document = read_yaml(to_yaml({"v": value}), "f", Report(), version)

    assert document is not None
    assert document.value == {"v": value}


@given(value=_VALUES, notes=st.dictionaries(st.sampled_from(["v", "v[0]", "v.a"]), _TEXT))
def test_comments_never_change_the_values(value: Any, notes: dict[str, str]) -> None:
    plain = read_yaml(to_yaml({"v": value}), "f", Report())
    commented = read_yaml(to_yaml({"v": value}, notes), "f", Report())

    assert plain is not None
    assert commented is not None
    assert commented.value == plain.value


@given(_VALUES)
def test_json_says_the_value(value: Any) -> None:
    assert json.loads(to_json(value, indent=2)) == value


def test_prices_are_written_in_digits_that_every_loader_takes_for_a_number() -> None:
    assert to_yaml({"p": Decimal("2.5") / 1_000_000}) == "p: 0.0000025"


def test_a_colon_between_brackets_is_read_by_every_loader() -> None:
    value = {"volumes": ["postgres:/data"], "command": ["a", "b:"]}

    document = read_yaml(to_yaml(value), "x.yaml", Report())

    assert document is not None
    assert document.value == value


def test_a_comment_stays_on_its_line() -> None:
    assert comment("a\nb: 1\r\n c") == "a b: 1 c"


# --- Folders --------------------------------------------------------------------------------------


def _written(folder: Path, texts: dict[str, str], earlier: dict[str, str], report: Report) -> Any:
    return write_folder(folder, texts, earlier, report)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    texts = {"a/b.yaml": "x: 1\n"}
    write_folder(tmp_path, texts, {}, Report())

    again = write_folder(tmp_path, texts, {p: sha256(t) for p, t in texts.items()}, Report())

    assert again is not None
    assert (again.written, again.unchanged) == ((), ("a/b.yaml",))


def test_a_hand_edited_file_stops_the_whole_run(tmp_path: Path) -> None:
    old = {"a": "1\n", "b": "1\n"}
    write_folder(tmp_path, old, {}, Report())
    (tmp_path / "a").write_text("mine\n")
    report = Report()

    result = write_folder(
        tmp_path, {"a": "2\n", "b": "2\n"}, {p: sha256(t) for p, t in old.items()}, report
    )

    assert result is None
    assert [f.code for f in report] == ["EMT401"]
    assert (tmp_path / "a").read_text() == "mine\n"
    assert (tmp_path / "b").read_text() == "1\n"


def test_a_file_that_was_there_before_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("somebody's\n")
    report = Report()

    assert write_folder(tmp_path, {"a": "2\n"}, {}, report) is None
    assert write_folder(tmp_path, {"a": "2\n"}, {}, report, overwrite=True) is not None


def test_a_file_made_earlier_and_no_longer_made_is_removed(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": "1\n", "b": "1\n"}, {}, Report())
    earlier = {"a": sha256("1\n"), "b": sha256("1\n")}

    result = write_folder(tmp_path, {"a": "1\n"}, earlier, Report())

    assert result is not None
    assert result.removed == ("b",)
    assert not (tmp_path / "b").exists()


def test_an_output_folder_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(UsageError, match="is not a folder"):
        write_folder(tmp_path / "out", {"a": "1"}, {}, Report())


def test_a_folder_in_the_way_of_a_file_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    (tmp_path / "b").mkdir()

    with pytest.raises(UsageError):
        write_folder(tmp_path, {"a": "new\n", "b": "x\n"}, {"a": sha256("old\n")}, Report())

    assert (tmp_path / "a").read_text() == "old\n"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]  # noqa: PTH208  names are all that matters
