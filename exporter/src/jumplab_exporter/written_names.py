"""The names that users choose in a configuration file, as they are written there.

An empty one is refused. YAML reads `1`, `off`, `null` and `2026-01-01` as something else than text; each is named, with
the advice to quote it.
"""

from collections.abc import Mapping
from typing import Any

from jumplab.validation import yaml_kind
from jumplab.yaml_documents import YamlDocument


class WrittenNames:
    """misread: a sentence for each name that YAML takes for something else, or that is empty."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self.misread: list[str] = []

    def entries(self, value: Any, keys: tuple[str, ...]) -> Any:
        """A mapping of entries, whose place is `keys`, with all names in it as they are written."""
        named = self._named(value, keys)
        if not isinstance(named, Mapping):
            return named
        return {name: self._entry(entry, (*keys, name)) for name, entry in named.items()}

    def _entry(self, value: Any, keys: tuple[str, ...]) -> Any:
        if not isinstance(value, Mapping):
            return value
        entry = dict(value)
        if "children" in entry:
            entry["children"] = self.entries(entry["children"], (*keys, "children"))
        for part in ("config", "methods_description"):
            if part in entry:
                entry[part] = self._named(entry[part], (*keys, part))
        return entry

    def _refuse(self, keys: tuple[str, ...], name: str, advice: str) -> None:
        self.misread.append(f"{'.'.join(keys)}: {advice} (line {self._document.line_of((*keys, name))})")

    def _named(self, value: Any, keys: tuple[str, ...]) -> Any:
        if not isinstance(value, Mapping):
            return value
        written = self._document.odd_keys(keys)
        for key, name in written.items():
            if name:
                advice = f'YAML reads the name {name} as {yaml_kind(key)}; write it in quotes: "{name}"'
                self._refuse(keys, name, advice)
        if "" in (*written.values(), *value):
            self._refuse(keys, "", "a name is empty; write one")
        return {written.get(key, key): below for key, below in value.items()}
