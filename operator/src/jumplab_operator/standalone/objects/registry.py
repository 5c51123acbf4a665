"""The kinds served at this moment: the built-in ones and those of the established CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Iterator

from jumplab_operator.standalone.base.kinds import Kind
from jumplab_operator.standalone.objects.built_in import BUILT_IN


class Registry:
    """Finds a kind by what a URL says. CRDs come and go by `serve` and `withdraw`; other threads may read meanwhile."""

    def __init__(self) -> None:
        self._built_in = {(kind.group, kind.plural): kind for kind in BUILT_IN}
        self._custom: dict[str, Kind] = {}

    def serve(self, kind: Kind) -> None:
        self._custom = {**self._custom, kind.resource: kind}

    def withdraw(self, crd_name: str) -> None:
        self._custom = {name: kind for name, kind in self._custom.items() if name != crd_name}

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind served under that group, version and plural name."""
        kind = self._built_in.get((group, plural)) or self._custom.get(f"{plural}.{group}")
        return kind if kind and version in kind.versions else None

    def __iter__(self) -> Iterator[Kind]:
        yield from self._built_in.values()
        yield from self._custom.values()

    def named(self, resource: str) -> Kind | None:
        """The kind by the name that it has in the store."""
        group_and_plural = resource.partition(".")
        return self._built_in.get((group_and_plural[2], group_and_plural[0])) or self._custom.get(resource)

    def groups(self) -> dict[str, list[str]]:
        """The served groups (core is the empty one), each with its versions, preferred first."""
        found: dict[str, list[str]] = {}
        for kind in self:
            versions = found.setdefault(kind.group, [])
            versions.extend(v for v in kind.versions if v not in versions)
        return {group: sorted(versions, key=version_priority) for group, versions in found.items()}

    def served_in(self, group: str, version: str) -> list[Kind]:
        return [kind for kind in self if kind.group == group and version in kind.versions]


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sorts as Kubernetes prefers: v10, v2, v1, v1beta2, v1alpha1, then anything else by its name."""
    for rank, stage in enumerate(("", "beta", "alpha")):
        major, found, minor = version.removeprefix("v").partition(stage) if stage else (version[1:], "", "0")
        if version.startswith("v") and major.isdigit() and minor.isdigit() and (found or not stage):
            return (rank, -int(major), -int(minor), "")
    return (3, 0, 0, version)
