"""Names of namespaced resources."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A namespaced resource's name."""

    namespace: str
    name: str
