"""A fix changes what it names and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.diagnostics import Diagnostic, Edit, Fix, Place, Report, Rule, Severity
from designer.documents import read_yaml
from designer.lint import fixes

RULE = Rule("LNT999", Severity.INFO, "something", "Because.")


def fixed(text: str, *edits: Edit) -> str:
    finding = Diagnostic(RULE, Place("f"), "something", fix=Fix("mend it", edits))
    return fixes.apply(text, [finding]).text


TEXT = """\
# a head
router_settings:   # kept
  num_retries: "2"     # two
  retry_polcy: {a: 1}
  fallbacks:
    - A: ['b', "c"]
  last:
    deep: 1

    deeper: |
      x
tail: ü
"""


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (Edit("set", ("router_settings", "num_retries"), "2"), '"2"', "2"),
        (Edit("set", ("router_settings", "fallbacks", 0, "A", 0), "bee"), "'b'", "'bee'"),
        (Edit("rename", ("router_settings", "retry_polcy"), "retry_policy"), "polcy", "policy"),
        (Edit("rename", ("tail",), "tale"), "tail:", "tale:"),
        (Edit("drop", ("router_settings", "num_retries")), '  num_retries: "2"     # two\n', ""),
        (
            Edit("drop", ("router_settings", "last")),
            "  last:\n    deep: 1\n\n    deeper: |\n      x\n",
            "",
        ),
    ],
)
def test_an_edit_changes_its_own_characters(edit: Edit, before: str, after: str) -> None:
    assert fixed(TEXT, edit) == TEXT.replace(before, after, 1)


@pytest.mark.parametrize(
    ("path", "text", "before", "after"),
    [
        (("a",), "1", "x: {}\n", "a: 1\nx: {}\n"),
        (("x", "a"), "1", "x: {}\n", "x: {a: 1}\n"),
        (("x", "a"), "1", "x: {b: 2}\n", "x: {a: 1, b: 2}\n"),
        (("x", "a"), "1", "x:\n  b: 2  # two\n", "x:\n  a: 1\n  b: 2  # two\n"),
        (("x", 0, "a"), "1", "x:\n  - b: 2\n", "x:\n  - a: 1\n    b: 2\n"),
        (("x", 0), "a", "x:\n- b\n", "x:\n- a\n- b\n"),
        (("x", 0), "a", "x: [b]\n", "x: [a, b]\n"),
        (("a",), "1", '{\n  "b": 2\n}\n', '{\n  "a": 1,\n  "b": 2\n}\n'),
        (("x", 0), "a", "x: &these\n  - b\n", None),
        (("x", "a"), "1", "x: text\n", None),
        (("y", "a"), "1", "x: {}\n", None),
    ],
)
def test_a_new_entry_is_laid_out_as_the_first_one_is(
    path: tuple[str | int, ...], text: str, before: str, after: str | None
) -> None:
    assert fixed(before, Edit("insert", path, text)) == (before if after is None else after)


@pytest.mark.parametrize(
    ("index", "before", "after"),
    [
        (0, "x: [a, b]\n", "x: [b]\n"),
        (1, "x: [a, b]\n", "x: [a]\n"),
        (1, '[\n  {"a": 1},\n  {"b": 2}\n]\n', '[\n  {"a": 1}\n]\n'),
        (0, "x:\n  - a: 1\n    b: 2\n  # the other\n  - c: 3\n", "x:\n  # the other\n  - c: 3\n"),
        (1, "x:\n  - a\n  - b  # last\n", "x:\n  - a\n"),
        (0, "x: [a]\n", "x: [a]\n"),
        (0, "x: # none but\n  - a\n", "x: # none but\n  - a\n"),
    ],
)
def test_an_item_is_dropped_with_what_parts_it_from_the_others(
    index: int, before: str, after: str
) -> None:
    path = (index,) if before.startswith("[") else ("x", index)

    assert fixed(before, Edit("drop", path)) == after


@pytest.mark.parametrize(
    "edit",
    [
        Edit("set", ("nothing", "here"), "2"),
        Edit("set", ("router_settings",), "2"),
        Edit("rename", ("router_settings", "fallbacks", 0), "x"),
        Edit("drop", ("router_settings", "retry_polcy", "a")),
    ],
)
def test_what_cannot_be_done_exactly_is_not_done(edit: Edit) -> None:
    assert fixed(TEXT, edit) == TEXT


def test_a_fix_is_made_whole_or_not_at_all() -> None:
    good = Edit("set", ("router_settings", "num_retries"), "2")

    assert fixed(TEXT, good, Edit("set", ("nothing",), "1")) == TEXT


def test_two_fixes_of_one_value_are_not_both_made() -> None:
    findings = [
        Diagnostic(RULE, Place("f"), "x", fix=Fix(text, (Edit("set", ("a",), text),)))
        for text in ("1", "2")
    ]

    assert fixes.apply("a: 0\n", findings).text == "a: 1\n"


def test_json_keeps_its_form() -> None:
    text = '{\n\t"retry": {"attempts": "3"},\r\n  "x": [1,2]}'

    assert fixed(text, Edit("set", ("retry", "attempts"), "3")) == text.replace('"3"', "3")
    assert fixed(text, Edit("rename", ("retry",), "again")) == text.replace("retry", "again")


keys = st.text("abcdef", min_size=1, max_size=3)
values = st.recursive(
    st.integers(0, 9) | st.booleans() | st.text("xyzäß ", min_size=1, max_size=4),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(keys, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(value=st.dictionaries(keys, values, min_size=1, max_size=4), data=st.data())
def test_setting_a_value_changes_that_value_alone(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = written(value)
    paths = list(leaves(value, ()))
    path = data.draw(st.sampled_from(paths))

    after = read_yaml(fixed(text, Edit("set", path, "77")), "f", Report())

    assert after is not None
    assert after.value == changed(value, path, 77)


def written(value: Any, depth: int = 0) -> str:
    """YAML in block style, with comments: what no dumper would write."""
    lead = "  " * depth
    match value:
        case dict():
            return "".join(
                f"{lead}{key}:  # of {key}\n{written(inner, depth + 1)}"
                if isinstance(inner, dict | list)
                else f"{lead}{key}: {scalar(inner)}\n"
                for key, inner in value.items()
            )
        case list():
            return "".join(
                f"{lead}-\n{written(inner, depth + 1)}"
                if isinstance(inner, dict | list)
                else f"{lead}- {scalar(inner)}  # item\n"
                for inner in value
            )
    raise AssertionError(value)


def scalar(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def leaves(value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, (*path, key))
    else:
        yield path


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@given(st.text(max_size=200))
def test_without_fixes_any_text_stays_byte_for_byte(text: str) -> None:
    assert fixes.apply(text, []).text == text
