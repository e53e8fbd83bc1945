"""Reading YAML and JSON: values, positions, and files that want to do harm."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.diagnostics import Report
from designer.documents import dotted, read_json, read_yaml, scalar


def _read(text: str, version: str = "1.2") -> tuple[Any, list[str]]:
    report = Report()
    document = read_yaml(text, "f.yaml", report, version)
    return (document.value if document else None), [str(finding) for finding in report]


def test_places_are_those_of_keys_and_items() -> None:
    document = read_yaml("a:\n  - b: 1\n    c: [x, y]\n", "f.yaml", Report())

    assert document is not None
    assert str(document.place("a", 0, "c")) == "f.yaml:3:5"
    assert str(document.place("a", 0, "c", 1)) == "f.yaml:3:12"
    assert str(document.place("a", 0, "nothing", "there")) == "f.yaml:2:5"


def test_a_missing_value_is_placed_at_the_nearest_known_thing_above_it() -> None:
    document = read_yaml("a: {b: 1}\n", "f.yaml", Report())

    assert document is not None
    assert document.place("a", "x", 3).path == "a.x[3]"


def test_a_duplicate_key_is_a_finding_and_the_last_one_wins() -> None:
    value, findings = _read("a: 1\na: 2\n")

    assert value == {"a": 2}
    assert findings == [
        "f.yaml:2:1: warning[PAR502] the key 'a' stands here for the second time; "
        "the last one counts and the first is ignored"
    ]


def test_merge_keys_fill_in_what_the_mapping_does_not_say() -> None:
    value, _ = _read("base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\n")

    assert value["own"] == {"x": 1, "y": 3}


def test_nested_aliases_cannot_grow_without_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]

    value, findings = _read("\n".join(lines))

    assert value is None
    assert "PAR503" in findings[0]


def test_an_alias_inside_itself_is_refused() -> None:
    value, findings = _read("a: &a [*a]\n")

    assert value is None
    assert findings


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        "{a: " * 300_000,
        "- " * 300_000,
        "? " * 300_000,
        "\n".join(" " * i + "a:" for i in range(3000)),
    ],
)
def test_deep_nesting_is_a_finding_and_not_a_crash(text: str) -> None:
    value, findings = _read(text)

    assert value is None
    assert len(findings) == 1


@pytest.mark.parametrize(
    ("text", "in_12", "in_11"),
    [
        ("no", "no", False),
        ("On", "On", True),
        ("1e3", 1000.0, "1e3"),
        ("010", 10, 8),
        ("1_000", "1_000", 1000),
        ("0x1f", 31, 31),
        ("~", None, None),
        ("1.0e+3", 1000.0, 1000.0),
        ("2026-11-22", "2026-11-22", "2026-11-22"),
    ],
)
def test_a_plain_scalar_means_what_its_yaml_version_says(
    text: str, in_12: object, in_11: object
) -> None:
    assert scalar(text, plain=True) == in_12
    assert scalar(text, plain=True, version="1.1") == in_11
    assert scalar(text, plain=False) == text


def test_a_tag_makes_a_string_of_a_number() -> None:
    assert _read("a: !!str 5\n")[0] == {"a": "5"}


def test_an_unknown_tag_builds_no_object() -> None:
    assert _read("a: !!python/object/apply:os.system [echo]\n")[0] == {"a": ["echo"]}


def test_json_errors_say_where() -> None:
    report = Report()

    assert read_json('{"a": 1,\n "b": }', "f.json", report) is None
    assert str(next(iter(report))).startswith("f.json:2:7: error[PAR501]")


def test_a_duplicate_key_in_json_is_a_finding_too() -> None:
    report = Report()

    document = read_json('{"a": 1, "a": 2}', "f.json", report)

    assert document is not None
    assert document.value == {"a": 2}
    assert [finding.code for finding in report] == ["PAR502"]


def test_dotted_paths_read_like_code() -> None:
    assert dotted(("a", 0, "b", "c")) == "a[0].b.c"


@given(st.text())
def test_no_text_makes_the_readers_raise(text: str) -> None:
    read_yaml(text, "f", Report())
    read_json(text, "f", Report())


def test_a_number_of_thousands_of_digits_is_a_finding() -> None:
    report = Report()

    assert read_json("9" * 5000, "x.json", report) is None
    assert [str(finding) for finding in report] == [
        "x.json: error[PAR501] this is not readable JSON: a number is too long"
    ]
