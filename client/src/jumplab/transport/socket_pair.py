"""A link over a pair of connected sockets, for a process and its child.

The pair carries no envelopes: each numbered stream is a pair of its own, whose one end the opener passes to the peer
(SCM_RIGHTS) in a message with the stream's number. Nothing lies in the file system, and nobody else can connect.
"""

import asyncio
import os
import socket

from jumplab.transport.links import ConnectionLost
from jumplab.transport.local import LocalStream

_NUMBER_BYTES = 16


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends for a SocketPairLink and its peer."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class SocketPairLink:
    """One end of a session's streams: a Link.  connection: of `socket_pair`; it is closed with the link.

    opens: whether this end opens the streams and the peer awaits them, as a session's client and its host do.
    """

    def __init__(self, connection: socket.socket, *, opens: bool) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._opens = opens
        self._loop = asyncio.get_running_loop()
        self._streams: set[LocalStream] = set()
        self._arrived: dict[int, asyncio.Future[socket.socket]] = {}
        self._gone = ""
        self._reading = not opens
        if self._reading:
            self._loop.add_reader(connection, self._take)

    async def open(self, number: int, *, bulk: bool = False) -> LocalStream:  # noqa: ARG002 - each has its own sockets
        if self._gone:
            raise ConnectionLost(self._gone)
        stream = LocalStream(await (self._passed(number) if self._opens else self._awaited(number)))
        stream.on_close = lambda: self._streams.discard(stream)
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        self._end("the link is closed")
        for stream in list(self._streams):
            stream.hang_up()

    def _end(self, reason: str) -> None:
        """No further streams; those that are open go on."""
        self._gone = self._gone or reason
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._connection)
        for arrived in self._arrived.values():
            if not arrived.done():
                arrived.set_exception(ConnectionLost(reason))
                arrived.exception()  # perhaps nobody waits for it
            elif arrived.exception() is None:
                arrived.result().close()
        self._arrived.clear()
        self._connection.close()

    async def _passed(self, number: int) -> socket.socket:
        """Our end of a new stream; the other one is on its way to the peer."""
        own, theirs = socket.socketpair()
        try:
            with theirs:
                while not self._sent(number, theirs):
                    await self._until_writable()
        except BaseException as error:
            own.close()
            if isinstance(error, OSError):
                raise ConnectionLost("the other end has closed the link") from error
            raise
        return own

    def _sent(self, number: int, end: socket.socket) -> bool:
        try:
            socket.send_fds(self._connection, [str(number).encode()], [end.fileno()])
        except BlockingIOError:
            return False
        return True

    async def _until_writable(self) -> None:
        descriptor = os.dup(self._connection.fileno())  # several may wait
        writable = asyncio.Event()
        self._loop.add_writer(descriptor, writable.set)
        try:
            await writable.wait()
        finally:
            self._loop.remove_writer(descriptor)
            os.close(descriptor)

    async def _awaited(self, number: int) -> socket.socket:
        try:
            return await self._slot(number)
        finally:
            self._arrived.pop(number, None)

    def _slot(self, number: int) -> "asyncio.Future[socket.socket]":
        if number not in self._arrived:
            self._arrived[number] = self._loop.create_future()
        return self._arrived[number]

    def _take(self) -> None:
        """One stream's end has come, or the peer has closed the link."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._connection, _NUMBER_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            message, descriptors = b"", []
        if not descriptors:
            self._end("the other end has closed the link")
            return
        arrived, end = self._slot(int(message)), socket.socket(fileno=descriptors[0])
        if arrived.done():
            end.close()
        else:
            arrived.set_result(end)
