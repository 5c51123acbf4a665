"""`jumplab config`."""

import click

from jumplab.cli import completing


@click.group()
def config() -> None:
    """Show and select client configurations."""


@config.group()
def client() -> None:
    """Client configurations: ~/.config/jumpstarter/clients/NAME.yaml."""


@client.command(name="list")
def list_() -> None:
    """Show the client configurations. A mark shows the current one."""
    import os

    from jumplab.client.config_files import ConfigFiles

    config_files = ConfigFiles.of(os.environ)
    current = config_files.current_client()
    for name in config_files.client_names():
        click.echo(f"{'*' if name == current else ' '} {name}")


@client.command()
@click.argument("name", shell_complete=completing.configurations)
def use(name: str) -> None:
    """Make NAME the current client."""
    import os

    from jumplab.client.config_files import ConfigFiles

    ConfigFiles.of(os.environ).use_client(name)
