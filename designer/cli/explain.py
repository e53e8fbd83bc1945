"""`designer explain`: the reason behind a finding's code, or what a profile's key means."""

from difflib import get_close_matches
from textwrap import indent

import click

from designer.cli.output import echo_json, format_option
from designer.diagnostics import Rule
from designer.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  designer explain LOW301
  designer explain workloads.traffic.repeats"""
)
@click.argument("code_or_key", metavar="CODE|KEY")
@format_option()
def explain(code_or_key: str, format_: str) -> None:
    """Say why a finding's CODE exists, or what a KEY of the profile means."""
    from designer.rules import all_rules

    rules = all_rules()
    rule = rules.get(code_or_key.upper())
    if rule is not None:
        _show_rule(rule, format_)
        return
    from designer.profile.explain import explain_key, similar_keys

    text = explain_key(code_or_key)
    if text is None:
        near = get_close_matches(code_or_key.upper(), rules, n=3) or similar_keys(code_or_key)[:3]
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UsageError(f"{code_or_key!r} is neither a finding's code nor a profile's key{hint}")
    if format_ == "json":
        echo_json({"schema_version": 1, "key": code_or_key, "text": text})
    else:
        click.echo(text.rstrip("\n"))


def _show_rule(rule: Rule, format_: str) -> None:
    parts = {
        "message": rule.title,
        "why": rule.why,
        "instead": rule.instead,
        "help": rule.help,
        "source": rule.source,
    }
    from designer.lint.pages import examples

    shown = {
        label: example.read_text("utf-8")
        for label, example in zip(("fails", "passes"), examples(rule.code), strict=True)
        if example is not None
    }
    if format_ == "json":
        said = {"schema_version": 1, "code": rule.code, "severity": rule.severity}
        echo_json({**said, **parts, "examples": shown})
        return
    click.echo(f"{click.style(rule.code, bold=True)}  {rule.severity}")
    for name, text in parts.items():
        if text:
            click.echo(f"\n{name}:")
            click.echo(click.wrap_text(text, 96, "  ", "  "))
    for label, text in shown.items():
        click.echo(f"\n{label}:")
        click.echo(indent(text.rstrip("\n"), "  "))
