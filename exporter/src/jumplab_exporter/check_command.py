"""The command `jumplab-exporter check`: the file first, then its drivers on their devices.

An exporter that runs with the file tries them itself, between leases. Where none runs, they are tried here, under its
lock, so that none starts meanwhile.
"""

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from jumplab.exit_status import Interrupted
from jumplab.session.host import DriverTree
from jumplab_exporter.check_requests import Findings
from jumplab_exporter.checking import Checkup
from jumplab_exporter.config import LocalConfig, load_either
from jumplab_exporter.config_warnings import warnings_of
from jumplab_exporter.containment import loop
from jumplab_exporter.containment.signals import ending_signals
from jumplab_exporter.control.asking import ask
from jumplab_exporter.devices import missing_devices, shared_devices, wrong_devices
from jumplab_exporter.driver_factory import build_drivers
from jumplab_exporter.driver_names import name_problems
from jumplab_exporter.errors import AlreadyRunning, RequestRefused
from jumplab_exporter.isolation.units import isolation_notes, units_of
from jumplab_exporter.lock import only_process
from jumplab_exporter.own_folder import own_folder
from jumplab_exporter.safe_states import SafeStates
from jumplab_exporter.session_factory import SessionFactory

_HEADINGS = ("driver", "works", "how long", "why not")


class FileCheck:
    """A configuration file, looked at alone: no device is touched. Raises ConfigurationError."""

    def __init__(self, path: Path) -> None:
        self.configuration: LocalConfig = load_either(path)
        drivers = build_drivers(self.configuration.export)
        self._notes: Mapping[str, str] = isolation_notes(units_of(self.configuration.export, drivers))
        self.tree = DriverTree(drivers, scope=self.configuration.metadata.name)

    def lines(self) -> Iterator[str]:
        """The drivers, one a line, indented as a tree."""
        for node in self.tree.nodes.values():
            if node.path:
                kind = f"can't be used: {node.failure}" if node.failure else type(node.driver).__name__
                yield f"{'  ' * node.path.count('.')}{node.name}: {kind}{self._notes.get(node.path, '')}"

    def warnings(self) -> Iterator[str]:
        """What is probably not meant, a sentence for each."""
        yield from warnings_of(self.configuration, self.tree)
        yield from (f"{path}: {sentence}" for path, sentence in self.missing().items())

    def missing(self) -> Mapping[str, str]:
        """The drivers whose device is not there, with a sentence for each. Some wait for it, and can be set up."""
        return {path: f"{device} is not there now" for path, device in missing_devices(self.tree)}

    def problems(self) -> Iterator[str]:
        """What keeps it from working as it is written, a sentence for each; beside drivers that can't be built."""
        yield from name_problems(self.tree)
        yield from (f"{path}: {problem}" for path, problem in wrong_devices(self.tree))
        yield from SafeStates(self.configuration.safe_state).problems(self.tree)
        for device, paths in shared_devices(self.tree):
            yield f"{' and '.join(paths)} use the same device, {device}; make one of them a `ref` to the other"


def try_drivers(path: Path, file: FileCheck) -> Findings:
    """How each driver does on its device. Raises RequestRefused where an exporter runs that doesn't try them now."""
    answer = ask(path, "check")
    found = _try_under_lock(path, file.configuration) if answer is None else Findings.from_answer(answer)
    return found.without(file.missing())


def _try_under_lock(path: Path, configuration: LocalConfig) -> Findings:
    """Raises RequestRefused."""
    with ExitStack() as stack:
        try:
            stack.enter_context(only_process(path))
        except AlreadyRunning as error:
            raise RequestRefused(
                f"{path}: an exporter runs with this configuration, and does not answer this user; check as the user "
                "that it runs as, with its TMPDIR, or as root"
            ) from error
        folder = stack.enter_context(own_folder())
        return _try_here(configuration, folder)


def _try_here(configuration: LocalConfig, folder: Path) -> Findings:
    """Raises Interrupted at a signal, when the drivers that were set up are torn down."""
    sessions = SessionFactory(configuration, "check", folder / "hook", lambda _path, _sentence: None)
    found: list[Findings] = []

    async def check() -> None:
        as_it_is = SafeStates(())  # a check changes nothing on a board that nobody serves
        checkup = Checkup(configuration.health_check, sessions.build_tree, as_it_is, clock=time.monotonic)
        checking = asyncio.create_task(checkup.run_for_findings(), name="the check")
        with ending_signals(lambda: _cancel(checking)):
            await asyncio.wait([checking])
        if not checking.cancelled():
            found.append(checking.result())

    loop.run(check())
    if not found:
        raise Interrupted(signal.SIGINT)
    return found[0]


def _cancel(task: "asyncio.Task[Findings]") -> None:
    task.cancel()


def table_of(findings: Findings) -> Iterator[str]:
    """The findings as lines."""
    drivers = sorted(findings.drivers, key=lambda driver: driver.path)
    rows = [_HEADINGS, *((each.path, _yes(each.failure), f"{each.seconds:.2f} s", each.failure) for each in drivers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    for row in rows:
        yield "  ".join([*_padded(row, widths), row[-1]]).rstrip()


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    return (cell.ljust(width) for cell, width in zip(row, widths, strict=False))


def _yes(failure: str) -> str:
    return "no" if failure else "yes"
