"""One file on its way to a board: which packets go out next. Knows no sockets and no time."""

from collections.abc import Callable, Iterator

from jumplab_exporter.drivers.boot.tftp_packets import BLOCK_NUMBERS, Request, data, options

_TRIES = 6
"""A window goes out so often without an answer before the board counts as gone."""

Read = Callable[[int, int], bytes]
"""So many bytes from an offset on."""


class Transfer:
    """read: reads the file;  size_bytes: how much it has.

    `is_over`: the board has all of it.  `is_given_up`: it has not answered for too long.
    """

    def __init__(self, request: Request, read: Read, size_bytes: int) -> None:
        self._request = request
        self._read = read
        agreed = dict(request.agreed)
        if request.asks_for_size:
            agreed["tsize"] = str(size_bytes)
        self._agreed = agreed
        self._last = size_bytes // request.block_bytes + 1  # a last block that is full would have no end
        self._received = 0 if not agreed else -1  # the last block that the board has; block 0 are the options
        self._sent = self._received
        self._tries = 0
        self._is_repeating = False

    @property
    def is_over(self) -> bool:
        return self._received == self._last

    @property
    def is_given_up(self) -> bool:
        return self._tries >= _TRIES

    @property
    def received_bytes(self) -> int:
        """At most how much of the file the board has said that it has."""
        return max(self._received, 0) * self._request.block_bytes

    def begin(self) -> Iterator[bytes]:
        """The first packets."""
        return self._window()

    def answered(self, number: int) -> Iterator[bytes]:
        """The packets that follow an answer, which are none where it comes late or twice."""
        block = self._block_of(number)
        if block is None:
            return iter(())
        if block > self._received:
            self._received, self._tries, self._is_repeating = block, 0, False
            return iter(()) if self.is_over else self._window()
        # The first block of the window was lost. The board may say so for each of the others: it goes out again once.
        # With single blocks it is the answer to one that went out twice: sent again, all that follow would be doubled.
        if self._request.window_blocks == 1 or self._is_repeating:
            return iter(())
        self._is_repeating = True
        return self._window()

    def silence(self) -> Iterator[bytes]:
        """The packets that go out again, since no answer came in time."""
        self._tries += 1
        self._is_repeating = False
        return iter(()) if self.is_given_up else self._window()

    def _window(self) -> Iterator[bytes]:
        """What follows the last block that the board has, as far as may be on its way at once."""
        begin = self._received + 1
        if begin == 0:
            self._sent = 0
            return iter((options(self._agreed),))
        end = min(self._received + self._request.window_blocks, self._last)
        self._sent = end
        return (data(number, self._content(number)) for number in range(begin, end + 1))

    def _content(self, number: int) -> bytes:
        size = self._request.block_bytes
        return self._read((number - 1) * size, size)

    def _block_of(self, number: int) -> int | None:
        """The block that an answer's 16 bits mean: one of those on their way, or the one before them."""
        ahead = (number - self._received) % BLOCK_NUMBERS
        return self._received + ahead if self._received + ahead <= self._sent else None
