"""The package of a new driver: its name, and its files, which are made of the templates beside this code."""

import builtins
import keyword
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from jumplab.client.errors import ConfigurationError

EXAMPLES: Mapping[str, str] = {
    "own": "acme-chamber",
    "power": "acme-relay",
    "console": "acme-terminal",
    "digital-output": "acme-lamp",
    "digital-input": "acme-door",
    "button": "acme-finger",
    "reset": "acme-probe",
}
"""The templates, by the interface of their driver, each with the name of the package in it."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 32
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_ANY_VERSION = ">=0.0.0"


@dataclass(frozen=True, slots=True)
class PackageName:
    """A package's name in its three spellings: `acme-relay`, `acme_relay` and `AcmeRelay`."""

    distribution: str
    module: str
    class_name: str

    @classmethod
    def of(cls, name: str) -> "PackageName":
        words = re.split("[-_]", name)
        return cls("-".join(words), "_".join(words), "".join(map(str.capitalize, words)))


@dataclass(frozen=True, slots=True)
class DriverTemplate:
    """The files of a driver's package, for one interface."""

    folder: Traversable
    example: PackageName

    @classmethod
    def of(cls, interface: str) -> "DriverTemplate":
        return cls(files("jumplab") / "templates" / "driver" / interface, PackageName.of(EXAMPLES[interface]))

    def rendered(self, name: PackageName) -> dict[str, str]:
        """The files for a package of this name: their text by their path."""
        return {
            _renamed(path, self.example, name): _renamed(text, self.example, name).replace(
                _ANY_VERSION, f">={version('jumplab')}"
            )
            for path, text in _texts(self.folder)
        }

    def words(self) -> set[str]:
        """The identifiers of its code, but for those made of the example's name."""
        code = " ".join(text for path, text in _texts(self.folder) if path.endswith(".py"))
        return {word for word in _IDENTIFIER.findall(code) if self.example.class_name not in word}


def package_name(name: str, template: DriverTemplate) -> PackageName:
    """The name of a new package. Raises ConfigurationError for one that the package could not have."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} can't be the name of a driver's package: write small letters, digits and dashes, with a letter "
            "first, as in acme-relay"
        )
    if len(name) > _LONGEST:
        raise ConfigurationError(f"the name {name!r} has more than {_LONGEST} characters; choose a shorter one")
    spelt = PackageName.of(name)
    if keyword.iskeyword(spelt.module):
        raise ConfigurationError(f"{name!r} is a keyword of Python; choose another name, such as my-{name}")
    if spelt.module in sys.stdlib_module_names or find_spec(spelt.module) is not None:
        raise ConfigurationError(
            f"Python has a module {spelt.module!r} here already, which the package would hide; choose another name, "
            f"such as my-{name}"
        )
    if hasattr(builtins, spelt.class_name) or spelt.class_name in template.words():
        raise ConfigurationError(
            f"the driver's class would be called {spelt.class_name}, a name that its code uses for something else; "
            f"choose another name, such as my-{name}"
        )
    return spelt


def write_package(interface: str, name: str, parent: Path) -> Path:
    """Writes the package of a new driver into a new folder of `parent`, whole or not at all: the folder.

    Raises ConfigurationError.
    """
    template = DriverTemplate.of(interface)
    texts = template.rendered(package_name(name, template))
    target = parent / name
    if target.exists() or target.is_symlink():
        raise ConfigurationError(f"{target} is there already; choose another name, or remove it first")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=parent) as beside:
            made = Path(beside) / name
            for path, text in texts.items():
                file = made / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            made.rename(target)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"can't write {target}: {reason}; go to a folder that you may write to") from error
    return target


def _texts(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    """The files below a folder, by their path. An installer leaves compiled code there, too."""
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        path = f"{above}{entry.name}"
        if entry.is_dir():
            if not entry.name.startswith((".", "__pycache__")):
                yield from _texts(entry, f"{path}/")
        else:
            yield path, entry.read_text(encoding="utf-8")


def _renamed(text: str, old: PackageName, new: PackageName) -> str:
    return (
        text.replace(old.distribution, new.distribution)
        .replace(old.module, new.module)
        .replace(old.class_name, new.class_name)
    )
