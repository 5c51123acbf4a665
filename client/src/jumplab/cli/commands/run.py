"""`jumplab run`."""

from datetime import timedelta
from pathlib import Path

import click

from jumplab.cli.options import (
    check_without_lease,
    client_option,
    existing_lease_option,
    exporter_config_option,
    lease_options,
    parent_option,
    reconnect_option,
)


@click.command(context_settings={"ignore_unknown_options": False})
@lease_options
@existing_lease_option
@exporter_config_option
@click.option(
    "--results",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for what the consoles say and for the command's own results; default: jumplab-results/LEASE.",
)
@reconnect_option
@parent_option
@client_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    selector: str,
    exporter: str,
    members: dict[str, str],
    duration: timedelta,
    max_duration: timedelta | None,
    name: str | None,
    tags: dict[str, str],
    wait_timeout: timedelta | None,
    lease_name: str | None,
    exporter_config: str | None,
    results: Path | None,
    reconnect_within: timedelta | None,
    with_parent: bool,
    client_name: str | None,
    command: tuple[str, ...],
) -> int:
    """Lease an exporter, run COMMAND (after --) with it, release it, and exit with the command's status.

    The command finds `j` and the lease in its environment, as in `jumplab shell`, and is ended when the lease ends. In
    JUMPLAB_RESULTS it has a folder, where what the consoles say is written.
    """
    from jumplab.cli.exit_status import explain_error, lease_status, print_note
    from jumplab.cli.lease_context import LeaseOptions
    from jumplab.cli.leased_shell import Commission, check_command
    from jumplab.cli.run_results import folder_for
    from jumplab.cli.using_drivers import Source, use_drivers
    from jumplab.errors import JumplabError

    if exporter_config is not None:
        check_without_lease(click.get_current_context())
    check_command(command)
    wanted = LeaseOptions(
        selector, exporter, members, duration, name, wait_timeout, lease_name, max_duration, tags=tags
    )
    source = Source(wanted, client_name, reconnect_within, exporter_config, with_parent, unattended=True)
    folder = folder_for if results is None else lambda _: results
    try:
        return use_drivers(
            source,
            lambda interruptions: Commission(
                command, interruptions, client_name, ends_with_drivers=True, results=folder
            ),
        )
    except (JumplabError, ExceptionGroup) as error:
        status, explained = lease_status(error), explain_error(error)
        if status is None or explained is None or explained[1] == 2:
            raise
        print_note(explained[0])
        return status
