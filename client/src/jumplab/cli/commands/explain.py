"""`jumplab explain`."""

from typing import TYPE_CHECKING

import click

from jumplab.cli import completing
from jumplab.cli.kinds import KindGroup
from jumplab.cli.options import client_option, output_option

if TYPE_CHECKING:
    from jumplab.client.waiting import Explanation


@click.group(cls=KindGroup)
def explain() -> None:
    """Explain the state of a lease."""


@explain.command()
@click.argument("name", shell_complete=completing.leases)
@output_option
@client_option
def lease(name: str, output: str | None, client_name: str | None) -> None:
    """Explain why lease NAME waits: its queue position, and each exporter with the reason why it does not fit."""
    from jumplab.cli.exit_status import print_result
    from jumplab.cli.output import write, write_explained
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller

    async def ask() -> "Explanation":
        async with Controller.connected(load_client(client_name)) as controller:
            return await controller.explain_lease(name)

    found = run(ask())
    if output == "name":
        click.echo(found.lease.name)
        return
    if output in ("json", "yaml"):
        write([found], {}, output, single=True)
        return
    for line in _summary(found):
        print_result(line)
    if found.exporters:
        click.echo()
        write_explained(found.exporters)
    if found.left_out:
        click.echo(f"and {found.left_out} more")


def _summary(found: "Explanation") -> list[str]:
    from jumplab.cli.output import expected_range
    from jumplab.client.lease_status import state_sentence
    from jumplab.client.local_moments import in_local_time

    lines = [f'lease "{found.lease.name}": {state_sentence(found.lease)}']
    if found.queue_position is not None:
        lines.append(in_local_time(found.queue_position.message))
        if expected := expected_range(found.queue_position):
            lines.append(f"expected begin: {expected}")
    return lines
