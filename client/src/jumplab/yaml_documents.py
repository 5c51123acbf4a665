"""YAML files that people write: one document, no key twice, and the line of whatever is wrong.

Client, exporter and operator read theirs with it. Merges and anchors work as in any YAML: a key of the mapping's own
takes the place of a merged one. Where PyYAML was built with libyaml, that parses the text.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor

_TEXT_TAG = "tag:yaml.org,2002:str"
_MERGE_TAG = "tag:yaml.org,2002:merge"
# What PyYAML's constructors raise for a scalar that only looks like a date or a number, as 2026-99-99.
_NO_VALUE = (ValueError, OverflowError, LookupError, AttributeError)


class YamlRefused(ValueError):
    """Not one document of YAML whose keys are unique. The sentence follows the file's name."""


def reading_problem(error: Exception) -> str:
    """Why a file can't be read, in a person's words."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A file's content, and where in the file each part of it stands."""

    content: Any
    _root: yaml.Node | None = field(default=None, repr=False)

    def line_of(self, keys: Sequence[Any]) -> int:
        """The line of the last of these keys, or of the last that is there."""
        line = 1
        for key_node, value_node in self._nodes(keys):
            line = (key_node or value_node).start_mark.line + 1
        return line

    def written(self, keys: Sequence[Any]) -> str:
        """The text of a value that is there and that YAML takes for something else than text, as `off`; else ""."""
        nodes = list(self._nodes(keys))
        value = nodes[-1][1] if len(nodes) == len(keys) and nodes else None
        return _source_text(value) if isinstance(value, yaml.ScalarNode) else ""

    def odd_keys(self, keys: Sequence[Any]) -> dict[Any, str]:
        """The keys of the mapping there that YAML takes for something else than text, with what is written."""
        nodes = list(self._nodes(keys))
        mapping = nodes[-1][1] if nodes else self._root
        if len(nodes) < len(keys) or not isinstance(mapping, yaml.MappingNode):
            return {}
        scalars = [key for key, _ in mapping.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE_TAG]
        return {_key_of(key): key.value for key in scalars if key.tag != _TEXT_TAG}

    def _nodes(self, keys: Sequence[Any]) -> Iterator[tuple[yaml.Node | None, yaml.Node]]:
        node = self._root
        for key in keys:
            found = _child(node, key)
            if found is None:
                return
            yield found
            node = found[1]


def read_document(text: str) -> YamlDocument:
    """Reads a file's text. Raises YamlRefused."""
    try:
        return _read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise YamlRefused(f"is not YAML: {error.problem or error.context}{where}") from error
    except yaml.YAMLError as error:
        raise YamlRefused(f"is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise YamlRefused("is nested too deeply") from error


def _read(text: str) -> YamlDocument:
    """Parsed by libyaml, or by PyYAML's own code: its errors are the ones that are told, whoever finds them."""
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError, UnicodeEncodeError):
            return _read_with(_libyaml_loader()(text))
    return _read_with(_Loader(text))


def _read_with(loader: "_Loader | yaml.CSafeLoader") -> YamlDocument:
    try:
        roots: list[yaml.Node] = []
        while loader.check_node():
            root = loader.get_node()
            if root is not None and not _is_empty(root):
                roots.append(root)
        if len(roots) > 1:
            raise YamlRefused(_several(roots))
        if not roots:
            return YamlDocument(None)
        if repeated := list(_Keys().repeated(roots[0])):
            raise YamlRefused("; ".join(repeated))
        return YamlDocument(loader.construct_document(roots[0]), roots[0])
    finally:
        loader.dispose()


class _Constructor(SafeConstructor):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _NO_VALUE as error:
            kind = node.tag.rpartition(":")[2]
            problem = f'"{node.value}" is not a valid {kind}; write it in quotes if it is text'
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


class _Loader(_Constructor, yaml.SafeLoader):
    pass


@cache
def _libyaml_loader() -> type[yaml.CSafeLoader]:
    """Composes in Python what libyaml has parsed: its own composer ends the process where a text is nested deeply."""

    class Loader(_Constructor, Composer, yaml.CSafeLoader):
        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)

    return Loader


class _Keys:
    """Looks for keys that stand twice in one mapping, each node once, however many aliases lead to it."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._above: set[int] = set()

    def repeated(self, node: yaml.Node, path: str = "") -> Iterator[str]:
        """A sentence for each. Raises YamlRefused where an anchor contains itself."""
        if id(node) in self._above:
            raise YamlRefused(f"has an anchor that contains itself (line {node.start_mark.line + 1})")
        if id(node) in self._seen or isinstance(node, yaml.ScalarNode):
            return
        self._seen.add(id(node))
        self._above.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from self._of_mapping(node, path)
        else:
            for index, item in enumerate(node.value):
                yield from self.repeated(item, f"{path}[{index}]")
        self._above.discard(id(node))

    def _of_mapping(self, node: yaml.MappingNode, path: str) -> Iterator[str]:
        first: dict[Any, tuple[str, int]] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE_TAG:
                name, line = _key_of(key), key.start_mark.line + 1
                below = f"{path}.{key.value}" if path else key.value
                if name in first:
                    yield _repetition(below, first[name], (key.value, line))
                first.setdefault(name, (key.value, line))
                yield from self.repeated(value, below)
            else:
                yield from self.repeated(value, path)


def _repetition(path: str, first: tuple[str, int], second: tuple[str, int]) -> str:
    (name, line), (other, further) = first, second
    if name == other:
        return f"the key {path} is written twice, in lines {line} and {further}; remove one of them"
    return f"the keys {name} (line {line}) and {path} (line {further}) are the same to YAML; write them in quotes"


def _several(roots: Sequence[yaml.Node]) -> str:
    """Names the documents, and where each begins."""
    named = ", ".join(f"{_title(root)} (line {root.start_mark.line + 1})" for root in roots)
    return f"holds {len(roots)} documents: {named}; keep one, and move each other to a file of its own"


def _title(root: yaml.Node) -> str:
    kind, name = _text_at(root, "kind"), _text_at(_value_at(root, "metadata"), "name")
    return f'{kind} "{name}"' if kind and name else kind or "one without a kind"


def _text_at(node: yaml.Node | None, key: str) -> str:
    value = _value_at(node, key)
    return str(value.value) if isinstance(value, yaml.ScalarNode) else ""


def _value_at(node: yaml.Node | None, key: str) -> yaml.Node | None:
    found = _child(node, key)
    return found[1] if found else None


def _child(node: yaml.Node | None, key: Any) -> tuple[yaml.Node | None, yaml.Node] | None:
    """The nodes of a key and its value; a key is given as Python has it, or as it is written."""
    if isinstance(node, yaml.SequenceNode):
        fits = isinstance(key, int) and 0 <= key < len(node.value)
        return (None, node.value[key]) if fits else None
    if isinstance(node, yaml.MappingNode):
        for key_node, value in reversed(node.value):  # what was merged stands first
            if isinstance(key_node, yaml.ScalarNode) and key in (key_node.value, _key_of(key_node)):
                return key_node, value
    return None


def _key_of(node: yaml.ScalarNode) -> Any:
    """The key as Python has it: `1` and `0x1` are the same."""
    if node.tag == _TEXT_TAG:
        return node.value
    return _Constructor().construct_object(node)


def _source_text(node: yaml.ScalarNode) -> str:
    return "" if node.tag == _TEXT_TAG else str(node.value)


def _is_empty(root: yaml.Node) -> bool:
    return isinstance(root, yaml.ScalarNode) and root.value == "" and root.tag.endswith(":null")
