"""The door: HTTPS with a bearer token, from an address to the verbs. `KubernetesApi` is what the composition uses."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import secrets
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from aiohttp import web

from jumplab.transport.proxies import is_loopback
from jumplab_operator import pki
from jumplab_operator.audit import SILENT, OperatorAudit
from jumplab_operator.authority import Authority
from jumplab_operator.errors import DataDirUnusable, PortUnavailable
from jumplab_operator.http_log import HttpLog
from jumplab_operator.standalone.auth.auth import Gate
from jumplab_operator.standalone.auth.service_accounts import ServiceAccounts
from jumplab_operator.standalone.auth.users import ADMINISTRATOR, Tenancy, User
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.controllers.server_state import Cluster
from jumplab_operator.standalone.http.application import application
from jumplab_operator.standalone.http.connections import ConnectionLimits, Connections
from jumplab_operator.standalone.storage import migration
from jumplab_operator.standalone.storage.compaction import HistoryLimits
from jumplab_operator.standalone.storage.datadir import DataDir

DEFAULT_PORT = 7443
_SHUTDOWN_SECONDS = 2.0
_IDLE_SECONDS = 180.0
"""How long a connection stays between two requests. Clients of Kubernetes drop theirs after 90 seconds."""
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- what a person may ask for

log = logging.getLogger(__name__)


class KubernetesApi:
    """A Kubernetes API on a data directory, served in the running event loop while entered.

    `port` None means the one that the directory remembers (7443 the first time), 0 the remembered or any free one.
    `advertised` is the name or address by which other machines reach this one; `url_elsewhere` is the API's then, where
    `url` is this machine's alone. `limits` say how far back a watch can begin, `connections` who may stay connected;
    `tenancy` are the users beside the administrator, `audit` gets records of their requests. Entering raises
    DataDirInUse, DataDirUnusable or PortUnavailable.
    """

    def __init__(
        self,
        data_dir: Path,
        host: str = "127.0.0.1",
        port: int | None = None,
        *,
        advertised: str = "",
        limits: HistoryLimits = HistoryLimits(),  # noqa: B008 -- frozen
        connections: ConnectionLimits = ConnectionLimits(),  # noqa: B008 -- frozen
        tenancy: Tenancy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        audit: OperatorAudit = SILENT,
    ) -> None:
        self.data_dir = DataDir(data_dir)
        self._host = host
        self._advertised = advertised
        self._asked_port = port
        self._clock = clock
        self._audit = audit
        self._limits = limits
        self._connection_limits = connections
        self._tenancy = tenancy
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.url = ""
        self.url_elsewhere = ""
        self.ca_pem = b""
        self.admin_token = ""

    async def __aenter__(self) -> Self:
        self.data_dir.__enter__()
        try:
            await self._start()
        except BaseException:
            self.data_dir.__exit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connections.close()
        self._cluster.end_watches()
        await self._runner.cleanup()
        await self._cluster.close()
        self.data_dir.keep_reserve()
        self.data_dir.__exit__(kind, error, traceback)

    def kubeconfig(self) -> Object:
        """A kubeconfig with everything in it, for whoever may do everything."""
        authority = base64.b64encode(self.ca_pem).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        context = {"cluster": "jumplab", "user": "admin", "namespace": "default"}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "jumplab", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self.admin_token}}],
            "contexts": [{"name": "jumplab", "context": context}],
            "current-context": "jumplab",
        }

    async def _start(self) -> None:
        database = self.data_dir.database
        with self.data_dir.reserve_released():
            migration.prepare(database, is_new=self.data_dir.is_new(database.name))
            self.data_dir.note_made(database.name)
            authority = self.data_dir.authority(self._clock())
            self.ca_pem = authority.trusted_pem
            self._end_rotation()
            self.admin_token = self.data_dir.admin_token()
            accounts = ServiceAccounts(self.data_dir.accounts_key(), self._clock)
            self._cluster = Cluster(database, self._limits, self._clock)
            await self._cluster.start()
        self._users = {self.admin_token: _administrator()}
        gate = Gate(self._users, accounts, self._tenancy, self._cluster.find)
        app = application(self._cluster, gate, lambda transport: self._connections.identify(transport), self._audit)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=HttpLog(log),
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            keepalive_timeout=_IDLE_SECONDS,
            auto_decompress=False,  # a stranger's megabyte could be a gigabyte, and would be unpacked to be thrown away
        )
        async with contextlib.AsyncExitStack() as if_it_fails:
            if_it_fails.push_async_callback(self._cluster.close)
            if_it_fails.push_async_callback(self._runner.cleanup)
            await self._runner.setup()
            assert self._runner.server is not None
            self._authority = authority
            self._load_certificate()
            self._connections = Connections(self._runner.server, self._tls, self._connection_limits)
            if_it_fails.callback(self._connections.close)
            self._tell_address(await self._listen())
            if_it_fails.pop_all()

    def _tell_address(self, port: int) -> None:
        """Keep the address for the next start, and write the kubeconfig."""
        self.data_dir.remember_port(port)
        host = _ANY_ADDRESS.get(self._host, self._host)
        self.url = _url(host, port)
        if self._host in _ANY_ADDRESS and self._advertised and not is_loopback(self._advertised):
            self.url_elsewhere = _url(self._advertised, port)
        self._write_kubeconfig()

    def _write_kubeconfig(self) -> None:
        self.data_dir.write_again(self.data_dir.kubeconfig, self._kubeconfig_file().encode())

    def _kubeconfig_file(self) -> str:
        text: str = yaml.safe_dump(self.kubeconfig(), sort_keys=False)
        if not self.url_elsewhere:
            return text
        return (
            f"# {self.url} is this machine alone; on another machine write {self.url_elsewhere} in its place.\n{text}"
        )

    async def _listen(self) -> int:
        """Listen on the port asked for, and return it."""
        remembered = self.data_dir.remembered_port()
        port = self._asked_port or remembered or (DEFAULT_PORT if self._asked_port is None else 0)
        try:
            return await self._connections.listen(self._host, port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise PortUnavailable(
                f"the Kubernetes API can't listen on {self._host}, port {port}: {reason}; "
                "stop what uses it or choose another port"
            ) from error

    def renew_admin_token(self) -> None:
        """Takes a new `admin.token` over: the former one is dead, and its watches end. Raises DataDirUnusable."""
        token = self.data_dir.admin_token()
        if token != self.admin_token:
            self.admin_token = token
            self._users.clear()
            self._users[token] = _administrator()
            self._write_kubeconfig()

    def take_over(self, authority: Authority) -> None:
        """Signs with this authority from now on, and writes what is to be trusted for kubectl. Raises DataDirUnusable.

        Can be repeated. Connections that are open stay.
        """
        former, self._authority, self.ca_pem = self._authority, authority, authority.trusted_pem
        if authority.signer != former.signer:
            self._load_certificate()
        self.data_dir.end_rotation()
        self._write_kubeconfig()

    def _end_rotation(self) -> None:
        try:
            self.data_dir.end_rotation()
        except DataDirUnusable as error:  # a full disk: the rotation's file has what is needed
            log.warning("%s; the next start ends the rotation of the CA", error)

    def renew_certificate(self) -> None:
        """Makes another certificate for new connections where the served one ends within a month."""
        if pki.is_due(self._certificate_pem, self._clock()):
            self._load_certificate()

    def _load_certificate(self) -> None:
        names = dict.fromkeys(
            ["localhost", "127.0.0.1", "::1", socket.gethostname(), _ANY_ADDRESS.get(self._host, self._host)]
        )
        if self._advertised:
            names[self._advertised] = None
        issued = pki.issue_server_certificate(self._authority.signer, list(names), self._clock())
        self._certificate_pem = issued.certificate_pem
        both = os.memfd_create("tls", os.MFD_CLOEXEC)  # no disk has to have room for it, nor gets the key
        try:
            os.write(both, issued.certificate_pem + issued.key_pem)
            self._tls.load_cert_chain(f"/proc/self/fd/{both}")
        finally:
            os.close(both)


def _administrator() -> User:
    """The administrator by a token of now."""
    return replace(ADMINISTRATOR, token=secrets.token_hex(8))


def _url(host: str, port: int) -> str:
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
