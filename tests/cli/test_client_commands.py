"""Commands that a driver's client class adds to `j`, and where they are listed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

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


@pytest.fixture
async def user(lab: LabDouble, authority: Authority, stranger: User) -> AsyncIterator[User]:
    board = {"lamp": Lamp(), "torch": Torch(), "talking": Talking(), "wrong": Wrong(), "power": Switch()}
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
    assert lines["lamp"] == ["blink", "dim", "shine"]
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
    assert "AsyncWrongClient.cli must return a click.Group, not None" in wrong.err.splitlines()[-1]
    assert "Traceback" not in wrong.err
