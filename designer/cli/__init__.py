"""The command line: options in, exit codes out. One thin module per group of commands.

Commands are imported when they are called, so that a quick one is not slowed by the others' libraries.
"""

import atexit
import difflib
import gc
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from designer import __version__
from designer.errors import DesignerError

# Looking for pydantic's plugins reads the metadata of every installed package, at every start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

COMMANDS = {
    "init": ("designer.cli.profile", "Write a commented profile to start from."),
    "plan": ("designer.cli.plan", "Turn a profile into a gateway and its checked configuration."),
    "why": (
        "designer.cli.why",
        "Why a plan is as it is, why not otherwise, and what would flip it.",
    ),
    "check": ("designer.cli.check", "Everything that has to be so before it goes live, in one."),
    "evidence": (
        "designer.cli.evidence",
        "For an auditor: each path's facts with source and expiry, and what is not shown.",
    ),
    "lint": ("designer.cli.lint", "Find what is wrong with the configurations you have."),
    "simulate": (
        "designer.cli.simulate",
        "Dry-run a configuration under outages, in virtual time.",
    ),
    "verify": (
        "designer.cli.verify",
        "Prove what holds on every path and under every set of failures.",
    ),
    "scenario": ("designer.cli.scenario", "Infer a scenario from a log of what happened."),
    "trace": ("designer.cli.trace", "Follow one request, or several, with scripted outcomes."),
    "test": (
        "designer.cli.test",
        "Route tests as data: scripted outcomes, and what has to come of them.",
    ),
    "conform": (
        "designer.cli.conform",
        "How often the engine and a real gateway agree, case by case.",
    ),
    "serve": ("designer.cli.serve", "Run a configuration locally: the reference runtime."),
    "demo": ("designer.cli.demo", "Three requests that show fallback, cost and redaction."),
    "mcp-gateway": (
        "designer.cli.mcp_gateway",
        "Answer an MCP server's requests for a model's answer (sampling).",
    ),
    "keys": ("designer.cli.books", "Mint, list and revoke virtual keys of the runtime."),
    "spend": ("designer.cli.books", "What the runtime's ledger says was spent."),
    "catalog": (
        "designer.cli.catalog",
        "Models, prices, regions and contracts, with their sources.",
    ),
    "calibrate": (
        "designer.cli.calibrate",
        "Replace priors by what your own logs measured.",
    ),
    "explain": ("designer.cli.explain", "The reason behind a finding's code or a profile's key."),
    "schema": ("designer.cli.schema", "Print a JSON Schema for editors."),
    "completion": ("designer.cli.completion", "Print the shell's completion script."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[name][0]), name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        close = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and close:
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {close[0]!r}?", ctx)
        return super().resolve_command(ctx, args)


_EPILOG = """\b
Examples:
  designer init > profile.yaml
  designer plan profile.yaml
  designer check profile.yaml
  designer simulate out/NAME --scenario provider-outage
  designer serve out/NAME --stub

Exit codes: 0 clean; 1 findings, differences or failed assertions; 2 wrong usage or unreadable
input; 3 requirements that cannot be met together; 4 a port, gateway or network failed; 70 internal
error; 130 interrupted."""


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(__version__, prog_name="designer")
def cli() -> None:
    """Compile a workload profile into an LLM gateway configuration, and prove it before an outage
    does."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Ends the process, at once: taking every module apart first would cost a sixth of a plan."""
    code = run(args)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            continue  # its reader has gone, and there is nobody left to tell
    os._exit(code)


def run(args: Sequence[str] | None = None) -> int:
    """The exit code; prints, but never exits itself."""
    # Imports and a plan make many objects and hardly any cyclic garbage: at the usual threshold,
    # looking for it takes a fifth of a short command's time.
    gc.set_threshold(100_000, 20, 20)
    try:
        # Outside standalone mode click returns the code of an Exit, or what the command returned.
        code = cli.main(args=args, prog_name="designer", standalone_mode=False)
    except click.Abort:
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return error.exit_code if isinstance(error, click.UsageError) else 2
    except DesignerError as error:
        click.echo(f"{click.style('error:', fg='red')} {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # The reader of our pipe has gone (`| head`); keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001  the last line of defence: a report, never a traceback
        return _internal_error()
    return code if isinstance(code, int) else 0


def _interrupted() -> int:
    click.echo("interrupted", err=True)
    return 130


def _internal_error() -> int:
    with tempfile.NamedTemporaryFile(
        "w", prefix="designer-", suffix=".log", delete=False, encoding="utf-8"
    ) as report:
        report.write(f"designer {__version__}\n{traceback.format_exc()}")
    click.echo(
        f"internal error in designer {__version__}; please file {Path(report.name)} with the command "
        "that you ran",
        err=True,
    )
    return 70
