"""Libraries that only some drivers need."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Imports of an extra's libraries: a missing one is an ImportError that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(f"it needs {error.name}; install jumplab-exporter[{extra}], with the extra") from error
