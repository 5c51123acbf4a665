"""Options that several commands share."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

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

        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(value, datetime.now().astimezone())
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)


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


def client_option(function: F) -> F:
    """--client: the name of the configuration."""
    return click.option(
        "--client", "client_name", metavar="NAME", help="Name of the client configuration; default: the current one."
    )(function)


def lease_options(function: F) -> F:
    """The request for a lease: exporters and duration."""
    for option in (
        click.option(
            "--wait-timeout",
            type=DurationType(),
            help="Stop waiting after this time; default: the configuration's acquisition_timeout, else no limit.",
        ),
        click.option("--name", metavar="NAME", help="Name of the new lease; default: a generated name."),
        click.option(
            "--duration", type=DurationType(), default="30m", show_default=True, help="Duration of the lease."
        ),
        click.option(
            "--member",
            "members",
            metavar="NAME=WHAT",
            multiple=True,
            callback=_read_members,
            help="One member of a gang: a selector, or @EXPORTER. Repeat it for each member.",
        ),
        click.option("--exporter", metavar="NAME", default="", help="Name of the exporter to lease."),
        click.option(
            "-l",
            "--selector",
            metavar="SELECTOR",
            default="",
            help="Label selector for exporters, for example board=x.",
        ),
    ):
        function = option(function)
    return function


def reconnect_option(function: F) -> F:
    """--reconnect-within: how patient a session is."""
    return click.option(
        "--reconnect-within",
        type=DurationType(),
        help="Time limit for restoring a lost connection; default: the configuration's retry_timeout, else 5m.",
    )(function)


def output_option(function: F) -> F:
    """-o: how results are written, the same for every command that shows some."""
    formats = click.Choice(("json", "yaml", "name", "wide"))
    return click.option("-o", "--output", type=formats, help="Output format; default: text for people.")(function)
