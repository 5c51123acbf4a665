"""Makes drivers of the configuration's entries. What can't be made is reported; the others are made all the same."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points

from jumplab.driver import Driver, errors
from jumplab.driver.mistakes import unbuilt
from jumplab.session.call_errors import is_explained, sentence_of
from jumplab.session.host import FailedDriver
from jumplab_exporter.config import DriverEntry, Entries, GroupEntry, RefEntry
from jumplab_exporter.errors import DriverUnknown
from jumplab_exporter.isolation.units import references_of, refused_references
from jumplab_exporter.jumpstarter_drivers import advice_on, is_of_jumpstarter

ENTRY_POINT_GROUP = "jumplab.drivers"


def build_drivers(entries: Entries) -> dict[str, Driver]:
    """The drivers of a configuration's `export`, by name; touches no hardware.

    A driver that can't be built is a FailedDriver that says why. References are the very instance that they name; one
    that would join drivers of two processes is refused in the same way.
    """
    drivers = {name: _build(name, entry) for name, entry in entries.items() if not isinstance(entry, RefEntry)}
    refused = refused_references(entries, drivers)
    for path, target in references_of(entries):
        parent, _, name = path.rpartition(".")
        siblings = _found(drivers, parent).children if parent else drivers
        siblings[name] = (
            FailedDriver(reason=refused[path]) if path in refused else _referred(drivers, path, target, siblings)
        )
    return {name: drivers[name] for name in entries}


def _build(path: str, entry: DriverEntry | GroupEntry) -> Driver:
    driver = _make(entry)
    children = {
        name: _build(f"{path}.{name}", child)
        for name, child in entry.children.items()
        if not isinstance(child, RefEntry)
    }
    driver.children = {**driver.children, **children}
    if entry.description:
        driver.description = entry.description
    if isinstance(entry, DriverEntry):
        driver.methods_description = entry.methods_description
    return driver


def _referred(drivers: Mapping[str, Driver], path: str, target: str, siblings: Mapping[str, Driver]) -> Driver:
    try:
        found = _found(drivers, target)
        if not _contains(found, siblings):
            return found
        reason = f"{path} refers to {target!r}, which contains it"
    except KeyError:
        reason = f"{path} refers to {target!r}, and there is no such driver"
    return FailedDriver(reason=reason)


def _contains(driver: Driver, siblings: Mapping[str, Driver]) -> bool:
    return driver.children is siblings or any(_contains(child, siblings) for child in driver.children.values())


def _found(drivers: Mapping[str, Driver], path: str) -> Driver:
    first, *names = path.split(".")
    driver = drivers[first]
    for name in names:
        driver = driver.children[name]
    return driver


def _make(entry: DriverEntry | GroupEntry) -> Driver:
    kind = entry.type if isinstance(entry, DriverEntry) else "composite"
    configuration = entry.config if isinstance(entry, DriverEntry) else {}
    fault: BaseException | None = None
    try:
        driver = driver_class(kind)(**configuration)
        if not (reason := unbuilt(driver)):
            return driver
    except (DriverUnknown, errors.ConfigurationInvalid, errors.DriverDefect) as error:
        reason = str(error)
    except BaseException as error:  # noqa: BLE001 - a driver's own code, which nothing can cancel: the others are served
        fault = None if is_explained(error) else error
        reason = f"{kind} raised {type(error).__name__} while it was built: {sentence_of(error)}"
    return FailedDriver(reason=reason, fault=fault)


def driver_class(kind: str) -> type[Driver]:
    """The driver class of a registered name or an import path. Raises DriverUnknown."""
    if is_of_jumpstarter(kind):
        raise DriverUnknown(advice_on(kind))
    registered = entry_points(group=ENTRY_POINT_GROUP, name=kind)
    if registered:
        return _registered(kind, registered)
    if "." in kind.strip("."):
        return _imported(kind, kind)
    known = ", ".join(sorted(entry_points(group=ENTRY_POINT_GROUP).names)) or "none"
    raise DriverUnknown(f"there is no driver type {kind!r}; use one of {known}, or an import path")


def _registered(kind: str, entries: EntryPoints) -> type[Driver]:
    """The class that packages have registered by this name. Raises DriverUnknown where they do not agree on one."""
    packages = {entry.value: entry.dist.name if entry.dist else "a package" for entry in entries}
    if len(packages) > 1:
        raise DriverUnknown(
            f"driver type {kind!r} is registered by {' and '.join(sorted(packages.values()))}; write the import path "
            f"of one, {' or '.join(sorted(value.replace(':', '.') for value in packages))}"
        )
    ((value, package),) = packages.items()
    module, _, name = value.partition(":")
    if not module or not name:
        raise DriverUnknown(
            f"driver type {kind!r} is registered by {package} as {value!r}; its entry point has to be MODULE:CLASS, as "
            '"acme.relays:HttpRelay"'
        )
    try:
        return _imported(kind, f"{module}.{name}")
    except DriverUnknown as error:
        raise DriverUnknown(f"{error}; {package} registers {value!r} as its entry point") from error


def _imported(kind: str, path: str) -> type[Driver]:
    module_name, _, class_name = path.rpartition(".")
    try:
        found = getattr(import_module(module_name), class_name, None)
    except ModuleNotFoundError as error:
        if error.name is not None and is_of_jumpstarter(error.name):
            raise DriverUnknown(advice_on(kind)) from error
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise DriverUnknown(
                f"driver type {kind!r}: there is no module {error.name!r}; install its package, or add the folder that "
                "it is in to PYTHONPATH"
            ) from error
        raise DriverUnknown(f"driver type {kind!r} needs {error.name!r}, which is not installed") from error
    except ImportError as error:
        raise DriverUnknown(f"driver type {kind!r}: {error}") from error
    if isinstance(found, type) and any(is_of_jumpstarter(base.__module__) for base in found.__mro__):
        raise DriverUnknown(advice_on(kind))
    if not (isinstance(found, type) and issubclass(found, Driver)):
        raise DriverUnknown(f"driver type {kind!r}: {module_name} has no driver class {class_name!r}")
    return found
