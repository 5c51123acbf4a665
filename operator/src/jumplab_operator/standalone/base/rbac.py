"""What may be done by whom: rules in the words of RBAC, and the decision. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ALL = "*"


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody wants to do: with a resource, or (`path`) with an address that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def whole_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def __str__(self) -> str:
        if self.path:
            return f'{self.verb} path "{self.path}"'
        scope = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'{self.verb} resource "{self.whole_resource}" in API group "{self.group}" {scope}'


@dataclass(frozen=True, slots=True)
class Rule:
    """Permits some verbs on some resources (of some names, where it has names), or on some paths (`/x/*`)."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def permits(self, act: Act) -> bool:
        if not _has(self.verbs, act.verb):
            return False
        if act.path:
            return any(_matches(path, act.path) for path in self.paths)
        if not _has(self.groups, act.group) or not _has(self.resources, act.whole_resource):
            return False
        return not self.names or act.name in self.names


@dataclass(frozen=True, slots=True)
class Grant:
    """Rules for one namespace, or (empty) for all and what is in none."""

    rules: tuple[Rule, ...]
    namespace: str = ""


READ = ("get", "list", "watch")
EVERYTHING = Grant((Rule((_ALL,), (_ALL,), (_ALL,)), Rule((_ALL,), paths=(_ALL,))))
ANYBODY = Grant(
    (
        Rule(("create",), ("authorization.k8s.io",), ("selfsubjectaccessreviews", "selfsubjectrulesreviews")),
        Rule(("create",), ("authentication.k8s.io",), ("selfsubjectreviews",)),
        Rule(
            ("get",),
            paths=("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
                   "/version", "/version/"),
        ),
    )
)  # fmt: skip
"""What every user may: look around, and ask what it may do."""


def is_permitted(act: Act, grants: Iterable[Grant]) -> bool:
    """Whether one of the grants reaches there and permits it."""
    reaching = (grant for grant in grants if not grant.namespace or grant.namespace == act.namespace)
    return any(rule.permits(act) for grant in reaching for rule in grant.rules)


def rules_in(namespace: str, grants: Iterable[Grant]) -> list[Rule]:
    """The rules that hold in a namespace."""
    return [rule for grant in grants if grant.namespace in ("", namespace) for rule in grant.rules]


def _has(listed: Sequence[str], wanted: str) -> bool:
    return wanted in listed or _ALL in listed


def _matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith(_ALL) else path == pattern
