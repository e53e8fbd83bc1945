"""`designer demo`: three requests through the runtime, and whether all was as it has to be."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from designer import resources
from designer.catalog import load_catalog
from designer.cli.output import tell
from designer.cli.serving import loaded_config, need_runtime, priced
from designer.diagnostics import Report
from designer.engine.call import Program
from designer.errors import DesignerError

if TYPE_CHECKING:
    from runtime.demo import Shown


@click.command(
    epilog="""\b
Examples:
  designer demo
  designer demo out/eu-support"""
)
@click.argument("config", required=False)
def demo(config: str | None) -> None:
    """Three requests that show fallback, cost and redaction: no key, no network.

    They go through the official OpenAI client and the runtime to stub providers, on CONFIG or on a
    bundled example. Exits 1 when anything was not as it has to be.
    """
    need_runtime()
    import runtime.demo

    with tempfile.TemporaryDirectory(prefix="designer-demo-") as scratch:
        folder = config or _plan_example(Path(scratch))
        loaded = loaded_config(folder)
        stage = runtime.demo.Stage(
            Program(loaded.parsed.routing, loaded.parsed.semantics),
            dict(priced(loaded)),
            load_catalog(),
            Path(scratch) / "ledger.sqlite",
        )
        shown = runtime.demo.play(stage)
    _table(shown)
    if any(row.problems for row in shown):
        raise click.exceptions.Exit(1)


def _plan_example(scratch: Path) -> str:
    from designer.compiler import Options, compile_profile, write_plan
    from designer.planner.lock import Lock
    from designer.profile.load import load_profile

    report = Report()
    loaded = load_profile("eu-support.yaml", resources.example("eu-support"), report=report)
    plan = loaded and compile_profile(loaded, load_catalog(), Lock(), Options(), report)
    if not plan:
        tell(report)
        raise DesignerError("the bundled example does not compile")
    write_plan(plan, scratch / "plan", report)
    return str(scratch / "plan")


def _table(shown: "list[Shown]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("request", "answered by", "attempts", "USD", "what was seen", ""):
        table.add_column(
            column, overflow="fold", justify="right" if column in ("attempts", "USD") else "left"
        )
    for row in shown:
        good = not row.problems
        table.add_row(
            row.title,
            row.served_by or "–",
            row.attempts or "–",
            row.cost_usd or "–",
            row.saw if good else "; ".join(row.problems),
            "[green]ok[/]" if good else "[red]WRONG[/]",
        )
    Console(width=None if os.isatty(1) else 140).print(table)
