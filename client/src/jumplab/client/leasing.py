"""What test authors write: `with jumplab.lease("board=qemu-arm64") as board:`, plain or with asyncio."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from datetime import timedelta
from types import TracebackType

from jumplab.client import acquiring
from jumplab.client.acquiring import Held, Tell
from jumplab.client.config import ClientConfig
from jumplab.client.config_files import load_client
from jumplab.client.controller import Controller
from jumplab.client.errors import ConfigurationError
from jumplab.client.gangs import parse_members, root_of
from jumplab.driver import AsyncDriverClient, DriverClient, Portal
from jumplab.driver.plain import plain_twin_of
from jumplab.protocol.durations import parse_positive_duration, require_positive
from jumplab.session.client import RECONNECT_WITHIN

_log = logging.getLogger(__name__)


class Leased:
    """A leased exporter's drivers, while the context lasts; made by `lease` and `attach`.

    `with` gives the root of the drivers as a DriverClient, `async with` as an AsyncDriverClient. Of several exporters
    it is one root, and each exporter's is its child under the name that the lease has for it. Entering waits until
    the exporter is ready; it raises ClientError or TransportError where that will not be, and DriverError where
    its drivers can't be attached to. Leaving releases what `lease` created, after exceptions and Ctrl-C too. It can be
    entered once.
    """

    def __init__(
        self,
        config: ClientConfig,
        hold: Callable[[Controller], AbstractAsyncContextManager[Held]],
        reconnect_within: timedelta,
    ) -> None:
        self._config = config
        self._hold = hold
        self._reconnect_within = reconnect_within
        self._plain = ExitStack()
        self._asynchronous = AsyncExitStack()

    def __enter__(self) -> DriverClient:
        with ExitStack() as stack:
            portal = stack.enter_context(Portal())
            root = stack.enter_context(portal.entered(self._root()))
            self._plain = stack.pop_all()
        return plain_twin_of(root, portal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._plain.__exit__(kind, error, traceback)

    async def __aenter__(self) -> AsyncDriverClient:
        return await self._asynchronous.enter_async_context(self._root())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._asynchronous.__aexit__(kind, error, traceback)

    @asynccontextmanager
    async def _root(self) -> AsyncIterator[AsyncDriverClient]:
        async with (
            Controller.connected(self._config) as controller,
            self._hold(controller) as held,
            root_of(controller, held, self._config.drivers, self._reconnect_within) as root,
        ):
            yield root


def lease(
    selector: str = "",
    *,
    exporter: str = "",
    exporters: Mapping[str, str] | None = None,
    duration: str | timedelta = "30m",
    name: str | None = None,
    client: str | ClientConfig | None = None,
    wait_timeout: str | timedelta | None = None,
    reconnect_within: str | timedelta = RECONNECT_WITHIN,
    tell: Tell = _log.info,
) -> Leased:
    """Leases an exporter, or several at one time, for as long as the context lasts, and gives their drivers.

    selector: labels of the exporter, as kubectl's -l.  exporter: this one exporter, by name.  exporters: several
    in place of these, all or none: names of your own, each with a selector or `@NAME` of an exporter; what the context
    gives has the drivers of each under its name.  duration: how long at
    most, from when it is ready; a string as `1h30m`.  name: the new lease's name.  client: a configuration or its name,
    else the current one.  wait_timeout: how long to wait for an exporter, else for as long as it takes.
    reconnect_within: how long a lost connection may stay away before calls fail with SessionLost.  tell: is given a
    sentence whenever the reason for waiting changes.

    Raises ConfigurationError at once; what entering raises is told by `Leased`.
    """
    config = _configuration(client)
    request = acquiring.make_request(
        config,
        selector=selector,
        exporter=exporter,
        members=parse_members(exporters or {}),
        duration=_duration("duration", duration),
        name=name,
    )
    bound = _bound(wait_timeout)
    return Leased(
        config,
        lambda controller: acquiring.acquired(controller, request, timeout=bound, tell=tell),
        _duration("reconnect_within", reconnect_within),
    )


def attach(
    name: str,
    *,
    client: str | ClientConfig | None = None,
    wait_timeout: str | timedelta | None = None,
    reconnect_within: str | timedelta = RECONNECT_WITHIN,
    tell: Tell = _log.info,
) -> Leased:
    """Gives the drivers of a lease that exists already, made with kubectl for example, and leaves the lease as it is.

    name: the lease's; the other arguments, and what is raised, as for `lease`.
    """
    bound = _bound(wait_timeout)
    return Leased(
        _configuration(client),
        lambda controller: acquiring.joined(controller, name, timeout=bound, tell=tell),
        _duration("reconnect_within", reconnect_within),
    )


def _configuration(client: str | ClientConfig | None) -> ClientConfig:
    return client if isinstance(client, ClientConfig) else load_client(client)


def _duration(argument: str, value: str | timedelta) -> timedelta:
    try:
        return parse_positive_duration(value) if isinstance(value, str) else require_positive(value)
    except ValueError as error:
        raise ConfigurationError(f"{argument}: {error}") from error


def _bound(wait_timeout: str | timedelta | None) -> timedelta | None:
    return None if wait_timeout is None else _duration("wait_timeout", wait_timeout)
