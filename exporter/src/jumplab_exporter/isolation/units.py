"""Which entries of a configuration run in which process: pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jumplab.driver import Driver
from jumplab.driver.mistakes import unbuilt
from jumplab_exporter.config import Entries, Entry, Isolation, RefEntry


@dataclass(frozen=True, slots=True)
class Unit:
    """The entries at the top that share a process, by name.  memory_bytes: its bound, or None."""

    entries: Entries
    memory_bytes: int | None

    @property
    def title(self) -> str:
        """For sentences."""
        return " and ".join(f'"{name}"' for name, entry in self.entries.items() if not isinstance(entry, RefEntry))


class Reference(NamedTuple):
    """A `ref`.  path: where it is;  target: the path that it names."""

    path: str
    target: str

    @property
    def ends(self) -> tuple[str, str]:
        """The entries at the top that it joins."""
        return top_of(self.path), top_of(self.target)


def top_of(path: str) -> str:
    """The entry at the top that a path leads through."""
    return path.partition(".")[0]


def references_of(entries: Mapping[str, Entry], above: str = "") -> Iterator[Reference]:
    """Each `ref` of the entries."""
    for name, entry in entries.items():
        if isinstance(entry, RefEntry):
            yield Reference(above + name, entry.ref)
        else:
            yield from references_of(entry.children, f"{above}{name}.")


def units_of(entries: Entries, drivers: Mapping[str, Driver]) -> list[Unit]:
    """The isolated entries, together with those that `ref`s join them with.  drivers: what was built of the
    entries, less those that are a `ref`.
    """
    units = []
    for names in _joined(entries):
        if any(_is_isolated(entries[name], drivers.get(name)) for name in names):
            bounds = [bound for name in names if (bound := _memory_of(entries[name])) is not None]
            together = {name: entry for name, entry in entries.items() if name in names}
            units.append(Unit(together, min(bounds, default=None)))
    return units


def isolation_notes(units: Iterable[Unit]) -> dict[str, str]:
    """For each isolated entry, by its name: that it is, and which others share its process."""
    notes = {}
    for unit in units:
        for name in unit.entries:
            others = " and ".join(other for other in unit.entries if other != name)
            notes[name] = f", isolated with {others}" if others else ", isolated"
    return notes


def refused_references(entries: Entries, drivers: Mapping[str, Driver]) -> dict[str, str]:
    """The `ref`s that would join an isolated entry with one that says `isolate: false`: why, by their paths."""
    isolated = {name for unit in units_of(entries, drivers) for name in unit.entries}
    refused = {}
    for reference in references_of(entries):
        here, there = reference.ends
        inside, outside = (here, there) if here in isolated else (there, here)
        if inside in isolated and outside in entries and _stays(entries[outside]):
            refused[reference.path] = (
                f'{reference.path} refers to "{reference.target}", and "{outside}" says isolate: false while '
                f'"{inside}" is isolated; a driver refers only to drivers of its own process: isolate both, or neither'
            )
    return refused


def _joined(entries: Entries) -> list[set[str]]:
    """The names of entries at the top, those that `ref`s join in one set."""
    groups = {name: {name} for name in entries}
    for reference in references_of(entries):
        here, there = reference.ends
        if there in groups and not _stays(entries[here]) and not _stays(entries[there]):
            together = groups[here] | groups[there]
            groups.update(dict.fromkeys(together, together))
    return [group for name, group in groups.items() if name == min(group)]


def _stays(entry: Entry) -> bool:
    """Whether the entry runs in the exporter, whatever its class wants."""
    return not isinstance(entry, RefEntry) and entry.isolate is False


def _is_isolated(entry: Entry, driver: Driver | None) -> bool:
    if isinstance(entry, RefEntry) or driver is None or entry.isolate is False:
        return False
    return isinstance(entry.isolate, Isolation) or _wants_isolation(driver)


def _wants_isolation(driver: Driver) -> bool:
    """Whether the class of the driver, or of one below it, asks for a process of its own."""
    if unbuilt(driver):
        return False
    return type(driver).ISOLATE or any(_wants_isolation(child) for child in driver.children.values())


def _memory_of(entry: Entry) -> int | None:
    if isinstance(entry, RefEntry) or not isinstance(entry.isolate, Isolation):
        return None
    return entry.isolate.memory_bytes
