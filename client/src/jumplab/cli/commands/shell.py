"""`jumplab shell`."""

from datetime import timedelta

import click

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


@click.command(context_settings={"ignore_unknown_options": False})
@lease_options
@existing_lease_option
@keep_detached_option
@exporter_config_option
@reconnect_option
@parent_option
@client_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(
    selector: str,
    exporter: str,
    members: dict[str, str],
    duration: timedelta,
    max_duration: timedelta | None,
    name: str | None,
    tags: dict[str, str],
    wait_timeout: timedelta | None,
    lease_name: str | None,
    keep_detached: bool,
    exporter_config: str | None,
    reconnect_within: timedelta | None,
    with_parent: bool,
    client_name: str | None,
    command: tuple[str, ...],
) -> int:
    """Lease an exporter and open a shell in which `j` controls it. The lease ends with the shell.

    With a COMMAND (after --), runs that instead and exits with its status; for pipelines there is `jumplab run`. With
    --exporter-config there is no lease: the drivers run on this machine, and end with the shell.
    """
    from jumplab.cli.lease_context import LeaseOptions
    from jumplab.cli.leased_shell import Commission, check_command
    from jumplab.cli.using_drivers import Source, use_drivers

    if exporter_config is not None:
        check_without_lease(click.get_current_context())
    check_command(command)
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
    source = Source(wanted, client_name, reconnect_within, exporter_config, with_parent)
    return use_drivers(source, lambda interruptions: Commission(command, interruptions, client_name))
