"""The Python source of a board's class, from the drivers that an exporter registered.

The report of the exporter becomes code that somebody will run: only names and import paths get into it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from keyword import iskeyword

from jumplab.client.views import DriverView
from jumplab.driver.client import attribute_of

_GENERIC = ("jumplab.driver", "GenericClient")
_COMPOSITE = "jumplab.drivers.composite.CompositeInterface"
_IMPORT_PATH = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)\.(?P<name>[A-Za-z_]\w*)", re.ASCII)
_LINE_LENGTH = 88


def board_source(exporter: str, root: DriverView) -> str:
    """A module with a class for the drivers below `root`, and one for each group of drivers."""
    return _Module(exporter).source(root)


@dataclass(slots=True)
class _Module:
    exporter: str
    imports: dict[tuple[str, str], str] = field(default_factory=dict)
    """By module and name: what the class is called here."""
    classes: list[str] = field(default_factory=list)
    used_names: set[str] = field(default_factory=lambda: {"jumplab"})

    def source(self, root: DriverView) -> str:
        for driver in _below(root):
            if not _is_group(driver):
                self._import(driver)
        self._add_class(root, _class_name(self.exporter), f"The drivers of exporter {self.exporter}.")
        return "\n".join(["import jumplab", *self._import_lines(), "\n\n" + "\n\n\n".join(self.classes)]) + "\n"

    def _add_class(self, parent: DriverView, name: str, docstring: str) -> str:
        """Writes a group's class, behind those of the groups below it: its name, which no import has."""
        while name in self.used_names:
            name += "Board"
        self.used_names.add(name)
        lines = [f"class {name}(jumplab.Board):", f'    """{docstring}"""', ""]
        used: set[str] = set()
        for driver in parent.children:
            attribute = attribute_of(driver.name)
            if not attribute.isascii() or not attribute.isidentifier() or attribute.startswith("_"):
                lines.append(f"    # {driver.name!a} can't be a field's name")
            elif iskeyword(attribute) or attribute in used:
                lines.append(f"    # {driver.name!a} is used already, or is a Python keyword")
            else:
                used.add(attribute)
                lines += self._field(driver, attribute, name)
        self.classes.append("\n".join(lines).rstrip())
        return name

    def _field(self, driver: DriverView, attribute: str, parent: str) -> Iterator[str]:
        if _is_group(driver):
            docstring = f"The drivers below {attribute} of exporter {self.exporter}."
            yield f"    {attribute}: {self._add_class(driver, parent + _class_name(attribute), docstring)}"
            return
        yield f"    {attribute}: {self._import(driver)}"
        if driver.children:
            yield f"    # below {attribute}: {', '.join(ascii(child.name) for child in driver.children)}"

    def _import(self, driver: DriverView) -> str:
        """The name of the driver's client class in this module."""
        path = _IMPORT_PATH.fullmatch(driver.client)
        home = (path["module"], path["name"]) if path and not _has_keyword(driver.client) else _GENERIC
        if home not in self.imports:
            name = home[1]
            while name in self.used_names:
                name = _class_name(home[0].split(".")[0]) + name
            self.used_names.add(name)
            self.imports[home] = name
        return self.imports[home]

    def _import_lines(self) -> list[str]:
        """The imports as ruff sorts and breaks them; a class under another name has a line of its own."""
        lines = []
        for module in sorted({module for module, _ in self.imports}):
            names = {name: own for (home, name), own in self.imports.items() if home == module}
            plain = sorted(name for name, own in names.items() if name == own)
            if plain:
                line = f"from {module} import {', '.join(plain)}"
                broken = f"from {module} import (\n" + "".join(f"    {name},\n" for name in plain) + ")"
                lines.append(line if len(line) <= _LINE_LENGTH else broken)
            lines += [f"from {module} import {name} as {own}" for name, own in sorted(names.items()) if name != own]
        return lines


def _below(parent: DriverView) -> Iterator[DriverView]:
    for driver in parent.children:
        yield driver
        if _is_group(driver):
            yield from _below(driver)


def _is_group(driver: DriverView) -> bool:
    """Whether the driver has nothing to call, only drivers below it."""
    return bool(driver.children) and set(driver.interfaces) <= {_COMPOSITE}


def _class_name(text: str) -> str:
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text))
    return name if name[:1].isalpha() else f"Board{name}"


def _has_keyword(path: str) -> bool:
    return any(map(iskeyword, path.split(".")))
