"""`j NAME forward [WHERE]`: a port or a Unix socket of this machine that leads to a service of the device.

`j NAME accept --to TARGET` is the other way: a port of the lab host that leads the device to a service of this side. It
has a word of its own, since it is as dangerous as useful: who types it lets somebody in.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from jumplab.cli.exit_status import print_note
from jumplab.cli.j.driver_tree import LISTENER, PORTS, TCP, UDP, UNIX
from jumplab.cli.j.spoken import Spoken
from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import SessionEnded

if TYPE_CHECKING:
    from jumplab.drivers.network.forwarding import Service

_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Local address to listen on.")


class Where(click.ParamType[int | str]):
    """A port of this machine, or the path of a Unix socket."""

    name = "where"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if isinstance(value, str) and "/" in value:
            return value
        return click.IntRange(0, 65535).convert(value, param, ctx)


def network_commands(client: Callable[[], AsyncDriverClient], interfaces: set[str]) -> Mapping[str, click.Command]:
    """The commands of a network service.  client: gives its client, when a command runs.  interfaces: its own."""
    if {TCP, UNIX} & interfaces:
        return {"forward": forward_command(client), "forward-tcp": forward_command(client, hidden=True)}
    if PORTS in interfaces:
        return {"forward": _forward_to(client)}
    if UDP in interfaces:
        return {"forward": _forward_datagrams(client)}
    if LISTENER in interfaces:
        return {"accept": _accept(client)}
    return {}


def forward_command(client: Callable[[], AsyncDriverClient], *, hidden: bool = False) -> click.Command:
    """For any driver with a byte stream `connect`.  hidden: under its name in Jumpstarter's `j`."""

    @click.command(hidden=hidden)
    @click.argument("where", type=Where(), default=0)
    @_HOST
    async def forward(where: int | str, host: str) -> None:
        """Forward WHERE to the service until Ctrl-C or the lease's end, and print it.

        WHERE is a port of this machine, or a path with a / for a Unix socket; without it, any free port.
        """
        from jumplab.drivers.network.forwarding import Service

        await _forwarding(client(), Service.of(client()), where, host)

    return forward


def _forward_to(client: Callable[[], AsyncDriverClient]) -> click.Command:
    @click.command("forward")
    @click.argument("to")
    @click.argument("where", type=Where(), default=0)
    @_HOST
    async def forward(to: str, where: int | str, host: str) -> None:
        """Forward WHERE to TO until Ctrl-C or the lease's end, and print it.

        TO is a port of the device, or HOST:PORT as the device reaches it. WHERE is a port of this machine, or a path
        with a / for a Unix socket; without it, any free port.
        """
        from jumplab.drivers.network.forwarding import Service

        try:
            service = Service.at(client(), to)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        await _forwarding(client(), service, where, host)

    return forward


async def _forwarding(client: AsyncDriverClient, service: "Service", where: int | str, host: str) -> None:
    from jumplab.drivers.network.forwarding import forwarded, forwarded_socket

    with _sentences(where, host):
        if isinstance(where, str):
            async with forwarded_socket(service, where, _notify) as socket:
                await _until_over(client, socket.path)
        else:
            async with forwarded(service, where, host, _notify) as port:
                await _until_over(client, _place(port.host, port.port))


def _forward_datagrams(client: Callable[[], AsyncDriverClient]) -> click.Command:
    @click.command("forward")
    @click.argument("port", type=click.IntRange(0, 65535), default=0)
    @_HOST
    async def forward(port: int, host: str) -> None:
        """Forward PORT to the service until Ctrl-C or the lease's end, and print it.

        PORT is a UDP port of this machine; without it, any free one.
        """
        from jumplab.drivers.network.datagrams import forwarded_datagrams
        from jumplab.drivers.network.forwarding import Service

        with _sentences(port, host):
            async with forwarded_datagrams(Service.of(client()), port, host, _notify) as here:
                await _until_over(client(), _place(here.host, here.port))

    return forward


def _accept(client: Callable[[], AsyncDriverClient]) -> click.Command:
    @click.command()
    @click.option("--to", required=True, help="HOST:PORT, or the path of a Unix socket from / on.")
    async def accept(to: str) -> Spoken:
        """Let the device's connections in until Ctrl-C or the lease's end, and print where it connects to.

        They are led to the target. The device reaches nothing else.
        """
        from jumplab.drivers.network.accepting import accepted
        from jumplab.drivers.network.targets import Target

        try:
            Target.parse(to)
        except ValueError as error:
            raise click.UsageError(f"--to: {error}") from error
        async with accepted(client(), to, _notify) as accepting:
            click.echo(_place(accepting.host, accepting.port))
            with suppress(SessionEnded):  # which has been told
                await accepting.wait()
        return Spoken(status=1)

    return accept


@contextmanager
def _sentences(where: int | str, host: str) -> Iterator[None]:
    """A place that can't be listened at as one sentence."""
    place = where if isinstance(where, str) else f"{host}:{where}"
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.ClickException(f"can't listen on {place}: {reason}") from error


async def _until_over(client: AsyncDriverClient, place: str) -> None:
    """Prints the place, and waits until a signal cancels it. Raises the DriverError that the session ends with."""
    click.echo(place)
    raise await asyncio.shield(client._node.caller.ended)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _notify(sentence: str) -> None:
    print_note(sentence, "j")
