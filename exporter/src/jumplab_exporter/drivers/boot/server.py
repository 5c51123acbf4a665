"""A server for one lease that boards load files from, by TFTP, HTTP, and the NFS server of this host."""

from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, IPvAnyAddress

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.boot import BootAddress, BootFile, BootServerInterface
from jumplab_exporter.drivers.boot.http import HttpServer
from jumplab_exporter.drivers.boot.nfs import NfsFolder
from jumplab_exporter.drivers.boot.served_files import ServedFiles
from jumplab_exporter.drivers.boot.sockets import is_here
from jumplab_exporter.drivers.boot.tftp import TftpServer
from jumplab_exporter.drivers.listening import listening_refused
from jumplab_exporter.drivers.sizes import SizeMib

_TFTP_PORT = 69
_NFS_PORT = 2049

Port = Annotated[int, Field(ge=0, le=65535)]


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{path} is not absolute; write the path as the NFS server exports it")
    return path


class BootServer(BootServerInterface, Driver):
    """Serves the files of a lease to boards.  address: of this host, in the network of the boards; it may come and go.

    tftp_port, http_port: null: not served in this way.  capacity_mib: how much the files of a lease may have together.
    nfs_folder: an empty folder that the NFS server of this host exports under its own path; null: not served by NFS.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"address": "192.168.7.1"}

    address: IPvAnyAddress
    tftp_port: Port | None = _TFTP_PORT
    http_port: Port | None = 8069
    nfs_folder: Annotated[Path, AfterValidator(_absolute)] | None = None
    capacity_mib: SizeMib = 4096

    async def __aenter__(self) -> Self:
        self._addresses: list[BootAddress] = []
        host = str(self.address)
        async with AsyncExitStack() as stack:
            self._files = ServedFiles(self.capacity_mib << 20, self._taken_folder(stack, host))
            stack.callback(self._files.close)
            if not is_here(host):
                self.log.warning("%s; boards are served once it has", self._without_address())
            if self.tftp_port is not None:
                tftp = TftpServer(self._files, self.log)
                stack.push_async_callback(tftp.close)
                port = await _listening(tftp.start(host, self.tftp_port), host, self.tftp_port, "tftp_port")
                self._addresses.append(BootAddress(protocol="tftp", host=host, port=port))
            if self.http_port is not None:
                http = HttpServer(self._files, self.log)
                stack.push_async_callback(http.close)
                port = await _listening(http.start(host, self.http_port), host, self.http_port, "http_port")
                self._addresses.append(BootAddress(protocol="http", host=host, port=port))
            self._running = stack.pop_all()
        return await super().__aenter__()

    def _taken_folder(self, stack: AsyncExitStack, host: str) -> NfsFolder | None:
        if self.nfs_folder is None:
            return None
        folder = NfsFolder(self.nfs_folder)
        folder.take()
        stack.callback(folder.close)
        self._addresses.append(BootAddress(protocol="nfs", host=host, port=_NFS_PORT, path=str(self.nfs_folder)))
        return folder

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._running.aclose()
        await super().__aexit__(kind, error, traceback)

    async def check(self) -> None:
        """To be set up, it has listened at its ports already; looks whether boards can reach them."""
        if not is_here(str(self.address)):
            raise ConnectionError(self._without_address())

    def _without_address(self) -> str:
        return (
            f"this host has no address {self.address} now; correct `address`, or look whether the network adapter of "
            "the boards is there"
        )

    async def put(self, stream: ByteStream, *, name: str, size_bytes: int | None = None) -> BootFile:
        return await self._files.receive(stream, name, size_bytes)

    async def remove(self, name: str) -> None:
        self._files.remove(name)

    async def files(self) -> list[BootFile]:
        return list(self._files)

    async def addresses(self) -> list[BootAddress]:
        return self._addresses

    async def load_command(self, name: str, address: str = "${loadaddr}") -> str:
        self._files.require(name)
        port = next((each.port for each in self._addresses if each.protocol == "tftp"), None)
        if port is None:
            raise ValueError("U-Boot loads by TFTP, which is not served here: set `tftp_port`")
        if port != _TFTP_PORT:
            raise ValueError(f"U-Boot asks at port {_TFTP_PORT}, and this server listens at {port}: change `tftp_port`")
        return f"tftpboot {address} {self.address}:{name}"


async def _listening(starting: Awaitable[int], host: str, port: int, setting: str) -> int:
    """Raises OSError, with what to do."""
    try:
        return await starting
    except OSError as error:
        raise listening_refused(error, host, port, ("address", setting)) from error
