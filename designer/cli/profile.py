"""`designer init`: a profile to start from."""

from pathlib import Path

import click

from designer.errors import UsageError
from designer.files import write_atomically
from designer.profile.starter import starter_profile


@click.command(
    epilog="""\b
Examples:
  designer init profile.yaml
  designer init > profile.yaml"""
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Overwrite FILE if it is there.")
def init(file: Path | None, overwrite: bool) -> None:
    """Write a commented profile to FILE, or to standard output."""
    text = starter_profile()
    if file is None:
        click.echo(text, nl=False)
        return
    if file.exists() and not overwrite:
        raise UsageError(f"{file} is there already; --overwrite replaces it")
    write_atomically(file, text)
    click.echo(f"wrote {file}   next: edit it, then designer plan {file}")
