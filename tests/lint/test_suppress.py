"""What a comment accepts, and what it does not."""

from pathlib import Path

import pytest

from tests.lint.linting import codes

HEAD = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
  - model_name: spare
    litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY}
router_settings:
"""


def found(tmp_path: Path, rest: str, head: str = HEAD) -> list[str]:
    file = tmp_path / "config.yaml"
    file.write_text(head + rest, "utf-8")
    return [code for code in codes(file) if code in ("LNT203", "LNT901", "LNT902", "LNT903")]


def test_a_comment_above_a_line_accepts_what_is_on_it(tmp_path: Path) -> None:
    said = "  fallbacks:\n    # designer: ignore LNT203, generated\n    - chat: [chat, spare]\n"

    assert found(tmp_path, said) == []


def test_a_comment_above_a_key_accepts_what_is_below_it(tmp_path: Path) -> None:
    said = "  # designer: ignore LNT203, generated\n  fallbacks:\n    - chat: [chat, spare]\n"

    assert found(tmp_path, said) == []


def test_a_comment_behind_a_value_accepts_its_own_line_alone(tmp_path: Path) -> None:
    said = (
        "  fallbacks:\n"
        "    - chat: [chat, spare] # designer: ignore LNT203, generated\n"
        "    - spare: [spare]\n"
    )

    assert found(tmp_path, said) == ["LNT203"]


def test_a_comment_does_not_reach_the_next_key(tmp_path: Path) -> None:
    said = (
        "  # designer: ignore LNT203, generated\n"
        "  num_retries: 1\n"
        "  fallbacks:\n    - chat: [chat, spare]\n"
    )

    assert found(tmp_path, said) == ["LNT902", "LNT203"]


def test_a_file_can_be_accepted_as_a_whole(tmp_path: Path) -> None:
    head = "# designer: ignore-file LNT203 LNT204, generated\n" + HEAD

    assert found(tmp_path, "  fallbacks:\n    - chat: [chat, spare]\n", head) == []


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("ignore LNT203 until 2026-01-31, generated", ["LNT901", "LNT203"]),
        ("ignore LNT203 until 2026-99-99, generated", ["LNT901", "LNT203"]),
        ("ignore LNT203", ["LNT903", "LNT203"]),
        ("ignore LNT203 until 2099-01-01", ["LNT903", "LNT203"]),
        ("ignore LNT204, generated", ["LNT902", "LNT203"]),
        ("ignore LNT203, LNT204, generated", []),
    ],
)
def test_a_comment_needs_a_reason_a_day_to_come_and_something_to_accept(
    tmp_path: Path, comment: str, expected: list[str]
) -> None:
    said = f"  fallbacks:\n    # designer: {comment}\n    - chat: [chat, spare]\n"

    assert found(tmp_path, said) == expected
