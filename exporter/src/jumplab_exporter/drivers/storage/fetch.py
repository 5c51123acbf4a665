"""Fetches an image by HTTP: block by block, going on where a server broke off.

A host is judged by the address of each connection that is made to it, redirections and repetitions included, so that a
name whose address changes meanwhile gains nothing.
"""

import asyncio
import errno
import hashlib
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from pydantic import IPvAnyNetwork

from jumplab_exporter.drivers.refusals import reason_of
from jumplab_exporter.drivers.storage.addresses import refuse_address
from jumplab_exporter.drivers.storage.image_url import ImageUrl

_Log = logging.Logger | logging.LoggerAdapter[logging.Logger]

_CONNECTING_SECONDS = 30.0
_SILENCE_SECONDS = 60.0
_PAUSES_SECONDS = (0.2, 1.0, 3.0, 10.0, 30.0)
"""Before each repetition; those that bring nothing end the fetch after the last."""
_MOST_REDIRECTIONS = 10
_BUFFER_BYTES = 1 << 20
_REDIRECTIONS = (301, 302, 303, 307, 308)
_PASSING = (429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _BrokenOff(Exception):
    """A server that has failed, perhaps for a while. The text is the end of a sentence."""


class Fetch:
    """The bytes of one image.  size_bytes: how much it has, where the server says so.  received_bytes: so far."""

    def __init__(self, image: ImageUrl, http: aiohttp.ClientSession, guard: "_Guard", log: _Log) -> None:
        self.size_bytes: int | None = None
        self.received_bytes = 0
        self._image = image
        self._http = http
        self._guard = guard
        self._log = log
        self._sha256 = hashlib.sha256()
        self._validator = ""
        self._ahead = b""
        self._failures = 0

    async def begin(self) -> None:
        """Asks for the image. Raises OSError and ValueError, as sentences."""
        try:
            response = await self._ask({})
        except _BrokenOff as error:
            raise ConnectionError(f"{self._image.shown} {error}") from None
        self._response, self.size_bytes = response, response.content_length
        tag, changed = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        self._validator = tag if tag and not tag.startswith("W/") else changed

    def close(self) -> None:
        """Breaks off what is on its way."""
        self._response.close()

    async def receive(self) -> bytes:
        """The next bytes; b"" at the end. Raises as `begin`."""
        while True:
            try:
                data, self._ahead = self._ahead or await self._response.content.readany(), b""
                break
            except (aiohttp.ClientError, TimeoutError) as error:
                await self._go_on(_reason(error))
        if data:
            self._failures = 0
            self._sha256.update(data)
            self.received_bytes += len(data)
        return data

    async def _go_on(self, reason: str) -> None:
        """Asks for the rest until it comes. Raises as `begin`."""
        while True:
            self._response.close()
            so_far = f"{self._image.shown} {reason}, after {self.received_bytes} bytes"
            if self._failures == len(_PAUSES_SECONDS):
                raise ConnectionError(f"{so_far}; it was asked {self._failures} times for the rest, which did not come")
            self._log.warning("%s; asking for the rest", so_far)
            await asyncio.sleep(_PAUSES_SECONDS[self._failures])
            self._failures += 1
            try:
                await self._ask_for_rest()
            except _BrokenOff as error:
                reason = str(error)
            else:
                return

    async def _ask_for_rest(self) -> None:
        headers = {"Range": f"bytes={self.received_bytes}-", "If-Range": self._validator} if self._validator else {}
        self._response = response = await self._ask(headers)
        if response.status == 206:
            told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if told is None or int(told[1]) != self.received_bytes:
                raise OSError(f"{self._image.shown} sends another part than the one that was asked for")
            size_bytes = None if told[2] == "*" else int(told[2])
        else:
            size_bytes = response.content_length
        if None not in (size_bytes, self.size_bytes) and size_bytes != self.size_bytes:
            raise self._changed()
        if response.status != 206:
            await self._skip(response)

    async def _skip(self, response: aiohttp.ClientResponse) -> None:
        """Of an image that comes from its beginning once more, leaves out what is there, if it is the same."""
        sha256, left_bytes = hashlib.sha256(), self.received_bytes
        while left_bytes:
            try:
                data = await response.content.readany()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _BrokenOff(_reason(error)) from None
            if not data:
                raise self._changed()
            sha256.update(data[:left_bytes])
            self._ahead = data[left_bytes:]
            left_bytes -= min(left_bytes, len(data))
        if sha256.digest() != self._sha256.digest():
            raise self._changed()

    def _changed(self) -> ValueError:
        return ValueError(f"the image at {self._image.shown} changed while it was fetched; write it again")

    async def _ask(self, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """The answer with the image, after redirections. Raises _BrokenOff, OSError and ValueError."""
        image = self._image
        for _ in range(_MOST_REDIRECTIONS + 1):
            response = await self._ask_once(image, headers)
            if response.status not in _REDIRECTIONS:
                break
            response.close()
            image = image.redirected(response.headers.get("Location", ""))
        else:
            raise OSError(f"{self._image.shown} redirects more than {_MOST_REDIRECTIONS} times")
        if response.status == 200 or (response.status == 206 and headers):
            return response
        response.close()
        if response.status == 416 and headers:
            raise OSError(f"{image.shown} ends after {self.received_bytes} bytes, and announced {self.size_bytes}")
        if response.status in _PASSING:
            raise _BrokenOff(f"answers with status {response.status}")
        raise OSError(_refusal(image, response.status))

    async def _ask_once(self, image: ImageUrl, headers: dict[str, str]) -> aiohttp.ClientResponse:
        own = {"Accept-Encoding": "identity", **headers}
        if image.authorization:
            own["Authorization"] = image.authorization
        self._guard.refusal = ""
        try:
            return await self._http.get(image.url, headers=own, allow_redirects=False, read_bufsize=_BUFFER_BYTES)
        except (aiohttp.ClientError, TimeoutError) as error:
            if self._guard.refusal:
                raise ValueError(f"{image.url.host} {self._guard.refusal}") from None
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                raise ConnectionError(_distrust(image, error)) from None
            raise _BrokenOff(_reason(error)) from None  # its cause may show the query


class _Guard:
    """Makes the sockets of connections, for allowed addresses only.  refusal: why the last was not made, or ""."""

    def __init__(self, allowed: Collection[IPvAnyNetwork]) -> None:
        self.refusal = ""
        self._allowed = allowed

    def __call__(self, where: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = where
        try:
            refuse_address(address[0], self._allowed)
        except ValueError as error:
            self.refusal = str(error)
            raise OSError(errno.EACCES, self.refusal) from error
        return socket.socket(family, kind, protocol)


@asynccontextmanager
async def fetching(url: str, allowed: Collection[IPvAnyNetwork], log: _Log) -> AsyncIterator[Fetch]:
    """The image at a URL, begun.  allowed: networks beside the public ones. Raises OSError and ValueError."""
    image, guard = ImageUrl.read(url), _Guard(allowed)
    connector = aiohttp.TCPConnector(
        ssl=await asyncio.to_thread(ssl.create_default_context),
        force_close=True,
        use_dns_cache=False,
        socket_factory=guard,
    )
    timeout = aiohttp.ClientTimeout(
        total=None, connect=2 * _CONNECTING_SECONDS, sock_connect=_CONNECTING_SECONDS, sock_read=_SILENCE_SECONDS
    )
    # The image's own bytes: what a server calls an encoding may be the packing of its file.
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as http:
        fetch = Fetch(image, http, guard, log)
        await fetch.begin()
        log.info("fetching %s", image.shown)
        try:
            yield fetch
        finally:
            fetch.close()


def _refusal(image: ImageUrl, status: int) -> str:
    if status == 401 and not image.authorization:
        return f"{image.shown} asks for a user and a password (status 401); write them into the URL"
    if status in (401, 403):
        return f"{image.shown} is refused to the exporter (status {status})"
    if status in (404, 410):
        return f"there is no image at {image.shown} (status {status})"
    return f"{image.shown} answers with status {status} in place of an image"


def _distrust(image: ImageUrl, error: aiohttp.ClientConnectorCertificateError) -> str:
    reason = getattr(error.certificate_error, "verify_message", "") or "it can't be verified"
    return (
        f"{image.url.host} has a certificate that is not trusted: {reason}; add the authority that signed it to the "
        "certificates of the exporter's host, or name a file of such in its environment as SSL_CERT_FILE"
    )


def _reason(error: Exception) -> str:
    """Why a server sends nothing more, as the end of a sentence that begins with its name."""
    match error:
        case aiohttp.ClientConnectorSSLError():
            return "does not speak TLS as asked"
        case aiohttp.ClientConnectorDNSError():
            return "can't be reached: there is no host of this name"
        case aiohttp.ConnectionTimeoutError():
            return f"can't be reached within {_CONNECTING_SECONDS:g} s"
        case TimeoutError():
            return f"sent nothing for {_SILENCE_SECONDS:g} s"
        case aiohttp.ClientConnectorError():
            return f"can't be reached: {reason_of(error.os_error)}"
        case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionError():
            return "broke off"
        case _:
            return "does not answer as HTTP prescribes"
