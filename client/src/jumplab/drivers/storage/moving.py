"""Moves data to and from a storage of whatever exporter: what its methods do not take is done here, or refused."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from jumplab.driver import AsyncDriverClient, Progress, ResultStream, errors, on_progress
from jumplab.driver.progressing import listener
from jumplab.drivers.storage.comparing import Pieces, describe_difference
from jumplab.drivers.storage.interface import Digest, InterruptedWrite
from jumplab.drivers.storage.local_files import Source, Target
from jumplab.drivers.storage.packing import packing_of

_log = logging.getLogger(__name__)

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

    async def send(self, *, unpack: bool, verify: bool, sha256: str | None = None, resume: bool = False) -> Digest:
        """Raises DriverError, and OSError where the source can't be read; each says how much was written."""
        known = self._known_arguments()
        self._compares = verify and "verify" not in known
        wanted = {
            "offset_bytes": self._offset_bytes,
            "size_bytes": self._source.size_bytes,
            "unpacked_bytes": self._source.unpacked_bytes if unpack else None,
            "unpack": unpack,
            "verify": verify,
            "resume_sha256": await self._begin_there(known, unpack=unpack) if resume else None,
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

    async def _begin_there(self, known: set[str], *, unpack: bool) -> str | None:
        """Reads what an interrupted write has sent already: its SHA-256. None: the image is written anew."""
        if "resume_sha256" not in known:
            raise errors.CallUnsupported(f"{self._client.path} is an older storage, which resumes no writes")
        left = await self._client.call("interrupted_write")
        found = None if left is None else InterruptedWrite.model_validate(left)
        reason = "there is no interrupted write" if found is None else await self._difference(found, unpack=unpack)
        if found is None or reason:
            _log.warning("%s: %s; writing from the beginning", self._client.path, reason)
            return None
        _log.info("%s: going on after %s bytes", self._client.path, self._sent_bytes)
        return found.sha256

    async def _difference(self, found: InterruptedWrite, *, unpack: bool) -> str:
        """Why this is not the interrupted write; "" where it is: then the source is where that one stopped."""
        if (found.offset_bytes, found.unpack) != (self._offset_bytes, unpack):
            return "the interrupted write had another offset, or was unpacked in another way"
        if found.size_bytes != self._source.size_bytes:
            return f"{self._source.name} has another size than what was being written"
        given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        while self._sent_bytes < found.received_bytes:
            block = await self._source.read(given_up, found.received_bytes - self._sent_bytes)
            if not block:
                break
            self._count(block)
        if self._sha256.hexdigest() == found.sha256:
            return ""
        self._sha256, self._sent_bytes = hashlib.sha256(), 0
        self._source.rewind()
        return f"{self._source.name} is not what was being written"

    def _count(self, block: bytes) -> None:
        self._sha256.update(block)
        self._sent_bytes += len(block)
        if self._on_sent is not None:
            self._on_sent(self._sent_bytes)

    async def _send(self, remote: ResultStream, *, refuse_packed: bool) -> None:
        ended = asyncio.ensure_future(remote.result())
        try:
            while block := await self._source.read(ended):
                if refuse_packed and not self._sent_bytes:
                    self._refuse_packed(packing_of(block))
                if self._compares:
                    self._pieces.update(block)
                await remote.send(block)
                self._count(block)
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


class Part(NamedTuple):
    """A part of a storage.  size_bytes: None: all that follows."""

    offset_bytes: int
    size_bytes: int | None

    def after(self, done_bytes: int) -> "Part":
        """What follows its first bytes."""
        rest_bytes = None if self.size_bytes is None else self.size_bytes - done_bytes
        return Part(self.offset_bytes + done_bytes, rest_bytes)


async def receive_rest(client: AsyncDriverClient, target: Target, part: Part, on_received: OnBytes) -> Digest:
    """One read, less what the target has of it already. Raises as `receive_into`."""
    if "checksum" not in client.methods:
        raise errors.CallUnsupported(f"{client.path} is an older storage, which resumes no reads")
    there_bytes = await client.call("size") - part.offset_bytes
    done_bytes = target.size_bytes
    sha256 = await asyncio.to_thread(target.sha256)
    if done_bytes > min(there_bytes, there_bytes if part.size_bytes is None else part.size_bytes):
        reason = "the file is longer than what is to be read"
    else:
        begin = await client.call("checksum", offset_bytes=part.offset_bytes, size_bytes=done_bytes)
        is_same = Digest.model_validate(begin).sha256 == sha256.hexdigest()
        reason = "" if is_same else "the file is not what the storage has there"
    if reason:
        _log.warning("%s: %s; reading from the beginning", client.path, reason)
        return await receive_into(client, target, part, on_received)
    target.go_on()

    def count(received_bytes: int) -> None:
        if on_received is not None:
            on_received(done_bytes + received_bytes)

    read = await receive_into(client, target, part.after(done_bytes), count, sha256)
    return read.model_copy(update={"size_bytes": done_bytes + read.size_bytes, "sha256": sha256.hexdigest()})


async def receive_into(
    client: AsyncDriverClient,
    target: Target,
    part: Part,
    on_received: OnBytes,
    whole: "hashlib._Hash | None" = None,
) -> Digest:
    """One read.  whole: a hash of what came before, which gets the rest.

    Raises DriverError, and OSError where the target can't be written."""
    sha256, received_bytes = hashlib.sha256(), 0
    try:
        async with client.open("read", offset_bytes=part.offset_bytes, size_bytes=part.size_bytes) as remote:
            while data := await remote.receive():
                await target.write(data)
                sha256.update(data)
                if whole is not None:
                    whole.update(data)
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
