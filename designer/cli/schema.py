"""`designer schema`: a JSON Schema to point an editor or a validator at."""

import click

from designer.keys.schema import EDITORS
from designer.resources import schema as packaged

_NAMES = {
    **{
        name: name
        for name in ("profile", "designer", "scenario", "trace", "route-test", "properties")
    },
    **{editor.name: f"editor/{editor.name}" for editor in EDITORS},
}
"""What a schema is asked for by → its file."""


@click.command(
    epilog="""\b
Examples:
  designer schema profile > profile.schema.json
  designer schema litellm > litellm.schema.json    # for config.yaml, in an editor"""
)
@click.argument("name", type=click.Choice(list(_NAMES)))
def schema(name: str) -> None:
    """Print the JSON Schema of a profile, designer.yaml, a scenario, properties, or a gateway's hand-written file."""
    click.echo(packaged(_NAMES[name]), nl=False)
