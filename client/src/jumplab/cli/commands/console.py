"""`jumplab console`."""

from datetime import timedelta

import click

from jumplab.cli.options import client_option, lease_options, reconnect_option


@click.command()
@lease_options
@click.option("--lease", "lease_name", metavar="NAME", help="Use this existing lease, and do not release it.")
@click.option(
    "--driver", metavar="PATH", help="Path of the console's driver, for example board.console or MEMBER.board.console."
)
@click.option("--offset", type=int, help="Start at this byte offset; a negative one counts back from now.")
@click.option("--exclusive", is_flag=True, help="Lock the console: nobody else can type.")
@click.option("--watch", is_flag=True, help="Show the console without typing into it.")
@reconnect_option
@client_option
def console(
    selector: str,
    exporter: str,
    members: dict[str, str],
    duration: timedelta,
    name: str | None,
    wait_timeout: timedelta | None,
    lease_name: str | None,
    driver: str | None,
    offset: int | None,
    exclusive: bool,
    watch: bool,
    reconnect_within: timedelta | None,
    client_name: str | None,
) -> None:
    """Lease an exporter and open its console. Ctrl-] leaves it."""
    from jumplab.cli.exit_status import print_note
    from jumplab.cli.j.driver_tree import DriverTree
    from jumplab.cli.lease_context import LeaseOptions, acquire, member_of
    from jumplab.cli.running import run
    from jumplab.cli.terminal import converse, show
    from jumplab.client import sessions
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.drivers.console.stream import joined

    if watch and exclusive:
        raise click.UsageError("--watch and --exclusive exclude each other; leave out one of them")
    config = load_client(client_name)
    wanted = LeaseOptions(selector, exporter, members, duration, name, wait_timeout, lease_name)

    async def lease_and_attach() -> None:
        async with Controller.connected(config) as controller, acquire(controller, config, wanted) as acquired:
            member, path = member_of(acquired.lease, driver)
            tree = DriverTree.allowing(config.drivers.allow, unsafe=config.drivers.unsafe)
            patience = sessions.reconnect_within(config, reconnect_within)
            again = sessions.reconnecting(controller, acquired.lease.name, patience, notify=print_note, member=member)
            async with sessions.attached(controller, acquired, tree, again, "jumplab console", member) as session:
                chosen = tree.console(session.root, path)
                async with joined(chosen, offset, exclusive=exclusive, mark_gaps=True) as stream:
                    await (show(stream) if watch else converse(stream, ends_with_input=False))

    run(lease_and_attach())
