"""Lint a text or a file without a command line."""

import re
from pathlib import Path

from designer.catalog import load_catalog
from designer.diagnostics import Diagnostic, Report, Rule
from designer.lint import lint
from designer.lint.suppress import comments, suppress
from designer.load import load_config
from designer.rules import all_rules

EXAMPLES = Path(__file__).parents[2] / "designer/lint/examples"


def lint_rules() -> dict[str, Rule]:
    return {code: rule for code, rule in all_rules().items() if code.startswith("LNT")}


_COMMAND = re.compile(r"# designer lint .*--gateway (\S+)")


def linted(path: Path | str, gateway: str | None = None) -> list[Diagnostic]:
    """Everything that `designer lint` would show, in its order.

    An example whose finding depends on the version begins with the command that it is for.
    """
    report = Report()
    config = load_config(str(path), report, gateway or _token(Path(path)))
    if config is not None:
        day = load_catalog().date
        lint(config, day, report)
        said = list(comments(config.texts, config.parsed.documents, report))
        report = suppress(report, said, (), day).left
    return sorted(report, key=lambda f: (f.place.file, f.place.line, f.place.column, f.code))


def _token(path: Path) -> str | None:
    command = _COMMAND.match(path.read_text("utf-8")) if path.is_file() else None
    return command[1] if command else None


def codes(path: Path | str, gateway: str | None = None) -> list[str]:
    return [finding.code for finding in linted(path, gateway)]


def example(code: str, kind: str) -> Path:
    """`kind` is `fails` or `passes`."""
    (path,) = (EXAMPLES / code).glob(f"{kind}.*")
    return path


def examples(kind: str) -> list[Path]:
    return sorted(EXAMPLES.glob(f"*/{kind}.*"))
