"""What the API serves: kinds with their versions, and the table of the built-in ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object (or a part of one) as decoded JSON."""

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


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
class Subresource:
    """What an object has behind a further step of its address."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    """Of what is sent and answered there, where it isn't the object itself."""
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """How objects that are stored as another kind are shown, and how what was sent is stored."""

    resource: str
    shown: Callable[[Object], Object]
    stored: Callable[[Object], Object]


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
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    """Beside `status`, which the versions tell of."""
    view: View | None = None
    """For a kind that is another's objects in other words: whose they are, and the translation."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Field selectors beyond metadata.name and metadata.namespace, each with what an absent field counts as."""

    @property
    def resource(self) -> str:
        """The name in messages and in the store: `leases.jumpstarter.dev`, `secrets`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def stored_in(self) -> str:
        """Where the store has its objects."""
        return self.view.resource if self.view else self.resource

    @property
    def qualified(self) -> str:
        """The kind in messages: `Lease.jumpstarter.dev`, `Secret`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def api_version(self, version: str) -> str:
        return f"{self.group}/{version}" if self.group else version
