"""`designer calibrate`: an overlay of measurements from logs, and what in the logs said nothing."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from designer.calibrate import Calibration, overlay_text
from designer.calibrate import calibrate as measure
from designer.catalog import load_catalog
from designer.cli.output import echo_json, format_option, tell
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.files import write_atomically
from designer.logs import Row, Skipped, read_logs

_MOST_LISTED = 10


@click.command(
    epilog="""\b
Examples:
  designer calibrate --from spend_logs.jsonl -o overlay.yaml
  designer calibrate --from spans.jsonl --from ledger.db --plan out/eu-support
  designer plan profile.yaml --overlay overlay.yaml"""
)
@click.option(
    "--from",
    "logs",
    multiple=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="LiteLLM's spend logs (JSON, CSV), GenAI spans (OTLP JSON), the runtime's ledger.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option(
    "--plan",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of the plan that the logs are from: its deployments' ids are then known.",
)
@click.option(
    "--overlay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own models, as for `catalog`.",
)
@click.option(
    "--strict", is_flag=True, help="Exit 1 when an entry is malformed or matches nothing."
)
@format_option()
def calibrate(
    logs: tuple[Path, ...],
    out: Path | None,
    plan: Path | None,
    overlay: Path | None,
    strict: bool,
    format_: str,
) -> None:
    """Replace priors by measurements: speed, tokens and cost of each offering, availability of each
    provider, as an overlay for `plan` and `catalog`.

    Without -o the overlay goes to standard output, and what is told about it to standard error.
    """
    report = Report()
    catalog = load_catalog(overlay, report)
    tell(report)
    if report.has_errors:
        raise click.exceptions.Exit(2)
    skipped = Skipped()
    found = measure(_rows(logs, skipped), catalog, _deployments(plan))
    text = overlay_text(found, [log.name for log in logs])
    if out is not None and text:
        write_atomically(out, text)
    if format_ == "json":
        echo_json(_as_json(found, skipped, text))
    else:
        click.echo("\n".join(_told(found, skipped)), err=out is None)
        _end(out, text)
    doubtful = skipped.count or found.unmatched
    raise click.exceptions.Exit(1 if not text or (strict and doubtful) else 0)


def _end(out: Path | None, text: str) -> None:
    if out is None:
        click.echo(text, nl=False)
    elif text:
        click.echo(f"  wrote {out}\n  next: designer plan PROFILE --overlay {out}")
    else:
        click.echo("  nothing could be measured, nothing written", err=True)


def _rows(logs: Sequence[Path], skipped: Skipped) -> Iterator[Row]:
    for log in logs:
        yield from read_logs(log, skipped)


class _Planned(msgspec.Struct):
    offering: str


class _PlanFile(msgspec.Struct):
    deployments: dict[str, _Planned]


def _deployments(plan: Path | None) -> dict[str, str]:
    if plan is None:
        return {}
    path = plan / "plan.json"
    try:
        read = msgspec.json.decode(path.read_bytes(), type=_PlanFile)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a plan of this program: {error}") from error
    return {id_: planned.offering for id_, planned in read.deployments.items()}


# --- Words ----------------------------------------------------------------------------------------


def _told(found: Calibration, skipped: Skipped) -> Iterable[str]:
    yield f"{found.rows:,} requests read"
    for item in found.measured:
        speed, usage = item.speed, item.usage
        pace = (
            "no pace"
            if speed is None
            else (
                f"first token {speed.ttft_p50_s:.2f} s, {speed.tokens_per_s:.0f} tokens/s ({speed.how})"
            )
        )
        cost = "no cost" if usage.usd_per_request is None else f"{usage.usd_per_request:.5f} USD"
        yield (
            f"  {item.pattern}  {usage.answers:,} answers: {pace}, "
            f"{usage.input_tokens} + {usage.output_tokens} tokens, {cost} a request"
        )
    for share in found.answered:
        yield f"  {share.provider}  {share.share:.3%} of {share.requests:,} requests answered"
    yield from _listed("matched no offering of the catalog", found.unmatched)
    yield from _listed("too few to say anything", found.too_few)
    if found.from_cache:
        yield f"  {found.from_cache:,} were answered by the gateway's cache"
    if skipped.others:
        yield f"  {skipped.others:,} spans call no model"
    if skipped.count:
        entries = "1 entry was" if skipped.count == 1 else f"{skipped.count:,} entries were"
        yield f"  {entries} not understood:"
        yield from (f"    {place}: {reason}" for place, reason in skipped.first[:_MOST_LISTED])
        if skipped.count > _MOST_LISTED:
            yield from (
                f"    in all: {n:,} × {reason}" for reason, n in skipped.reasons.most_common(5)
            )


def _listed(what: str, counted: Sequence[tuple[str, int]]) -> Iterable[str]:
    if not counted:
        return
    yield f"  {what}:"
    yield from (f"    {name}: {count:,}" for name, count in counted[:_MOST_LISTED])
    if len(counted) > _MOST_LISTED:
        yield f"    and {len(counted) - _MOST_LISTED} more"


def _as_json(found: Calibration, skipped: Skipped, text: str) -> dict[str, Any]:
    said = msgspec.to_builtins(found)
    return {
        "schema_version": 1,
        **{name: said[name] for name in ("rows", "measured", "answered", "from_cache")},
        "unmatched": [{"name": name, "rows": rows} for name, rows in found.unmatched],
        "too_few": [{"name": name, "rows": rows} for name, rows in found.too_few],
        "malformed": {
            "count": skipped.count,
            "reasons": dict(skipped.reasons),
            "first": [{"place": place, "reason": reason} for place, reason in skipped.first],
        },
        "others": skipped.others,
        "overlay": text,
    }
