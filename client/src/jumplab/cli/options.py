"""Options that several commands share."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from jumplab.cli import completing

F = TypeVar("F", bound=Callable[..., Any])


class DurationType(click.ParamType[timedelta]):
    """A duration as manifests write it."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from jumplab.protocol.durations import parse_positive_duration

        if isinstance(value, timedelta):
            return value
        try:
            return parse_positive_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class LeaseDurationType(DurationType):
    """The duration of a lease: it has a limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from jumplab.protocol.lease_rules import duration_problem

        duration = super().convert(value, param, ctx)
        if problem := duration_problem(duration):
            self.fail(problem, param, ctx)
        return duration


def read_reconnect_seconds(text: str | None) -> timedelta | None:
    """How long a lost connection may stay away, as JUMPLAB_RECONNECT_SECONDS has it. Raises ConfigurationError."""
    from jumplab.client.errors import ConfigurationError
    from jumplab.protocol.durations import parse_seconds

    try:
        return parse_seconds(text) if text else None
    except ValueError as error:
        raise ConfigurationError(f"JUMPLAB_RECONNECT_SECONDS: {error}") from error


class TimestampType(click.ParamType[datetime]):
    """A moment, as `jumplab.client.timestamps` reads it."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from jumplab.client.errors import ConfigurationError
        from jumplab.client.timestamps import parse_moment
        from jumplab.protocol.lease_rules import moment_problem

        if isinstance(value, datetime):
            return value
        try:
            moment = parse_moment(value, datetime.now().astimezone())
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)
        if problem := moment_problem("the time", moment):
            self.fail(problem, param, ctx)
        return moment


def _read_members(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """NAME=WHAT pairs as a mapping; the selector in WHAT has more = in it."""
    members: dict[str, str] = {}
    for pair in pairs:
        name, equals, what = pair.partition("=")
        if not name or not equals or name in members:
            raise click.BadParameter(
                f'"{pair}" is not a member, or names one twice; write it as dut=board=x or peer=@bench-3'
            )
        members[name] = what
    return members


def _read_tags(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE pairs as a mapping."""
    tags: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals or key in tags:
            raise click.BadParameter(f'"{pair}" is not a tag, or names one twice; write it as ticket=4711')
        tags[key] = value
    return tags


def _refuse_other_namespace(ctx: click.Context, _: click.Parameter, namespace: str | None) -> None:
    """A client is of one namespace: the one of its configuration."""
    if namespace is None:
        return
    from jumplab.client.config_files import load_client

    own = load_client(ctx.params["client_name"]).metadata
    if namespace != own.namespace:
        raise click.UsageError(
            f'client "{own.name}" is of namespace "{own.namespace}", and sees nothing of "{namespace}"; choose a '
            "client of that namespace with --client"
        )


def _refuse_all_namespaces(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from jumplab.client.config_files import load_client

    own = load_client(ctx.params.get("client_name")).metadata
    raise click.UsageError(
        f'client "{own.name}" sees only its own namespace "{own.namespace}"; leave out -A, or ask as an administrator '
        f"with `kubectl get {'exporters' if ctx.command.name == 'exporters' else 'jl'} -A`"
    )


def own_namespace_only(function: F) -> F:
    """-A, of a command that shows what a client may see: it says who sees more."""
    return click.option(
        "-A",
        "--all-namespaces",
        is_flag=True,
        expose_value=False,
        callback=_refuse_all_namespaces,
        help="For administrators' kinds only: a client sees its own namespace.",
    )(function)


def all_namespaces_option(function: F) -> F:
    """-A, of a command that asks the Kubernetes API."""
    return click.option("-A", "--all-namespaces", is_flag=True, help="Show those of all namespaces.")(function)


def client_option(function: F) -> F:
    """--client: the name of the configuration; -n is only compared with its namespace."""
    for option in (
        click.option(
            "-n",
            "--namespace",
            metavar="NAME",
            expose_value=False,
            callback=_refuse_other_namespace,
            help="Namespace; it must be that of the client.",
        ),
        click.option(
            "--client",
            "client_name",
            metavar="NAME",
            shell_complete=completing.configurations,
            is_eager=True,  # -n is compared with it
            help="Name of the client configuration; default: the current one.",
        ),
    ):
        function = option(function)
    return function


def administrator_options(function: F) -> F:
    """--kubeconfig and -n, for what is done through the Kubernetes API."""
    for option in (
        click.option("-n", "--namespace", metavar="NAME", help="Namespace; default: that of the kubeconfig."),
        click.option(
            "--kubeconfig", metavar="FILE", help="Kubeconfig file; default: $KUBECONFIG, then ~/.kube/config."
        ),
    ):
        function = option(function)
    return function


def lease_options(function: F) -> F:
    """The request for a lease: exporters, duration, name and tags."""
    for option in (
        click.option(
            "--wait-timeout",
            type=DurationType(),
            help="Stop waiting after this time; default: the configuration's acquisition_timeout, else no limit.",
        ),
        click.option(
            "--tag",
            "tags",
            metavar="KEY=VALUE",
            multiple=True,
            callback=_read_tags,
            help="A note for people and reports, kept as a label. Repeat it for more.",
        ),
        click.option(
            "--name",
            metavar="NAME",
            help="Name of the new lease; an ended lease of yours with it is replaced. Default: a generated name.",
        ),
        click.option(
            "--max",
            "max_duration",
            metavar="DURATION",
            type=LeaseDurationType(),
            help="Extend the lease while it is used, up to this duration; default: it is not extended.",
        ),
        click.option(
            "--duration", type=LeaseDurationType(), default="30m", show_default=True, help="Duration of the lease."
        ),
        click.option(
            "--member",
            "members",
            metavar="NAME=WHAT",
            multiple=True,
            callback=_read_members,
            shell_complete=completing.members,
            help="One member of a gang: a selector, or @EXPORTER. Repeat it for each member.",
        ),
        click.option(
            "--exporter",
            metavar="NAME",
            default="",
            shell_complete=completing.exporters,
            help="Name of the exporter to lease.",
        ),
        click.option(
            "-l",
            "--selector",
            metavar="SELECTOR",
            default="",
            shell_complete=completing.exporter_selector,
            help="Label selector for exporters, for example board=x.",
        ),
    ):
        function = option(function)
    return function


_OF_A_LEASE = {
    "selector": "-l",
    "exporter": "--exporter",
    "members": "--member",
    "duration": "--duration",
    "max_duration": "--max",
    "keep_detached": "--keep-detached",
    "name": "--name",
    "wait_timeout": "--wait-timeout",
    "tags": "--tag",
    "lease_name": "--lease",
    "reconnect_within": "--reconnect-within",
    "client_name": "--client",
}
"""The options of a lease and its controller, by their parameters."""


def exporter_config_option(function: F) -> F:
    """--exporter-config: drivers without a controller."""
    return click.option(
        "--exporter-config",
        metavar="FILE",
        help="Use the drivers of this exporter's configuration file, without a controller and without a lease.",
    )(function)


def check_without_lease(context: click.Context) -> None:
    """Raises UsageError where an option of a lease was given beside --exporter-config."""
    source = click.core.ParameterSource.COMMANDLINE
    given = [name for parameter, name in _OF_A_LEASE.items() if context.get_parameter_source(parameter) is source]
    if given:
        raise click.UsageError(f"--exporter-config uses drivers without a lease; leave out {', '.join(given)}")


def keep_detached_option(function: F) -> F:
    """--keep-detached: the new lease has no limit on the absence of its user."""
    return click.option(
        "--keep-detached",
        is_flag=True,
        help="Keep the lease while this command is cut off; default: it ends then after 2m, at a terminal after 15m.",
    )(function)


def reconnect_option(function: F) -> F:
    """--reconnect-within: how patient a session is."""
    return click.option(
        "--reconnect-within",
        type=DurationType(),
        help="Time limit for restoring a lost connection; default: the configuration's retry_timeout, else 5m.",
    )(function)


def existing_lease_option(function: F) -> F:
    """--lease: a lease that somebody has made already."""
    return click.option(
        "--lease",
        "lease_name",
        metavar="NAME",
        shell_complete=completing.leases,
        help="Use this existing lease, and do not release it.",
    )(function)


def parent_option(function: F) -> F:
    """--with-parent: for what must not outlive the process that started it."""
    return click.option(
        "--with-parent",
        is_flag=True,
        help="End when the process that started this one ends; always so where CI is set.",
    )(function)


def output_option(function: F) -> F:
    """-o: how results are written, the same for every command that shows some."""
    formats = click.Choice(("json", "yaml", "name", "wide"))
    return click.option("-o", "--output", type=formats, help="Output format; default: text for people.")(function)
