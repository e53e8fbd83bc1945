"""A rule's page: why it is there, what it rests on, what to do, and its two examples."""

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from designer.diagnostics import Report, Rule
from designer.documents import read_yaml

_LANGUAGE = {"yaml": "yaml", "yml": "yaml", "json": "json"}


def examples(code: str) -> tuple[Traversable | None, Traversable | None]:
    """The file that breaks the rule and the one that does not; None where there is none."""
    folder = files("designer.lint").joinpath("examples", code)
    found = {one.name.partition(".")[0]: one for one in folder.iterdir()} if folder.is_dir() else {}
    return found.get("fails"), found.get("passes")


def effects() -> Mapping[str, Mapping[str, list[str]]]:
    """By gateway and rule, the conformance cases that show the rule's effect on the real gateway."""
    text = files("designer.lint").joinpath("effects.yaml").read_text("utf-8")
    document = read_yaml(text, "effects.yaml", Report())
    assert document is not None
    value: Mapping[str, Mapping[str, list[str]]] = document.value
    return value


def page(rule: Rule) -> str:
    """Markdown."""
    lines = [f"# {rule.code}: {_plain(rule.title)}", "", f"**{rule.severity}**. {rule.why}"]
    for label, text in (
        ("What happens instead", _plain(rule.instead)),
        ("What to do", _plain(rule.help)),
        ("Source", rule.source),
    ):
        lines += ["", f"**{label}**: {text}."] if text else []
    for gateway, shown in effects().items():
        for case in shown.get(rule.code, ()):
            lines += [
                "",
                f"Seen on the real gateway: `designer conform --only {case}` ({gateway}).",
            ]
    for label, example in zip(("Fails", "Passes"), examples(rule.code), strict=True):
        if example is not None:
            language = _LANGUAGE.get(example.name.rpartition(".")[2], "")
            lines += ["", f"{label}:", "", f"```{language}", example.read_text("utf-8").rstrip()]
            lines += ["```"]
    return "\n".join(lines) + "\n"


def index(rules: list[Rule]) -> str:
    lines = [
        "# Rules of `designer lint`",
        "",
        "`designer explain CODE` prints a rule's page.",
        "",
        "| code | severity | finding |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| [{rule.code}]({rule.code}.md) | {rule.severity} | {_plain(rule.title)} |"
        for rule in rules
    ]
    return "\n".join(lines) + "\n"


def _plain(template: str) -> str:
    """A message's template for people: `{name!r}` becomes ‹name›."""
    text = template.replace("{guess}", "").replace("{{", "\0").replace("}}", "\1")
    return _NAME.sub(r"‹\1›", text).replace("\0", "{").replace("\1", "}")


_NAME = re.compile(r"\{(\w+)[^}]*\}")
