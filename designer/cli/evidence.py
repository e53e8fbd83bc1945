"""`designer evidence`: an archive for whoever audits an emitted folder."""

import hashlib
from datetime import datetime
from pathlib import Path

import click

from designer.catalog import load_catalog
from designer.cli.output import echo_json, format_option, tell
from designer.diagnostics import Report
from designer.evidence import archive, gather
from designer.files import write_atomically
from designer.project import read_project
from designer.render.findings import SCHEMA_VERSION


@click.command(
    epilog="""\b
Examples:
  designer evidence out/eu-support -o evidence.zip
  designer evidence out/eu-support -o evidence.zip --as-of 2027-01-31"""
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    *("-o", "--out"),
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The zip archive to write.",
)
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Which facts count [the catalog's day]."
)
@format_option()
def evidence(folder: Path, out: Path, as_of: datetime | None, format_: str) -> None:
    """Gather what an auditor asks of DIR, a folder that plan has written.

    Per path from a route to a deployment: region, facts with source, expiry and agreement, and the
    verdict on each requirement; single failures, losses, the files' hashes, findings, and what is
    inconclusive. Inside: index.md to read, a CSV for each table, evidence.json. The same input gives
    the same bytes, and no secret is inside.
    """
    report = Report()
    project = read_project(report)
    catalog = load_catalog(project.overlay_path, report, file=project.catalog_path)
    day = as_of.date() if as_of else None
    gathered = None if report.has_errors else gather(folder, catalog, day, report)
    if gathered is None:
        tell(report)
        raise click.exceptions.Exit(2)
    content = archive(gathered)
    write_atomically(out, content)
    counts = {table.name: len(table.rows) for table in gathered.tables}
    if format_ == "json":
        digest = hashlib.sha256(content).hexdigest()
        echo_json(
            {
                "schema_version": SCHEMA_VERSION,
                "file": str(out),
                "sha256": digest,
                "as_of": gathered.as_of.isoformat(),
                "rows": counts,
            }
        )
        return
    listed = ", ".join(f"{count} {name}" for name, count in counts.items())
    click.echo(f"wrote {out}: {listed}; read index.md first")
