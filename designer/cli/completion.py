"""`designer completion`: the script that teaches a shell the commands."""

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="""\b
Examples:
  designer completion bash > ~/.local/share/bash-completion/completions/designer
  designer completion zsh  > "${fpath[1]}/_designer"
  designer completion fish > ~/.config/fish/completions/designer.fish"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL."""
    maker = get_completion_class(shell)
    assert maker is not None
    click.echo(maker(ctx.find_root().command, {}, "designer", "_DESIGNER_COMPLETE").source())
