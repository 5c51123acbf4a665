"""Compares what was written with what is read back, piece by piece, so that a difference has a place. Pure."""

import hashlib

PIECE_BYTES = 1 << 20


class Pieces:
    """The hash of each MiB of a content that comes block by block."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._done: list[bytes] = []
        self._current = hashlib.sha256()

    def update(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            room = PIECE_BYTES - self.size_bytes % PIECE_BYTES
            self._current.update(rest[:room])
            self.size_bytes += len(rest[:room])
            rest = rest[room:]
            if self.size_bytes % PIECE_BYTES == 0:
                self._done.append(self._current.digest())
                self._current = hashlib.sha256()

    def hashes(self) -> list[bytes]:
        """The hashes of all pieces, the last one's included."""
        return [*self._done, self._current.digest()] if self.size_bytes % PIECE_BYTES else list(self._done)


def describe_difference(expected: Pieces, found: Pieces, offset_bytes: int) -> str:
    """What differs and where on a storage whose content begins at `offset_bytes`, as a sentence; "" for nothing."""
    if found.size_bytes != expected.size_bytes:
        return f"{found.size_bytes} bytes were read back, not {expected.size_bytes}"
    pairs = zip(expected.hashes(), found.hashes(), strict=True)
    differing = [number for number, (one, other) in enumerate(pairs) if one != other]
    if not differing:
        return ""
    first = offset_bytes + differing[0] * PIECE_BYTES
    last = min(first + PIECE_BYTES, offset_bytes + expected.size_bytes) - 1
    more = f", and in {len(differing) - 1} further pieces of 1 MiB" if len(differing) > 1 else ""
    return f"it differs between bytes {first} and {last}{more}"
