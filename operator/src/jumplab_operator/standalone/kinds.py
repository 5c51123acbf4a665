"""What the API serves: kinds with their versions, and the table of the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object (or a part of one) as decoded JSON."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a Table: a cell is the first value that its JSONPath finds."""

    name: str
    type: str
    path: str
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """One served version of a kind."""

    name: str
    schema: Object | None = None
    columns: tuple[Column, ...] = ()
    has_status: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its names, its scope and its versions (the served ones, preferred first)."""

    group: str
    plural: str
    singular: str
    kind: str
    versions: Mapping[str, Version]
    storage_version: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    list_kind: str = ""
    custom: bool = False
    counts_generations: bool = False
    updates_blindly: bool = False
    """Whether an update may leave out the resource version."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Field selectors beyond metadata.name and metadata.namespace, each with what an absent field counts as."""

    @property
    def resource(self) -> str:
        """The name in messages and in the store: `leases.jumpstarter.dev`, `secrets`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        """The kind in messages: `Lease.jumpstarter.dev`, `Secret`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def api_version(self, version: str) -> str:
        return f"{self.group}/{version}" if self.group else version


def _built_in(group: str, plural: str, singular: str, kind: str, version: Version, **more: Any) -> Kind:
    return Kind(group, plural, singular, kind, {version.name: version}, version.name, list_kind=f"{kind}List", **more)


_EVENT_FIELDS = {
    "involvedObject.apiVersion": "", "involvedObject.fieldPath": "", "involvedObject.kind": "",
    "involvedObject.name": "", "involvedObject.namespace": "", "involvedObject.resourceVersion": "",
    "involvedObject.uid": "", "reason": "", "source": "", "type": "",
}  # fmt: skip

NAMESPACES = _built_in(
    "", "namespaces", "namespace", "Namespace", Version("v1", has_status=True),
    namespaced=False, short_names=("ns",), updates_blindly=True, fields={"status.phase": ""},
)  # fmt: skip
SECRETS = _built_in("", "secrets", "secret", "Secret", Version("v1"), updates_blindly=True, fields={"type": ""})
EVENTS = _built_in(
    "", "events", "event", "Event", Version("v1"), short_names=("ev",), updates_blindly=True, fields=_EVENT_FIELDS
)
COORDINATION_LEASES = _built_in("coordination.k8s.io", "leases", "lease", "Lease", Version("v1"))
CRDS = _built_in(
    "apiextensions.k8s.io", "customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition",
    Version("v1", has_status=True),
    namespaced=False, short_names=("crd", "crds"), categories=("api-extensions",), counts_generations=True,
)  # fmt: skip

BUILT_IN = (NAMESPACES, SECRETS, EVENTS, COORDINATION_LEASES, CRDS)
