"""`jumplab completion`."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script: eval "$(jumplab completion bash)"."""
    from click.shell_completion import get_completion_class

    from jumplab.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "jumplab", "_JUMPLAB_COMPLETE").source())
