"""Which stream numbers a peer has opened."""

_REMEMBERED = 1024


class UsedNumbers:
    """Admits each number once, in a bounded amount of memory.

    Peers count up. So of numbers far behind the newest ones it is only known that they are behind: they count as used.
    """

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._behind = -1

    def __contains__(self, number: int) -> bool:
        return number <= self._behind or number in self._used

    def add(self, number: int) -> None:
        """The number is used from now on."""
        self._used.add(number)
        if len(self._used) > 2 * _REMEMBERED:
            oldest_first = sorted(self._used)
            self._behind = oldest_first[-_REMEMBERED - 1]
            self._used = set(oldest_first[-_REMEMBERED:])
