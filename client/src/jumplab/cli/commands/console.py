"""`jumplab console`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from jumplab.cli import completing
from jumplab.cli.options import (
    check_without_lease,
    client_option,
    existing_lease_option,
    exporter_config_option,
    keep_detached_option,
    lease_options,
    parent_option,
    reconnect_option,
)

if TYPE_CHECKING:
    from jumplab.cli.j.console_terminal import ConsoleOptions
    from jumplab.cli.parent_process import ParentProcess
    from jumplab.client.config import DriverSettings
    from jumplab.client.driver_source import DriverSource

_CAUSE_SECONDS = 2.0
"""How long the controller has to say why a lease has ended."""


@click.command()
@lease_options
@existing_lease_option
@click.option(
    "--log-of",
    metavar="LEASE",
    shell_complete=completing.leases,
    help="Lease nothing: print what a console said in this lease of yours, also after its end; with --log, to a file.",
)
@click.option(
    "--driver",
    metavar="PATH",
    shell_complete=completing.console_paths,
    help="Path of the console's driver, for example board.console or MEMBER.board.console.",
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
@keep_detached_option
@exporter_config_option
@reconnect_option
@parent_option
@client_option
def console(
    selector: str,
    exporter: str,
    members: dict[str, str],
    duration: timedelta,
    max_duration: timedelta | None,
    name: str | None,
    tags: dict[str, str],
    wait_timeout: timedelta | None,
    lease_name: str | None,
    log_of: str | None,
    driver: str | None,
    begin: str | None,
    offset: int | None,
    exclusive: bool,
    watch: bool,
    log: Path | None,
    timestamps: bool,
    control_sequences: bool,
    keep_detached: bool,
    exporter_config: str | None,
    reconnect_within: timedelta | None,
    with_parent: bool,
    client_name: str | None,
) -> None:
    """Lease an exporter and open its console. Ctrl-] opens its menu, Ctrl-] twice leaves it.

    Where standard input is no terminal, it is typed into the console, whose end it is.
    """
    if log_of is not None:
        _write_kept_log(log_of, driver, offset or 0, log, client_name, control_sequences=control_sequences)
        return
    from jumplab.cli.before_leasing import check_console
    from jumplab.cli.j.console_terminal import ConsoleOptions
    from jumplab.cli.lease_context import LeaseOptions, acquire, member_of
    from jumplab.cli.parent_process import ParentProcess
    from jumplab.cli.running import run
    from jumplab.client import sessions
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.driver_source import LeasedDrivers

    if watch and exclusive:
        raise click.UsageError("--watch and --exclusive exclude each other; leave out one of them")
    if begin is not None and offset is not None:
        raise click.UsageError("--from and --offset exclude each other; leave out one of them")
    if log is None and (timestamps or control_sequences):
        raise click.UsageError("--timestamps and --control-sequences are about the log; name its file with --log")
    options = ConsoleOptions(begin, offset, exclusive, watch, log, timestamps, control_sequences)
    parent = ParentProcess.watched(with_parent, os.environ)
    if exporter_config is not None:
        _local_console(exporter_config, driver, options, parent)
        return
    config = load_client(client_name)
    wanted = LeaseOptions(
        selector,
        exporter,
        members,
        duration,
        name,
        wait_timeout,
        lease_name,
        max_duration,
        keep_detached,
        tags,
    )

    async def lease_and_attach() -> None:
        async with Controller.connected(config) as controller:
            await check_console(controller, wanted, driver)
            async with acquire(controller, config, wanted) as acquired:
                member, path = member_of(acquired.lease, driver)
                source = LeasedDrivers(controller, acquired)
                patience = sessions.reconnect_within(config, reconnect_within)
                await _show(source, config.drivers, (member, path), patience, options)

    run(lease_and_attach(), parent)


def _local_console(
    exporter_config: str, driver: str | None, options: "ConsoleOptions", parent: "ParentProcess | None"
) -> None:
    from jumplab.cli.local import ready_drivers
    from jumplab.cli.running import run
    from jumplab.client.config import DriverSettings
    from jumplab.session.client import RECONNECT_WITHIN

    check_without_lease(click.get_current_context())

    async def start_and_attach() -> None:
        async with ready_drivers(exporter_config) as source:
            await _show(source, DriverSettings(unsafe=True), ("", driver), RECONNECT_WITHIN, options)

    run(start_and_attach(), parent)


async def _show(
    source: "DriverSource",
    drivers: "DriverSettings",
    driver: tuple[str, str | None],
    reconnect_within: timedelta,
    options: "ConsoleOptions",
) -> None:
    """driver: its member and its path there; None: the only console."""
    from jumplab.cli.exit_status import print_note
    from jumplab.cli.j.console_terminal import open_console, show_notices
    from jumplab.cli.j.driver_tree import DriverTree

    member, path = driver
    tree = DriverTree.allowing(drivers.allow, unsafe=drivers.unsafe)
    async with source.attached(tree, "jumplab console", member, reconnect_within, print_note) as session:
        chosen = tree.console(session.root, path)
        await show_notices(session, chosen)
        async with _end_announced(source):
            await open_console(session.root, chosen, tree, options)


@asynccontextmanager
async def _end_announced(source: "DriverSource") -> AsyncIterator[None]:
    """Prints meanwhile that the lease will end, and why it has ended; the error that follows from it is not printed."""
    import asyncio

    from jumplab.cli.exit_status import print_note
    from jumplab.driver.errors import DriverError, SessionEnded

    announcing = asyncio.create_task(source.announce_end(print_note), name="announcements of the lease's end")
    try:
        yield
    except (DriverError, ExceptionGroup) as error:
        if isinstance(error, ExceptionGroup):
            if error.split(DriverError)[1] is not None:
                raise  # it is not the lease's end alone
            ended = error.subgroup(SessionEnded) is not None
        else:
            ended = isinstance(error, SessionEnded)
        # The exporter may say it sooner than the controller, which knows more.
        patience = _CAUSE_SECONDS if ended else 0
        done, _ = await asyncio.wait([announcing], timeout=patience)
        if not done or announcing.exception() is not None:
            raise
        raise click.exceptions.Exit(1) from error
    finally:
        announcing.cancel()


_OF_A_KEPT_LOG = {"log_of", "driver", "offset", "log", "control_sequences", "client_name"}


def _write_kept_log(
    lease: str, driver: str | None, offset: int, file: Path | None, client_name: str | None, *, control_sequences: bool
) -> None:
    """Carries out --log-of. Raises UsageError where an option is about something else."""
    from jumplab.cli.kept_log import write_kept_log
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client

    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in _OF_A_KEPT_LOG:
            raise click.UsageError(f"--log-of reads a log and leases nothing; leave out {parameter.opts[-1]}")
    config = load_client(client_name)
    run(write_kept_log(config, lease, driver, file, offset=offset, control_sequences=control_sequences))
