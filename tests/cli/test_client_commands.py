"""Commands that a driver's client class adds to `j`, and where they are listed."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar, TextIO

import click
import pytest

from jumplab.driver import AsyncDriverClient, Driver, DriverClient, DriverInterface
from jumplab.drivers.console import AsyncConsoleClient, ConsoleInterface
from tests.cli.user import Outcome, User
from tests.client.authority import Authority
from tests.client.bench import EchoConsole, Switch, bench_of
from tests.client.lab_double import LabDouble, config_for

ROOT = Path(__file__).parents[2]


class _Dimmed(DriverInterface):
    async def dim(self, percent: int) -> int:
        """Dims it."""
        return percent


class LampInterface(_Dimmed):
    client: ClassVar[str] = f"{__name__}.AsyncLampClient"

    async def shine(self) -> str:
        """Shines."""
        return "shining"


class Lamp(LampInterface, Driver):
    """A lamp."""


class AsyncLampClient(AsyncDriverClient):
    """Its commands are coroutine functions."""

    def cli(self) -> click.Group:
        group = click.Group()

        @group.command()
        async def blink() -> None:
            """Blink once."""
            click.echo(f"{await self.call('shine')} and dark")

        @group.command()
        @click.argument("file", type=click.File())
        async def play(file: TextIO) -> None:
            """Play what is in FILE."""
            click.echo(f"{await self.call('shine')}: {file.read()}")

        return group


class TorchInterface(LampInterface):
    client: ClassVar[str] = f"{__name__}.TorchClient"


class Torch(TorchInterface, Driver):
    """A lamp whose client is for plain code."""


class TorchClient(DriverClient):
    """Its commands are plain functions."""

    def cli(self) -> click.Group:
        group = click.Group()

        @group.command()
        @click.option("--times", default=1)
        @click.pass_context
        def blink(context: click.Context, times: int) -> None:
            """Blink."""
            for _ in range(times):
                click.echo(f"{context.command.name}: {self.shine()}")

        @group.group()
        def mode() -> None:
            """Modes."""

        @mode.command()
        def dimmed() -> None:
            """Dim it."""
            click.echo(f"dimmed to {self.call('dim', 20)} %")

        return group


class TalkingInterface(ConsoleInterface):
    client: ClassVar[str] = f"{__name__}.AsyncTalkingClient"


class Talking(TalkingInterface, EchoConsole):
    """A console whose client adds to a console's."""


class AsyncTalkingClient(AsyncConsoleClient):
    """Adds a command, and replaces one."""

    def cli(self) -> click.Group:
        group = click.Group()
        group.add_command(click.Command("greet", help="Greet.", callback=lambda: click.echo("hello")))
        group.add_command(click.Command("mark", help="Another mark.", callback=lambda: click.echo("my mark")))
        return group


class WrongInterface(LampInterface):
    client: ClassVar[str] = f"{__name__}.AsyncWrongClient"


class Wrong(WrongInterface, Driver):
    """Its client's `cli` gives nothing."""


class AsyncWrongClient(AsyncDriverClient):
    """Returns no group."""

    def cli(self) -> None: ...


class BrokenInterface(LampInterface):
    client: ClassVar[str] = f"{__name__}.BrokenClient"


class Broken(BrokenInterface, Driver):
    """Its client's commands fail."""


class BrokenClient(DriverClient):
    """Its commands raise."""

    def cli(self) -> click.Group:
        group = click.Group()

        @group.command()
        def burn() -> None:
            raise KeyError("no such lamp")

        @group.command()
        def refuse() -> None:
            raise click.ClickException("not today")

        @group.command()
        def ask() -> None:
            self.missing()

        return group


class UnmadeInterface(LampInterface):
    client: ClassVar[str] = f"{__name__}.UnmadeClient"


class Unmade(UnmadeInterface, Driver):
    """Its client can't be made."""


class UnmadeClient(DriverClient):
    """Takes nothing."""

    def __init__(self) -> None: ...

    def cli(self) -> click.Group:
        return click.Group()


class UnlistedInterface(LampInterface):
    client: ClassVar[str] = f"{__name__}.AsyncUnlistedClient"


class Unlisted(UnlistedInterface, Driver):
    """Its client's commands can't be had."""


class AsyncUnlistedClient(AsyncDriverClient):
    """Raises where it is asked for its commands."""

    def cli(self) -> click.Group:
        raise RuntimeError("no file of commands")


class Colour(enum.Enum):
    """Of a lamp."""

    RED = "red"
    BLUE = "blue"


class PaintedInterface(DriverInterface):
    async def paint(self, colour: Colour, *, border: Colour | None = None) -> Colour:
        """Paints it."""
        return border or colour


class Painted(PaintedInterface, Driver):
    """Its method takes an enum."""


@pytest.fixture
async def user(lab: LabDouble, authority: Authority, stranger: User) -> AsyncIterator[User]:
    board = {
        "lamp": Lamp(), "torch": Torch(), "talking": Talking(), "wrong": Wrong(), "power": Switch(),
        "broken": Broken(), "unmade": Unmade(), "unlisted": Unlisted(), "painted": Painted(),
    }  # fmt: skip
    async with bench_of(lab, authority, board) as bench:
        stranger.configure(config_for(bench.port, authority))
        stranger.more |= {"JMP_DRIVERS_ALLOW": "UNSAFE", "PYTHONPATH": str(ROOT)}
        yield stranger


async def script(user: User, text: str, **more: str) -> Outcome:
    return await user.run("jumplab", "shell", "-l", "board=x", "--", "sh", "-c", text, **more)


async def test_commands_of_both_kinds_of_client_work(user: User) -> None:
    ran = await script(user, "j lamp blink && j torch blink --times 2 && j torch mode dimmed && j lamp shine")
    assert (ran.status, ran.out) == (
        0, "shining and dark\nblink: shining\nblink: shining\ndimmed to 20 %\nshining\n"
    ), ran.err  # fmt: skip


async def test_a_consoles_client_adds_to_a_consoles_commands(user: User) -> None:
    ran = await script(user, "j talking greet && j talking mark && j talking state")
    assert ran.status == 0, ran.err
    assert ran.out.startswith("hello\nmy mark\n{")


async def test_they_are_listed_with_the_others(user: User) -> None:
    shown = await script(user, "j && j --help && j lamp --help && j torch --help && j talking --help")
    assert shown.status == 0, shown.err
    tree, root_help, *helps = shown.out.split("Usage: ")
    lines = {line.split()[0]: line.split()[1:] for line in tree.splitlines() if line}
    assert lines["lamp"] == ["blink", "play", "dim", "shine"]
    assert lines["torch"] == ["blink", "mode", "dim", "shine"]
    assert {"greet", "mark", "attach", "run", "send-break"} <= set(lines["talking"])
    assert lines["power"] == ["on", "off", "is-on", "cycle", "measure", "read"]
    assert " ".join(root_help.split()).count("blink") == 2
    for help_text, command in zip(helps, ("Blink once.", "Modes.", "Greet."), strict=True):
        assert command in help_text


async def test_a_drivers_name_alone_lists_them(user: User) -> None:
    for name in ("lamp", "torch"):
        alone = await script(user, f"j {name}")
        assert {"blink", "dim", "shine"} <= set((alone.out + alone.err).split()), alone


async def test_a_client_that_is_not_to_be_had_hides_no_methods(user: User) -> None:
    shown = await script(user, "j && j --help", JMP_DRIVERS_ALLOW="")
    assert shown.status == 0, shown.err
    assert "lamp  dim shine (its client's commands are missing: " in shown.out
    assert "power  on off is-on cycle" in shown.out
    wrong = await script(user, "j wrong shine")
    assert wrong.status == 1
    assert "AsyncWrongClient.cli must return a click.Group, not None" in wrong.last_line
    assert "Traceback" not in wrong.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "broken burn",
            "the command burn of tests.cli.test_client_commands.BrokenClient.cli raised KeyError: 'no such",
        ),
        ("broken refuse", "j: not today"),
        ("broken ask", 'driver "broken" has no "missing"; it offers: '),
        ("unmade shine", "UnmadeClient raised TypeError: "),
        (
            "unlisted shine",
            "AsyncUnlistedClient.cli raised RuntimeError: no file of commands (test_client_commands.py, ",
        ),
    ],
)
async def test_what_a_clients_code_raises_names_it(user: User, words: str, sentence: str) -> None:
    ran = await script(user, f"j {words}")
    assert ran.status == 1
    assert sentence in ran.last_line
    assert "Traceback" not in ran.err


async def test_enums_are_words(user: User) -> None:
    painted = await script(user, "j painted paint red && j painted paint red --border blue")
    assert (painted.status, painted.out) == (0, "red\nblue\n"), painted.err
    refused = await script(user, "j painted paint green")
    assert refused.status == 2
    assert "'green' is not one of 'red', 'blue'" in refused.err


async def test_files_stay_open_for_a_coroutine(user: User, tmp_path: Path) -> None:
    (tmp_path / "song").write_text("la la")
    played = await script(user, f"j lamp play {tmp_path / 'song'}")
    assert (played.status, played.out) == (0, "shining: la la\n"), played.err
