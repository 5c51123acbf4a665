"""What has grown: figures by the number of leases, and the growth of each once all has settled."""

from collections.abc import Sequence
from dataclasses import dataclass

_KIBIBYTE = 1024
_TOLERATED_KIB = {"operator": 4096.0, "exporter": 4096.0, "client": 4096.0, "database": 16_384.0}
"""Growth that no leak is: allocators take memory by pieces, and a database's journal has no fixed size."""


@dataclass(frozen=True, slots=True)
class Sample:
    """leases: so many have been.  kib: what each process and the database take by then."""

    leases: int
    kib: dict[str, float]


@dataclass(frozen=True, slots=True)
class Growth:
    """kib: from the highest of the first fifth of the samples after settling to the highest of the last fifth.
    bytes_a_lease: by the line that fits all these samples best.
    """

    of: str
    kib: float
    bytes_a_lease: float

    @property
    def is_leak(self) -> bool:
        return self.kib > _TOLERATED_KIB[self.of]


def growths(samples: Sequence[Sample], settled: int) -> list[Growth]:
    """Of each figure from `settled` leases on. Raises ValueError where there are less than two samples of that."""
    of_interest = [sample for sample in samples if sample.leases >= settled]
    if len(of_interest) < 2:
        raise ValueError(f"there are no two samples after {settled} leases; ask for more leases")
    return [_growth(of_interest, name) for name in of_interest[0].kib]


def _growth(samples: Sequence[Sample], name: str) -> Growth:
    few = max(len(samples) // 5, 1)
    sizes = [sample.kib[name] for sample in samples]
    return Growth(name, max(sizes[-few:]) - max(sizes[:few]), _slope(samples, name) * _KIBIBYTE)


def _slope(samples: Sequence[Sample], name: str) -> float:
    """KiB a lease, by least squares."""
    middle = sum(sample.leases for sample in samples) / len(samples)
    mean = sum(sample.kib[name] for sample in samples) / len(samples)
    above = sum((sample.leases - middle) * (sample.kib[name] - mean) for sample in samples)
    return above / sum((sample.leases - middle) ** 2 for sample in samples)
