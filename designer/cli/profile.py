"""`designer init`: a profile to start from, or one derived from a gateway's configuration."""

from pathlib import Path
from typing import NoReturn

import click

from designer.cli.output import tell
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.files import write_atomically
from designer.profile.starter import starter_profile
from designer.render import findings


@click.command(
    epilog="""\b
Examples:
  designer init profile.yaml
  designer init > profile.yaml
  designer init --from config.yaml -o profile.yaml
  kubectl get configmap litellm -o jsonpath='{.data.config\\.yaml}' | designer init --from -"""
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The same as FILE.")
@click.option("--overwrite", is_flag=True, help="Overwrite FILE if it is there.")
@click.option(
    "--from",
    "source",
    metavar="CONFIG",
    help="Derive it from a LiteLLM, Portkey or OpenRouter file or folder (- is standard input).",
)
@click.option("--gateway", help="With --from: whose configuration it is, as a token.")
def init(
    file: Path | None, out: Path | None, overwrite: bool, source: str | None, gateway: str | None
) -> None:
    """Write a commented profile to FILE, or to standard output.

    With --from it is derived from an existing configuration: `designer plan` with it writes one that
    routes alike, and what it leaves out or cannot say is told on standard error.
    """
    if file is not None and out is not None:
        raise UsageError("name the file once: as FILE or with --out")
    if gateway is not None and source is None:
        raise UsageError("--gateway goes with --from")
    path = file or out
    if path is not None and path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; --overwrite replaces it")
    text = starter_profile() if source is None else _derived(source, gateway)
    if path is None:
        click.echo(text, nl=False)
        return
    write_atomically(path, text)
    first = "" if source else "edit it, then "
    click.echo(f"wrote {path}   next: {first}designer plan {path}")


def _derived(source: str, gateway: str | None) -> str:
    from designer.adopt import adopt
    from designer.catalog import load_catalog
    from designer.load import load_config

    report = Report()
    config = load_config(source, report, gateway)
    if config is None or report.has_errors:
        _end(report)
    version = (gateway or "").partition("@")[2]
    adopted = adopt(config, source, load_catalog(), report, version)
    if adopted is None:
        _end(report)
    tell(report)
    said = adopted.settings - adopted.carried
    click.echo(
        f"{said} of {adopted.settings} settings expressed in the profile, {adopted.carried} carried "
        "in passthrough",
        err=True,
    )
    return adopted.text


def _end(report: Report) -> NoReturn:
    tell(report)
    click.echo(findings.summary(report), err=True)
    raise click.exceptions.Exit(2)
