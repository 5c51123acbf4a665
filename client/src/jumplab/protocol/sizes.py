"""Sizes in bytes as people and configuration files write them.

    64MiB    1.5GiB    32GB    4096    512B    64Mi

KiB, MiB, GiB and TiB (Kubernetes' Ki, Mi, Gi and Ti) are powers of 1024; kB, MB, GB and TB powers of 1000. A number
alone is bytes. K, M, G and T alone are refused: some programs take them for the ones, some for the others.
"""

import re
from decimal import Decimal

_BINARY = {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}
_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS = {
    "": 1,
    "b": 1,
    **_BINARY,
    **{f"{prefix}b": factor for prefix, factor in (_BINARY | _DECIMAL).items()},
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?([A-Za-z]*)", re.ASCII)
_MOST_CHARACTERS = 40
_MOST_BYTES = 2**63 - 1
_EXAMPLES = "write it as 64MiB, 1.5GiB, 32GB or a number of bytes"


def parse_size(text: str) -> int:
    """The number of bytes in `text`, zero included. Raises ValueError with a sentence."""
    if not text or len(text) > _MOST_CHARACTERS:
        raise ValueError(f"a size has 1 to {_MOST_CHARACTERS} characters, this one has {len(text)}; {_EXAMPLES}")
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is not a size; {_EXAMPLES}')
    number, unit = found[1], found[2]
    if unit.lower() in _DECIMAL:
        letter = unit.upper()
        raise ValueError(f'"{text}" may mean {number}{letter}iB or {number}{letter}B; write the one that is meant')
    if unit.lower() not in _UNITS:
        raise ValueError(f'"{text}" is not a size: there is no unit "{unit}"; {_EXAMPLES}')
    size_bytes = Decimal(number) * _UNITS[unit.lower()]
    if size_bytes != int(size_bytes):
        raise ValueError(f'"{text}" is not a whole number of bytes')
    if size_bytes > _MOST_BYTES:
        raise ValueError(f'"{text}" is more than the largest size, {_MOST_BYTES} bytes')
    return int(size_bytes)


def format_size(size_bytes: int) -> str:
    """A size for a sentence, exact: `64 MiB`, or `1000001 bytes` where no unit divides it."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size_bytes and size_bytes % (1 << shift) == 0:
            return f"{size_bytes >> shift} {unit}"
    return f"{size_bytes} bytes"
