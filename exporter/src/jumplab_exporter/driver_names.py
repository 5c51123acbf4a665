"""Whether drivers can be reached by their names: as attributes in Python, and as words of `j`."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from keyword import iskeyword

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.driver.client import attribute_of
from jumplab.driver.interface import interfaces_of
from jumplab.session.host import DriverTree
from jumplab.session.host.tree import Node

_UNREACHABLE = (
    (re.compile(r".*\s"), "has white space in it"),
    (re.compile(r".*\."), "has a dot in it, which stands between the names of a path"),
    (re.compile(r"_"), "begins with an underscore, which no client shows"),
    (re.compile(r"-"), "begins with a dash, which `j` takes for an option"),
)


def name_problems(tree: DriverTree) -> Iterator[str]:
    """A sentence for each driver that can't be reached by its name, or that hides something of its parent."""
    for parent in tree.nodes.values():
        reached: dict[str, str] = {}
        for node in (node for node in tree.nodes.values() if node.parent is parent):
            attribute = attribute_of(node.name)
            if reason := _unreachable(node.name) or _hidden(attribute, parent):
                yield f'driver "{node.path}": its name {reason}; choose another name'
            elif attribute in reached:
                yield f'drivers "{reached[attribute]}" and "{node.path}" are both {attribute} in Python; rename one'
            reached.setdefault(attribute, node.path)


def _unreachable(name: str) -> str:
    for pattern, reason in _UNREACHABLE:
        if pattern.match(name):
            return reason
    if not name.isprintable():
        return "has a character in it that can't be printed"
    return "is a keyword of Python" if iskeyword(attribute_of(name)) else ""


def _hidden(attribute: str, parent: Node) -> str:
    if attribute in parent.methods:
        return f'is also a method of "{parent.path}" above it'
    return "is also an attribute of the client above it" if attribute in _attributes(parent) else ""


def _attributes(parent: Node) -> set[str]:
    """What the clients of a driver have of their own, which goes before the drivers below it."""
    paths = [interface.client for interface in interfaces_of(type(parent.driver)) if interface.client]
    classes = [AsyncDriverClient, DriverClient, *filter(None, map(_client_class, paths))]
    return {name for each in classes for name in dir(each) if not name.startswith("_")}


@cache
def _client_class(path: str) -> type | None:
    """None where it isn't installed here, which clients need and an exporter does not."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) else None
