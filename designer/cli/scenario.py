"""`designer scenario`: a scenario inferred from a log of what happened."""

from datetime import UTC, datetime
from pathlib import Path

import click

from designer.errors import UsageError
from designer.logs import Skipped, read_logs
from designer.simulate.infer import Seen, scenario_text


@click.command(
    epilog="""\b
Examples:
  designer scenario --from-logs spend.jsonl --from 2026-11-01T10:00Z --to 2026-11-01T11:00Z > bad.yaml
  designer simulate out/eu-support --scenario bad.yaml"""
)
@click.option(
    "--from-logs",
    "log",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="LiteLLM's spend logs, GenAI spans, the runtime's ledger, or a table of tokens.",
)
@click.option(
    "--from", "begins", required=True, metavar="TIME", help="As ISO 8601; UTC unless it says."
)
@click.option("--to", "ends", required=True, metavar="TIME")
@click.option("--strict", is_flag=True, help="Refuse a log of which an entry cannot be read.")
def scenario(log: Path, begins: str, ends: str, strict: bool) -> None:
    """Print a scenario of the errors and the slowness that a log shows between two times.

    What is inferred is marked so: bursts of failures and changes of latency by deployment.
    """
    from_s, to_s = _unix_s(begins, "--from"), _unix_s(ends, "--to")
    if to_s <= from_s:
        raise UsageError("`--to` is not after `--from`")
    skipped, seen = Skipped(), Seen(from_s, to_s)
    for row in read_logs(log, skipped):
        seen.add(row)
    _tell(skipped, strict)
    if not seen.requests:
        raise UsageError(f"{log} has no request between {begins} and {ends}")
    click.echo(scenario_text(f"inferred from {log.name}", seen, to_s - from_s), nl=False)


def _tell(skipped: Skipped, is_strict: bool) -> None:
    if not skipped.count:
        return
    place, reason = skipped.first[0]
    said = f"{skipped.count} entries could not be read; the first is {place}: {reason}"
    if is_strict:
        raise UsageError(said)
    click.echo(f"warning: {said}", err=True)


def _unix_s(text: str, option: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is no time; write for example 2026-11-01T10:00Z"
        ) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
