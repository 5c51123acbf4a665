"""`jumplab console`."""

from datetime import timedelta
from pathlib import Path

import click

from jumplab.cli import completing
from jumplab.cli.options import client_option, lease_options, reconnect_option


@click.command()
@lease_options
@click.option(
    "--lease",
    "lease_name",
    metavar="NAME",
    shell_complete=completing.leases,
    help="Use this existing lease, and do not release it.",
)
@click.option(
    "--driver", metavar="PATH", help="Path of the console's driver, for example board.console or MEMBER.board.console."
)
@click.option(
    "--from",
    "begin",
    type=click.Choice(["screen", "now", "begin"]),
    help="Start with the last screen, with what comes from now on, or at the lease's begin; default: screen at a "
    "terminal, else now.",
)
@click.option("--offset", type=int, help="Start at this byte offset; a negative one counts back from now.")
@click.option("--exclusive", is_flag=True, help="Lock the console: nobody else can type.")
@click.option("--watch", is_flag=True, help="Show the console without typing into it.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Also append what is shown to this file.")
@click.option("--timestamps", is_flag=True, help="Begin each line of the log with the time at which it came.")
@click.option("--control-sequences", is_flag=True, help="Leave colours and other control sequences in the log.")
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
    begin: str | None,
    offset: int | None,
    exclusive: bool,
    watch: bool,
    log: Path | None,
    timestamps: bool,
    control_sequences: bool,
    reconnect_within: timedelta | None,
    client_name: str | None,
) -> None:
    """Lease an exporter and open its console. Ctrl-] opens its menu, Ctrl-] twice leaves it.

    Where standard input is no terminal, it is typed into the console, whose end it is.
    """
    from contextlib import AsyncExitStack

    from jumplab.cli.exit_status import print_note
    from jumplab.cli.foreseeing import check_console
    from jumplab.cli.j.console_terminal import ConsoleOptions, open_console, show_notices
    from jumplab.cli.j.driver_tree import DriverTree
    from jumplab.cli.lease_context import LeaseOptions, acquire, member_of
    from jumplab.cli.running import run
    from jumplab.client import sessions
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller

    if watch and exclusive:
        raise click.UsageError("--watch and --exclusive exclude each other; leave out one of them")
    if begin is not None and offset is not None:
        raise click.UsageError("--from and --offset exclude each other; leave out one of them")
    if log is None and (timestamps or control_sequences):
        raise click.UsageError("--timestamps and --control-sequences are about the log; name its file with --log")
    options = ConsoleOptions(begin, offset, exclusive, watch, log, timestamps, control_sequences)
    config = load_client(client_name)
    wanted = LeaseOptions(selector, exporter, members, duration, name, wait_timeout, lease_name)

    async def lease_and_attach() -> None:
        async with AsyncExitStack() as stack:
            controller = await stack.enter_async_context(Controller.connected(config))
            await check_console(controller, wanted, driver)
            acquired = await stack.enter_async_context(acquire(controller, config, wanted))
            member, path = member_of(acquired.lease, driver)
            tree = DriverTree.allowing(config.drivers.allow, unsafe=config.drivers.unsafe)
            patience = sessions.reconnect_within(config, reconnect_within)
            again = sessions.reconnecting(controller, acquired.lease.name, patience, notify=print_note, member=member)
            attaching = sessions.attached(controller, acquired, tree, again, "jumplab console", member)
            session = await stack.enter_async_context(attaching)
            chosen = tree.console(session.root, path)
            await show_notices(session, chosen)
            await open_console(session.root, chosen, tree, options)

    run(lease_and_attach())
