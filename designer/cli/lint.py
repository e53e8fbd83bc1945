"""`designer lint`: what is wrong with configurations that somebody has."""

import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import click
from msgspec import Struct, field
from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.cli.output import echo_json, exit_code, format_option, tell, tell_as
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.files import write_atomically
from designer.lint import baseline as baselines
from designer.lint import fixes
from designer.lint import lint as check
from designer.lint.own import OwnRules, read_own_rules
from designer.lint.suppress import Accepted, comments, of_profile, suppress
from designer.load import load_configs, located
from designer.render import findings as render


class _Counts(Struct):
    settings: int = 0
    analysed: int = 0
    simulated: int = 0
    unmodelled: list[str] = field(default_factory=list)
    not_analysed: list[str] = field(default_factory=list)
    by_comment: int = 0
    by_option: int = 0
    by_baseline: int = 0


@click.command(
    "lint",
    epilog="""\b
Examples:
  designer lint config.yaml
  designer lint litellm/*.yaml portkey/ --format github
  designer lint config.yaml --gateway litellm@1.109 --fail-on warning
  designer lint config.yaml --fix --diff
  designer lint config.yaml --write-baseline lint-baseline.json

\b
To accept a finding, write above the line:
  # designer: ignore LNT401 until 2027-03-01, the provider has its own breaker""",
)
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
@click.option("--gateway", metavar="TOKEN", help="Whose configuration CONFIG is, as litellm@1.109.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    default="error",
    show_default=True,
    help="Exit 1 for findings at or above this.",
)
@click.option(
    "--fix", is_flag=True, help="Mend what can be mended safely, in the files themselves."
)
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODE[@GLOB]",
    help="Leave out a rule, everywhere or in some files.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Leave out the findings that this file knows.",
)
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the findings of this run as a baseline, and exit 0.",
)
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Rules of your own, and severities that differ.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Which facts count, and what is retired [the catalog's day].",
)
@format_option("github", "junit", "sarif", "markdown")
def lint(
    configs: tuple[str, ...],
    gateway: str | None,
    fail_on: str,
    fix: bool,
    diff: bool,
    ignore: tuple[str, ...],
    baseline: Path | None,
    write_baseline: Path | None,
    rules: Path | None,
    as_of: datetime | None,
    format_: str,
) -> None:
    """Find what is wrong with each CONFIG: a LiteLLM, Portkey or OpenRouter file, a folder, or -.

    Every finding has a code; `designer explain CODE` says why it matters, with its source and an
    example. Nothing is executed and no template in a value is rendered.
    """
    own = _own_rules(rules)
    known = baselines.read(baseline) if baseline is not None else Counter()
    options = [_accepted(option) for option in ignore]
    day = as_of.date() if as_of else load_catalog().date
    counts, report, unreadable = _Counts(), Report(), False
    for path in configs:
        found, is_read = _one(path, gateway, own, options, day, counts)
        unreadable = unreadable or not is_read
        report.extend(found)
    if write_baseline is not None:
        write_atomically(write_baseline, baselines.write(report))
        click.echo(f"wrote {write_baseline}: {len(report)} findings", err=True)
        raise click.exceptions.Exit(2 if unreadable else 0)
    report, counts.by_baseline = baselines.left_out(report, known)
    report.diagnostics.sort(
        key=lambda f: (f.place.file, f.place.line, f.place.column, f.severity.rank, f.code)
    )
    if diff or fix:
        report = _fixed(report, is_dry=diff)
        if diff:
            raise click.exceptions.Exit(2 if unreadable else exit_code(report, fail_on))
    _show(report, counts, len(configs), format_)
    raise click.exceptions.Exit(2 if unreadable else exit_code(report, fail_on))


def _one(
    path: str,
    gateway: str | None,
    own: OwnRules,
    options: list[Accepted],
    day: date,
    counts: _Counts,
) -> tuple[Report, bool]:
    """The findings at a path that nobody accepted, and whether all there could be read."""
    report = Report()
    loaded = load_configs(path, report, gateway)
    configs = [config for config in loaded if config is not None]
    for config in configs:
        counts.settings += config.parsed.settings
        counts.analysed += config.parsed.settings - len(config.parsed.not_analysed)
        counts.simulated += config.parsed.simulated
        counts.unmodelled += config.parsed.unmodelled
        counts.not_analysed += config.parsed.not_analysed
        found = Report()
        check(config, day, found)
        own.check(config, found)
        report.extend(found if config.is_whole else _without_fixes(found))
    if not configs:
        return located(report, path), False
    graded = own.graded(report)
    texts = {file: text for config in configs for file, text in config.texts.items()}
    documents = [document for config in configs for document in config.parsed.documents]
    said = list(comments(texts, documents, graded))
    left = suppress(graded, said, [*options, *of_profile(configs[0].profile, day)], day)
    counts.by_comment += left.by_comment
    counts.by_option += left.by_option
    return located(left.left, path), len(configs) == len(loaded)


def _without_fixes(report: Report) -> Report:
    """The paths of edits are those of a whole file, not of a text inside one or of several files."""
    return Report([replace(finding, fix=None) for finding in report])


def _own_rules(path: Path | None) -> OwnRules:
    if path is None:
        return OwnRules()
    report = Report()
    try:
        own = read_own_rules(path.read_text("utf-8"), str(path), report)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if own is None:
        tell(report)
        raise click.exceptions.Exit(2)
    return own


def _accepted(option: str) -> Accepted:
    code, _, glob = option.partition("@")
    if len(code) != 6:
        raise UsageError(f"--ignore {option}: a rule's code is meant, such as LNT401")
    return Accepted((code.upper(),), glob or "**")


def _fixed(report: Report, is_dry: bool) -> Report:
    """What is left after the fixes; with `is_dry` they are shown as a patch and not made."""
    left = Report(report.diagnostics)
    for file, listed in fixes.by_file(report).items():
        path = Path(file)
        if not path.is_file():
            continue  # standard input, or a text inside another file
        before = path.read_bytes().decode("utf-8")
        fixed = fixes.apply(before, listed)
        if is_dry:
            click.echo(fixes.diff(file, before, fixed.text), nl=False)
            continue
        write_atomically(path, fixed.text)
        for one in fixed.made:
            click.echo(f"{file}: {one.title}", err=True)
        left = Report([finding for finding in left if finding.fix not in fixed.made])
    return left


def _show(report: Report, counts: _Counts, configs: int, format_: str) -> None:
    if format_ == "json":
        echo_json(
            {
                "schema_version": render.SCHEMA_VERSION,
                "settings": counts.settings,
                "analysed": counts.analysed,
                "simulated": counts.simulated,
                "checked_only": counts.unmodelled,
                "not_analysed": counts.not_analysed,
                "suppressed": {
                    "comment": counts.by_comment,
                    "option": counts.by_option,
                    "baseline": counts.by_baseline,
                },
                "findings": [finding.as_json() for finding in report],
            }
        )
    elif format_ == "text":
        for finding in report:
            tell(Report([finding]), err=False)
        sys.stdout.flush()
        click.echo(_summary(report, counts, configs), err=True)
    else:
        tell_as(report, format_)


def _summary(report: Report, counts: _Counts, configs: int) -> str:
    accepted = {
        "comment": counts.by_comment,
        "option": counts.by_option,
        "baseline": counts.by_baseline,
    }
    said = ", ".join(f"{n} by {who}" for who, n in accepted.items() if n)
    parts = [
        render.summary(report),
        f"{counts.settings} settings: {counts.simulated} simulated, "
        f"{len(counts.unmodelled)} checked only, {len(counts.not_analysed)} not analysed",
        *([f"accepted: {said}"] if said else []),
        *([f"{configs} configurations"] if configs > 1 else []),
    ]
    fixable = sum(finding.fix is not None for finding in report)
    hint = f"\n{fixable} can be mended with --fix (--diff shows how)" if fixable else ""
    return "; ".join(parts) + hint
