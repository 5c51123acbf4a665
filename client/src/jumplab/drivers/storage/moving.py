"""Moves data to and from a storage of whatever exporter: what its methods do not take is done here, or refused."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jumplab.driver import AsyncDriverClient, Progress, ResultStream, errors, on_progress
from jumplab.driver.progressing import listener
from jumplab.drivers.storage.comparing import Pieces, describe_difference
from jumplab.drivers.storage.interface import Digest
from jumplab.drivers.storage.local_files import Source, Target
from jumplab.drivers.storage.packing import packing_of

OnBytes = Callable[[int], None] | None


class Sending:
    """One write.  on_sent: is called with the number of bytes sent so far."""

    def __init__(self, client: AsyncDriverClient, source: Source, offset_bytes: int, on_sent: OnBytes) -> None:
        self._client = client
        self._source = source
        self._offset_bytes = offset_bytes
        self._on_sent = on_sent
        self._sha256 = hashlib.sha256()
        self._pieces = Pieces()
        self._compares = False
        self._sent_bytes = 0
        self._written_bytes: int | None = None

    async def send(self, *, unpack: bool, verify: bool, sha256: str | None = None) -> Digest:
        """Raises DriverError, and OSError where the source can't be read; each says how much was written."""
        known = self._known_arguments()
        self._compares = verify and "verify" not in known
        wanted = {
            "offset_bytes": self._offset_bytes,
            "size_bytes": self._source.size_bytes,
            "unpacked_bytes": self._source.unpacked_bytes if unpack else None,
            "unpack": unpack,
            "verify": verify,
        }
        arguments = {name: value for name, value in wanted.items() if name in known and value not in (None, False)}
        refuse_packed = unpack and "unpack" not in known
        if refuse_packed:
            self._refuse_packed(self._source.packing or "raw")
        with self._tracking_progress(), self._naming_errors():
            async with self._client.open("write", **arguments) as remote:
                await self._send(remote, refuse_packed=refuse_packed)
                written = Digest.model_validate_json(await remote.result())
        self._require_same(written)
        if sha256 is not None and written.sha256 != sha256.lower():
            raise errors.CallBroken(
                f"{self._source.name} has the SHA-256 {written.sha256}, and not {sha256.lower()}: what was written is "
                "not it",
                type="OSError",
            )
        if self._compares:
            await self._compare()
            return written.model_copy(update={"verified": True})
        return written

    async def _send(self, remote: ResultStream, *, refuse_packed: bool) -> None:
        ended = asyncio.ensure_future(remote.result())
        try:
            while block := await self._source.read(ended):
                if refuse_packed and not self._sent_bytes:
                    self._refuse_packed(packing_of(block))
                self._sha256.update(block)
                if self._compares:
                    self._pieces.update(block)
                await remote.send(block)
                self._sent_bytes += len(block)
                if self._on_sent is not None:
                    self._on_sent(self._sent_bytes)
            await remote.send_end()
        finally:
            ended.cancel()

    def _known_arguments(self) -> set[str]:
        schema = self._client.methods.get("write", {})
        return set(schema.get("arguments", {}).get("properties", {}))

    def _refuse_packed(self, packing: str) -> None:
        if packing != "raw":
            raise errors.CallUnsupported(
                f"{self._client.path} is an older storage, which does not unpack: {self._source.name} is {packing}; "
                "unpack it first, or write it as it is (--as-is, unpack=False)"
            )

    def _require_same(self, written: Digest) -> None:
        if written.sha256 != self._sha256.hexdigest():
            raise errors.CallBroken(
                f"what {self._client.path} wrote is not what {self._source.name} holds: write it again", type="OSError"
            )

    async def _compare(self) -> None:
        found = Pieces()
        size_bytes = self._pieces.size_bytes
        async with self._client.open("read", offset_bytes=self._offset_bytes, size_bytes=size_bytes) as remote:
            while data := await remote.receive():
                found.update(data)
            await remote.result()
        if difference := describe_difference(self._pieces, found, self._offset_bytes):
            raise errors.CallBroken(f"{self._client.path} does not hold what was written: {difference}", type="OSError")

    @contextmanager
    def _tracking_progress(self) -> Iterator[None]:
        """Learns how much was written, besides whoever listens already."""
        outer = listener()

        def note(progress: Progress) -> None:
            self._written_bytes = progress.done if progress.text == "writing" else self._written_bytes
            if outer is not None:
                outer(progress)

        with on_progress(note):
            yield

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        """Says how much was written where the exporter does not."""
        try:
            yield
        except errors.CallFailed:
            raise
        except errors.DriverError as error:
            raise type(error)(f"{error}; {self.describe()}") from error
        except OSError as error:
            reason = error.strerror or error
            raise OSError(error.errno, f"{self._source.name} can't be read: {reason}; {self.describe()}") from error

    def describe(self) -> str:
        """How far it is, as the end of a sentence."""
        written = "" if self._written_bytes is None else f", at least {self._written_bytes} bytes were written"
        return f"{self._sent_bytes} bytes were sent{written}" if self._sent_bytes else "nothing was sent"


async def receive_into(
    client: AsyncDriverClient, target: Target, offset_bytes: int, size_bytes: int | None, on_received: OnBytes
) -> Digest:
    """One read. Raises DriverError, and OSError where the target can't be written."""
    sha256, received_bytes = hashlib.sha256(), 0
    try:
        async with client.open("read", offset_bytes=offset_bytes, size_bytes=size_bytes) as remote:
            while data := await remote.receive():
                await target.write(data)
                sha256.update(data)
                received_bytes += len(data)
                if on_received is not None:
                    on_received(received_bytes)
            read = Digest.model_validate_json(await remote.result())
    except errors.CallFailed:
        raise
    except errors.DriverError as error:
        raise type(error)(f"{error}; {received_bytes} bytes were read") from error
    target.begin()
    if read.sha256 != sha256.hexdigest():
        raise errors.CallBroken(f"what came from {client.path} is not what it holds: read it again", type="OSError")
    return read
