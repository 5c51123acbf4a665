"""What a board's consoles say during one test."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from jumplab.driver import AsyncDriverClient
from jumplab.driver.client import Cursor
from jumplab.driver.errors import DriverError, SessionEnded, SessionLost
from jumplab.driver.interface import name_of
from jumplab.drivers.console import AsyncConsoleClient
from jumplab.drivers.console.transcript import end_of, is_console, text_since
from jumplab.drivers.power import PowerInterface
from jumplab.testing.held_boards import HeldBoard, HeldDriver

SHOWN_BYTES = 64 << 10
_LONGEST_NAME = 180


@dataclass(frozen=True, slots=True)
class _Console:
    """A console, and where it was when the test began."""

    path: str
    client: AsyncDriverClient
    begin: Cursor


class ConsoleRecord:
    """What the consoles of a held board have said since a test's begin. Made by `begun`."""

    def __init__(self, held: HeldBoard, consoles: Sequence[_Console]) -> None:
        self._held = held
        self._consoles = consoles
        self._final: dict[str, str] | None = None

    @classmethod
    def begun(cls, held: HeldBoard) -> "ConsoleRecord":
        """Begins, and forgets what an earlier test has left unread. For the first test of a lease it begins where the
        lease's session begins to read. Raises SessionEnded, SessionLost."""
        anew, held.began = held.began, True
        return cls(held, held.portal.run(_begin(held.drivers(), anew=anew)))

    def texts(self) -> dict[str, str]:
        """The text of each console that said something, by its path; of a long one the last part."""
        return self._final if self._final is not None else self._read(SHOWN_BYTES)

    def finish(self) -> None:
        """Ends the record; `texts` says the same from here on, when the board is given back too."""
        self._final = self.texts()

    def write(self, folder: Path, node_id: str) -> None:
        """Writes all of it into the test's file. Raises OSError."""
        texts = self._read(None)
        parts = texts.values() if len(texts) < 2 else [f"--- {path}\n{text}\n" for path, text in texts.items()]
        (folder / log_name(node_id)).write_text("".join(parts), encoding="utf-8", errors="replace")

    def _read(self, limit_bytes: int | None) -> dict[str, str]:
        texts = {
            each.path: self._held.portal.run(text_since(each.client, each.begin, limit_bytes))
            for each in self._consoles
        }
        return {path: text for path, text in texts.items() if text}


def switch_off(held: HeldBoard) -> None:
    """Switches every supply of the board off. Raises DriverError, with what every one that stays on says."""
    held.progress.state = None
    failures = []
    for driver in held.drivers():
        client = driver.clients[0]
        if _offers(client, PowerInterface) and not client.is_alias:
            try:
                held.portal.run(client.call("off"))
            except DriverError as error:
                failures.append(f'supply "{driver.path}" was not switched off: {error}')
    if failures:
        raise DriverError("; ".join(failures))


def log_name(node_id: str) -> str:
    """The name of a test's file: its id, with what no file's name should have replaced."""
    path, _, test = node_id.partition("::")
    plain = f"{path.replace('/', '.')}.{test.replace('::', '.')}"
    name = re.sub(r"[^\w.\[\]=,-]+", "-", plain)[:_LONGEST_NAME]
    return f"{name}.log" if name == plain else f"{name}-{crc32(node_id.encode()):08x}.log"


async def _begin(drivers: Sequence[HeldDriver], *, anew: bool) -> list[_Console]:
    begun = []
    for driver in drivers:
        if not is_console(driver.clients[0]):
            continue
        try:
            begin = await _begin_console(driver.clients, anew=anew)
        except (SessionEnded, SessionLost):
            raise
        except DriverError:  # one that did not start; a test that uses it is told
            continue
        if not driver.clients[0].is_alias:
            begun.append(_Console(driver.path, driver.clients[0], begin))
    return begun


async def _begin_console(clients: Sequence[AsyncDriverClient], *, anew: bool) -> Cursor:
    first = clients[0]
    end = await end_of(first)
    if not anew:
        return first.begins_at or end
    for client in clients:
        if isinstance(client, AsyncConsoleClient):
            await client.flush()
    return end


def _offers(client: AsyncDriverClient, interface: type) -> bool:
    return name_of(interface) in [name for name, _ in client._node.interfaces]
