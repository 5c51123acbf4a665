"""Runs of pytest whose tests want a board in a state."""

from __future__ import annotations

import pytest

from tests.cli.user import Outcome
from tests.testing.conftest import Project

LEASED = "--jumplab-lease=board=x"
SETTING = "jumplab_strategy = strategies:Firmware"

STRATEGIES = """
from typing import Any, Literal

import jumplab

States = Literal["off", "bootloader", "shell"]


class Firmware(jumplab.UBootLinux[Any, States]):
    bootloader_timeout = 240
    boot_command = "echo Welcome"
    login_prompt = "Welcome"
    shell_prompt = "=> "

    @property
    def power(self):
        return self.board.board.power

    @property
    def console(self):
        return self.board.board.console

    def log_in(self):
        self.console.expect(self.shell_prompt, 240)

    @jumplab.probe("shell", timeout=240)
    def is_in_shell(self):
        return self.power.is_on() and self.console.run("echo ready", self.shell_prompt, 240) == "ready"


class Failing(Firmware):
    def boot_linux(self):
        self.console.run("echo nearly there", self.shell_prompt, 240)
        raise ValueError("the image is of another board")


class AsyncFirmware(jumplab.AsyncUBootLinux[Any, States]):
    bootloader_timeout = 240
    boot_command = "echo Welcome"
    login_prompt = "Welcome"
    shell_prompt = "=> "

    @property
    def power(self):
        return self.board.board.power

    @property
    def console(self):
        return self.board.board.console

    async def log_in(self):
        await self.console.expect(self.shell_prompt, 240)

    @jumplab.probe("shell", timeout=240)
    async def is_in_shell(self):
        return await self.power.is_on() and await self.console.run("echo ready", self.shell_prompt, 240) == "ready"
"""

THREE = """
import pytest

@pytest.mark.board_state("shell")
def test_one(board):
    assert board.board.power.is_on()

@pytest.mark.board_state("shell")
def test_two(strategy):
    assert strategy.state == "shell"
    assert [step.name for step in strategy.record if not step.is_probe] == [
        "switch_off", "stop_in_bootloader", "boot_linux"
    ]
    strategy.transition("off")

@pytest.mark.board_state("bootloader")
def test_three(strategy, board):
    assert strategy.state == "bootloader"
    assert board.board.console.run("echo one", "=> ", 240) == "one"
"""


@pytest.fixture
def firmware(project: Project) -> Project:
    project.write("strategies.py", STRATEGIES)
    project.set_up(SETTING)
    return project


async def test_a_marker_brings_the_board_into_its_state_and_leaves_it_there(firmware: Project) -> None:
    ran = await firmware.pytest(THREE, LEASED)
    assert "3 passed" in ran.out, ran
    assert firmware.bench.lab.calls["CreateLease"] == 1


async def test_a_marker_of_a_class_a_module_or_a_parameter_counts(firmware: Project) -> None:
    text = """
        import unittest
        import pytest

        def is_at_its_prompt(request):
            return request.getfixturevalue("strategy").state

        @pytest.mark.board_state("bootloader")
        class TestInBootloader:
            def test_it(self, request):
                assert is_at_its_prompt(request) == "bootloader"

            @pytest.mark.board_state("shell")
            def test_nearer(self, request):
                assert is_at_its_prompt(request) == "shell"

        class TestElsewhere:
            @pytest.mark.parametrize("word", [
                pytest.param("off", marks=pytest.mark.board_state("off")),
                pytest.param("shell", marks=pytest.mark.board_state("shell")),
                None,
            ])
            def test_parameter(self, request, word):
                assert word is None or is_at_its_prompt(request) == word

        @pytest.mark.board_state("off")
        class TestOld(unittest.TestCase):
            def test_it(self): pass
    """
    ran = await firmware.pytest(text, LEASED)
    assert "6 passed" in ran.out, ran
    marked = 'import pytest\npytestmark = pytest.mark.board_state("bootloader")\n\ndef test_it():\n    pass\n'
    logs = firmware.folder / "logs"
    ran = await firmware.pytest(marked, LEASED, f"--jumplab-console-log={logs}")
    assert "1 passed" in ran.out, ran
    assert "stop autoboot" in (logs / "test_it.py.test_it.log").read_text()


async def test_the_state_comes_behind_fixtures_of_the_module_and_before_those_of_the_test(firmware: Project) -> None:
    text = """
        import pytest

        @pytest.fixture(scope="module")
        def flashed(board):
            board.board.power.off()

        @pytest.fixture(autouse=True)
        def prepared(board):
            assert board.board.console.run("echo one", "=> ", 240) == "one"

        @pytest.mark.board_state("bootloader")
        def test_it(flashed, board):
            assert board.board.power.is_on()
    """
    ran = await firmware.pytest(text, LEASED)
    assert "1 passed" in ran.out, ran


async def test_a_marker_s_own_board_is_leased(firmware: Project) -> None:
    text = """
        import pytest

        @pytest.mark.board("board=x")
        @pytest.mark.board_state("off")
        def test_one(): pass

        @pytest.mark.board("board=x")
        @pytest.mark.board_state("off")
        def test_two(strategy): assert strategy.state == "off"
    """
    ran = await firmware.pytest(text)
    assert "2 passed" in ran.out, ran
    assert firmware.bench.lab.calls["CreateLease"] == 1
    ran = await firmware.pytest(text.replace("board=x", "board=y"), LEASED, "-rs")
    assert "2 skipped" in ran.out, ran
    ran = await firmware.pytest(text.replace('@pytest.mark.board("board=x")', ""), "-rs")
    assert "2 skipped" in ran.out, ran
    assert "no board: name one with --jumplab-lease" in ran.out


async def test_a_transition_that_fails_is_told_once_for_each_test(firmware: Project) -> None:
    text = """
        import pytest

        @pytest.mark.board_state("shell")
        def test_one(board): assert False

        @pytest.mark.board_state("bootloader")
        def test_two(board): pass
    """
    ran = await firmware.pytest(text, LEASED, "--jumplab-strategy=strategies:Failing")
    assert "1 passed, 1 error" in ran.out, ran
    assert ran.out.count("ValueError: the image is of another board") == 1
    assert "boot_linux (strategies.py:" in ran.out
    assert "done before: switch_off from unknown" in ran.out
    assert "    nearly there" in ran.out
    assert "- console -" in ran.out
    for inside in ("Traceback", "plain.py", "core.py", "held_strategies.py", "plugin.py", "direct cause"):
        assert inside not in ran.out, inside


async def test_a_test_s_own_transition_that_fails_shows_the_test_s_line_and_the_way_s(firmware: Project) -> None:
    text = 'def test_it(strategy):\n    strategy.transition("shell")\n'
    ran = await firmware.pytest(text, LEASED, "--jumplab-strategy=strategies:Failing")
    assert "1 failed" in ran.out, ran
    assert '>       strategy.transition("shell")' in ran.out or '>   strategy.transition("shell")' in ran.out
    assert 'raise ValueError("the image is of another board")' in ran.out
    for inside in ("plain.py", "core.py", "getattr(self"):
        assert inside not in ran.out, inside


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("strategies:Missing", "the strategy's class \"strategies:Missing\" can't be imported"),
        pytest.param("strategies:States", 'class "strategies:States" is no class', marks=pytest.mark.nightly),
        pytest.param("unittest:TestCase", "class TestCase is derived from neither", marks=pytest.mark.nightly),
        ("broken:Broken", "Broken.boot names the state 'shel'"),
        ("wanting:Wanting", "missing a required argument: 'image'"),
    ],
)
async def test_a_strategy_that_can_t_be_used_fails_the_run_once(firmware: Project, strategy: str, said: str) -> None:
    firmware.write(
        "broken.py",
        """
        import jumplab

        class Broken(jumplab.UBootLinux):
            @jumplab.way("off", "shel")
            def boot(self): pass
        """,
    )
    firmware.write(
        "wanting.py",
        """
        import jumplab

        class Wanting(jumplab.UBootLinux):
            def __init__(self, board, image):
                super().__init__(board)
        """,
    )
    module = (
        'import pytest\n\npytestmark = pytest.mark.board_state("off")\n\ndef test_one(): pass\ndef test_two(): pass\n'
    )
    check_fails_once(await firmware.pytest(module, LEASED, f"--jumplab-strategy={strategy}"), said)


@pytest.mark.parametrize("arguments", ["", pytest.param("'off', 'on'", marks=pytest.mark.nightly)])
async def test_a_marker_without_a_state_fails_the_run_once(firmware: Project, arguments: str) -> None:
    module = f"import pytest\n\npytestmark = pytest.mark.board_state({arguments})\n\ndef test_one(): pass\n"
    ran = await firmware.pytest(module, LEASED)
    check_fails_once(ran, 'its marker `board_state` is wrong; write board_state("shell")')


def check_fails_once(ran: Outcome, said: str) -> None:
    assert ran.status == 1, ran
    assert "1 error" in ran.out, ran
    assert said in ran.out, ran
    assert "Traceback" not in ran.out
    assert "INTERNALERROR" not in ran.out


async def test_without_a_strategy_a_marked_test_says_how_to_name_one(firmware: Project) -> None:
    firmware.set_up()
    ran = await firmware.pytest(THREE, LEASED)
    assert "1 error" in ran.out, ran
    assert "name the strategy with --jumplab-strategy MODULE:CLASS" in ran.out
    text = 'import pytest\n\n@pytest.mark.board_state("sleeping")\ndef test_one(): pass\n'
    ran = await firmware.pytest(text, LEASED, "--jumplab-strategy=strategies:Firmware")
    assert 'Firmware has no state \'sleeping\'; its states are "off", "bootloader", "shell"' in ran.out, ran


async def test_it_works_under_a_leased_shell(firmware: Project) -> None:
    firmware.write("test_it.py", THREE)
    command = ["pytest", "-c", str(firmware.ini), str(firmware.folder / "test_it.py")]
    ran = await firmware.user.run("jumplab", "shell", "-l", "board=x", "--", *command)
    assert "3 passed" in ran.out, ran
    assert firmware.bench.lab.calls["CreateLease"] == 1


async def test_it_works_without_a_controller(firmware: Project) -> None:
    head = "apiVersion: jumpstarter.dev/v1alpha1\nkind: ExporterConfig\n"
    firmware.write("bench.yaml", f"{head}export:\n  board:\n    type: board/virtual\n")
    ran = await firmware.pytest(THREE, f"--jumplab-exporter-config={firmware.folder / 'bench.yaml'}")
    assert "3 passed" in ran.out, ran


async def test_power_off_behind_each_test_is_known(firmware: Project) -> None:
    text = """
        import pytest

        @pytest.mark.board_state("bootloader")
        @pytest.mark.parametrize("number", [1, 2])
        def test_it(strategy, number):
            assert len(strategy.record) == 2 * number
    """
    ran = await firmware.pytest(text, LEASED, "--jumplab-power-off")
    assert "2 passed" in ran.out, ran


@pytest.mark.parametrize("named", [pytest.param("AsyncFirmware", marks=pytest.mark.nightly), "both"])
async def test_a_strategy_for_asyncio(firmware: Project, named: str) -> None:
    both = ["jumplab_strategy =", "  strategies:Firmware", "  strategies:AsyncFirmware"]
    firmware.set_up(*(both if named == "both" else ["jumplab_strategy = strategies:AsyncFirmware"]))
    text = """
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.board_state("shell")
        async def test_one(async_strategy, async_board):
            assert async_strategy.state == "shell"
            await async_strategy.transition("shell")
            assert async_strategy.board is async_board
            assert len([step for step in async_strategy.record if not step.is_probe]) == 3

        @pytest.mark.board_state("shell")
        def test_two(board):
            assert board.board.power.is_on()

        @pytest.mark.asyncio
        async def test_three(async_strategy):
            assert len([step for step in async_strategy.record if not step.is_probe]) == 3
            await async_strategy.transition("off")
    """
    ran = await firmware.pytest(text, LEASED)
    assert "3 passed" in ran.out, ran


async def test_a_strategy_s_board_is_typed_as_its_class_says(firmware: Project) -> None:
    firmware.write(
        "typed.py",
        """
        from typing import Literal

        import jumplab
        from jumplab.drivers.power import PowerClient


        class Bench(jumplab.Board):
            usb_power: PowerClient


        class Lamp(jumplab.Strategy[Bench, Literal["off", "on"]]):
            @jumplab.way(jumplab.ANY_STATE, "off")
            def switch_off(self) -> None:
                self.board.usb_power.off()

            @jumplab.way("off", "on")
            def switch_on(self) -> None:
                self.board.usb_power.on()
        """,
    )
    text = """
        import pytest
        from typed import Bench

        @pytest.mark.board_state("on")
        def test_it(board, strategy):
            assert type(board) is Bench
            assert strategy.board is board
            assert board.usb_power.is_on()
    """
    ran = await firmware.pytest(text, LEASED, "--jumplab-strategy=typed:Lamp")
    assert "1 passed" in ran.out, ran


async def test_what_a_test_left_unread_reaches_no_way(firmware: Project) -> None:
    firmware.write(
        "typed.py",
        """
        from typing import Literal

        import jumplab, pytest
        from jumplab.drivers.console import AsyncConsoleClient
        from jumplab.drivers.power import AsyncPowerClient


        class MyConsole(AsyncConsoleClient):
            pass


        class Virtual(jumplab.AsyncBoard):
            power: AsyncPowerClient
            console: MyConsole


        class Bench(jumplab.AsyncBoard):
            board: Virtual


        class Player(jumplab.AsyncStrategy[Bench, Literal["booting", "playing"]]):
            @jumplab.way(jumplab.ANY_STATE, "booting")
            async def boot(self) -> None:
                await self.board.board.power.cycle(off_seconds=0)
                await self.board.board.console.expect("virtual firmware", timeout=240)

            @jumplab.way("booting", "playing")
            async def play(self) -> None:
                with pytest.raises(jumplab.ConsoleTimeout):
                    await self.board.board.console.expect("stop autoboot", timeout=0.2)
        """,
    )
    text = """
        import pytest

        @pytest.mark.board_state("booting")
        def test_one(board):
            board.board.console.expect("stop autoboot", 240)

        @pytest.mark.board_state("playing")
        def test_two(board): pass
    """
    ran = await firmware.pytest(text, LEASED, "--jumplab-strategy=typed:Player")
    assert "2 passed" in ran.out, ran
