"""Strategies at a virtual board: time limits, probes, failures, interruptions; in plain code and with asyncio."""

from __future__ import annotations

import asyncio
import re
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

import jumplab
from jumplab import ANY_STATE, probe, way
from jumplab.driver import AsyncGenericClient, Driver, GenericClient
from jumplab.drivers.power import PowerInterface
from jumplab.strategies import uboot_linux_aio, uboot_linux_plain
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.board.virtual import VirtualBoard

States = Literal["off", "bootloader", "shell"]
ENDLESS = 3600.0
"""Only a hang would wait so long."""


class Fused(PowerInterface, Driver):
    """A supply whose relay has melted."""

    async def on(self) -> None:
        raise OSError("the relay does not answer")

    async def off(self) -> None:
        raise OSError("the relay does not answer")

    async def is_on(self) -> bool:
        return True


class Firmware(jumplab.UBootLinux[GenericClient, States]):
    """The virtual board has firmware alone; its shell is the firmware's."""

    bootloader_timeout = 240
    boot_command = "echo Welcome"
    login_prompt = "Welcome"
    shell_prompt = "=> "

    def log_in(self) -> None:
        self.console.expect(self.shell_prompt, self.login_timeout)

    @probe("shell", timeout=240)
    def is_in_shell(self) -> bool:
        return self.console.run("echo ready", self.shell_prompt, 240) == "ready"


class AsyncFirmware(jumplab.AsyncUBootLinux[AsyncGenericClient, States]):
    bootloader_timeout = 240
    boot_command = "echo Welcome"
    login_prompt = "Welcome"
    shell_prompt = "=> "

    async def log_in(self) -> None:
        await self.console.expect(self.shell_prompt, self.login_timeout)

    @probe("shell", timeout=240)
    async def is_in_shell(self) -> bool:
        return await self.console.run("echo ready", self.shell_prompt, 240) == "ready"


@pytest.fixture
def board() -> Iterator[GenericClient]:
    with serve(board=VirtualBoard(), fused=Fused()) as root:
        yield root.board


@pytest.fixture
async def async_board() -> AsyncIterator[AsyncGenericClient]:
    async with serve_async(board=VirtualBoard(), fused=Fused()) as root:
        yield root.board


def names(strategy: Any) -> list[str]:
    return [step.name for step in strategy.record]


BOOT = ["switch_off", "stop_in_bootloader", "boot_linux"]


def test_a_board_in_its_state_stays_there(board: GenericClient) -> None:
    strategy = Firmware(board)
    strategy.transition("shell")
    strategy.transition("shell")
    assert names(strategy) == [*BOOT, "is_in_shell"]
    assert all(step.seconds >= 0 and step.began.tzinfo for step in strategy.record)


async def test_a_board_in_its_state_stays_there_with_asyncio(async_board: AsyncGenericClient) -> None:
    strategy = AsyncFirmware(async_board)
    await strategy.transition("shell")
    await strategy.transition("shell")
    assert names(strategy) == [*BOOT, "is_in_shell"]


def test_a_shell_may_come_without_a_login(board: GenericClient) -> None:
    class Open(Firmware):
        user = ""

        def log_in(self) -> None:
            raise AssertionError("nobody has to log in")

    strategy = Open(board)
    strategy.transition("shell")
    assert names(strategy) == BOOT


def test_a_board_that_has_left_its_state_is_brought_back(board: GenericClient) -> None:
    strategy = Firmware(board)
    strategy.transition("bootloader")
    board.power.off()
    strategy.transition("bootloader")
    assert names(strategy) == [*BOOT[:2], "is_in_bootloader", *BOOT[:2]]
    assert strategy.record[2].failure == "it is in another one"
    strategy.transition("off")
    board.power.on()
    strategy.transition("off")
    assert not board.power.is_on()


async def test_a_board_that_has_left_its_state_is_brought_back_with_asyncio(async_board: AsyncGenericClient) -> None:
    strategy = AsyncFirmware(async_board)
    await strategy.transition("bootloader")
    await async_board.power.off()
    await strategy.transition("bootloader")
    assert names(strategy) == [*BOOT[:2], "is_in_bootloader", *BOOT[:2]]


def test_a_probe_may_assert(board: GenericClient) -> None:
    class Asserting(Firmware):
        @probe("bootloader")
        def is_in_bootloader(self) -> bool:
            assert not self.power.is_on(), "it is on"
            return True

    strategy = Asserting(board)
    strategy.transition("bootloader")
    strategy.transition("bootloader")
    assert names(strategy) == [*BOOT[:2], "is_in_bootloader", *BOOT[:2]]
    assert strategy.record[2].failure.startswith("AssertionError: it is on")


def test_a_mistake_in_a_probe_is_told(board: GenericClient) -> None:
    class Mistaken(Firmware):
        @probe("bootloader")
        def is_in_bootloader(self) -> bool:
            raise ZeroDivisionError("division by zero")

    strategy = Mistaken(board)
    strategy.transition("bootloader")
    with pytest.raises(jumplab.TransitionFailed) as failed:
        strategy.transition("off")
    assert re.match(
        r'is_in_bootloader \(test_strategies\.py:\d+\) failed after [\d.]+ s when it looked for "bootloader": '
        r"ZeroDivisionError: division by zero\n",
        str(failed.value),
    ), str(failed.value)
    strategy.transition("off")


async def test_a_mistake_in_a_probe_is_told_with_asyncio(async_board: AsyncGenericClient) -> None:
    class Mistaken(AsyncFirmware):
        @probe("bootloader")
        async def is_in_bootloader(self) -> bool:
            raise ZeroDivisionError("division by zero")

    strategy = Mistaken(async_board)
    await strategy.transition("bootloader")
    with pytest.raises(jumplab.TransitionFailed, match="when it looked for"):
        await strategy.transition("off")
    await strategy.transition("off")


def test_an_init_that_leaves_ours_out_is_told(board: GenericClient) -> None:
    class Forgetful(Firmware):
        def __init__(self, board: GenericClient) -> None:
            self.ours = board

    with pytest.raises(jumplab.StrategyInvalid, match=r"call super\(\).__init__\(board\) there"):
        Forgetful(board).transition("off")


async def test_a_board_of_the_other_kind_is_refused() -> None:
    with serve(board=VirtualBoard()) as root:
        wrong: Any = root
        with pytest.raises(jumplab.StrategyInvalid, match="is a strategy for asyncio, and its board is for plain code"):
            AsyncFirmware(wrong)
    async with serve_async(board=VirtualBoard()) as async_root:
        wrong = async_root
        with pytest.raises(jumplab.StrategyInvalid, match="derive the strategy from jumplab.AsyncStrategy, or enter"):
            Firmware(wrong)


class Failing(Firmware):
    @way("bootloader", "shell")
    def boot_linux(self) -> None:
        self.console.send("echo nothing of it\n")
        self.console.expect("nothing of it\r\n", 240)
        raise ValueError("the image is of another board")


class AsyncFailing(AsyncFirmware):
    @way("bootloader", "shell")
    async def boot_linux(self) -> None:
        await self.console.send("echo nothing of it\n")
        await self.console.expect("nothing of it\r\n", 240)
        raise ValueError("the image is of another board")


def check_failure(error: jumplab.TransitionFailed) -> None:
    text = str(error)
    assert re.match(
        r"boot_linux \(test_strategies\.py:\d+\) failed after [\d.]+ s on the way from \"bootloader\" to \"shell\": "
        r"ValueError: the image is of another board\ndone before: switch_off from unknown to \"off\" \([\d.]+ s\); "
        r"stop_in_bootloader from \"off\" to \"bootloader\" \([\d.]+ s\)\n",
        text,
    ), text
    assert "    nothing of it" in text.partition("the last lines of the console:\n")[2]
    assert isinstance(error.__cause__, ValueError)
    assert [step.name for step in error.done] == BOOT[:2]
    assert (error.step.name, error.step.origin, error.step.target) == ("boot_linux", "bootloader", "shell")


def test_a_way_that_raises_is_told_with_all_that_was_done(board: GenericClient) -> None:
    strategy = Failing(board)
    with pytest.raises(jumplab.TransitionFailed) as failed:
        strategy.transition("shell")
    check_failure(failed.value)
    assert strategy.state is None
    strategy.transition("bootloader")
    assert names(strategy) == [*BOOT, *BOOT[:2]]


async def test_a_way_that_raises_is_told_with_asyncio(async_board: AsyncGenericClient) -> None:
    strategy = AsyncFailing(async_board)
    with pytest.raises(jumplab.TransitionFailed) as failed:
        await strategy.transition("shell")
    check_failure(failed.value)
    assert strategy.state is None
    await strategy.transition("bootloader")


class Slow(Firmware):
    cleaned_up = False

    @way("bootloader", "shell", timeout=0.2)
    def boot_linux(self) -> None:
        try:
            self.console.expect("never", ENDLESS)
        finally:
            self.cleaned_up = self.power.is_on()


class AsyncSlow(AsyncFirmware):
    cleaned_up = False

    @way("bootloader", "shell", timeout=0.2)
    async def boot_linux(self) -> None:
        try:
            await self.console.expect("never", ENDLESS)
        finally:
            self.cleaned_up = await self.power.is_on()


def test_a_way_s_time_limit_covers_what_it_waits_for(board: GenericClient) -> None:
    strategy = Slow(board)
    with pytest.raises(jumplab.TransitionFailed, match=r"it did not end within its time limit of 0\.2 s") as failed:
        strategy.transition("shell")
    assert isinstance(failed.value.__cause__, TimeoutError)
    assert re.match(r"boot_linux \(test_strategies\.py:\d+\) failed", str(failed.value))
    assert strategy.cleaned_up
    assert strategy.state is None


async def test_a_way_s_time_limit_covers_it_with_asyncio(async_board: AsyncGenericClient) -> None:
    strategy = AsyncSlow(async_board)
    with pytest.raises(jumplab.TransitionFailed, match=r"it did not end within its time limit of 0\.2 s"):
        await strategy.transition("shell")
    assert strategy.cleaned_up
    assert strategy.state is None


class Swallowing(Firmware):
    @way("bootloader", "shell", timeout=0.2)
    def boot_linux(self) -> None:
        while True:
            try:
                self.console.expect("never", ENDLESS)
            except Exception:  # noqa: BLE001 - what is tried
                continue


def test_a_way_that_tries_again_and_again_ends_at_its_time_limit(board: GenericClient) -> None:
    with pytest.raises(jumplab.TransitionFailed, match="within its time limit"):
        Swallowing(board).transition("shell")


class Connecting(Firmware):
    @way("bootloader", "shell", timeout=0.2)
    def boot_linux(self) -> None:
        with self.console.connect() as stream:
            while True:
                stream.receive()


def test_a_time_limit_ends_streams_too(board: GenericClient) -> None:
    with pytest.raises(jumplab.TransitionFailed, match="within its time limit"):
        Connecting(board).transition("shell")


class Patient(Firmware):
    @way("bootloader", "shell")
    def boot_linux(self) -> None:
        self.console.expect("never", ENDLESS)


class AsyncPatient(AsyncFirmware):
    @way("bootloader", "shell")
    async def boot_linux(self) -> None:
        await self.console.expect("never", ENDLESS)


def test_a_transition_s_time_limit_covers_all_ways(board: GenericClient) -> None:
    strategy = Patient(board)
    strategy.transition("bootloader")
    with pytest.raises(jumplab.TransitionFailed, match=r"the transition did not end within its time limit of 0\.2 s"):
        strategy.transition("shell", timeout="200ms")
    with pytest.raises(jumplab.BadArguments, match="timeout: "):
        strategy.transition("shell", timeout="soon")


async def test_a_transition_s_time_limit_covers_all_ways_with_asyncio(async_board: AsyncGenericClient) -> None:
    strategy = AsyncPatient(async_board)
    await strategy.transition("bootloader")
    with pytest.raises(jumplab.TransitionFailed, match=r"the transition did not end within its time limit of 0\.2 s"):
        await strategy.transition("shell", timeout="200ms")


async def test_cancelling_leaves_the_state_unknown(async_board: AsyncGenericClient) -> None:
    strategy = AsyncPatient(async_board)
    await strategy.transition("bootloader")
    task = asyncio.create_task(strategy.transition("shell"))
    while strategy.state is not None:  # noqa: ASYNC110 - the way has begun when it is
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert strategy.state is None
    assert strategy.record[-1].failure == "it was interrupted"
    await strategy.transition("bootloader")


async def test_one_transition_at_a_time(async_board: AsyncGenericClient) -> None:
    strategy = AsyncPatient(async_board)
    task = asyncio.create_task(strategy.transition("shell"))
    await asyncio.sleep(0)
    with pytest.raises(jumplab.StrategyInvalid, match="while a transition is under way"):
        await strategy.transition("off")
    task.cancel()
    await asyncio.wait([task])


class Interrupting(Patient):
    @way("bootloader", "shell")
    def boot_linux(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        self.console.expect("never", ENDLESS)


def test_ctrl_c_leaves_the_state_unknown(board: GenericClient) -> None:
    strategy = Interrupting(board)
    with pytest.raises(KeyboardInterrupt):
        strategy.transition("shell")
    assert strategy.state is None
    assert strategy.record[-1].failure == "it was interrupted"
    strategy.transition("bootloader")


class Panicking(Patient):
    panics = ("going down", "for (?i:ever)")

    @way("bootloader", "shell")
    def boot_linux(self) -> None:
        self.console.send("echo going down for good\n")
        self.console.expect("never", ENDLESS)


class AsyncPanicking(AsyncPatient):
    panics = ("going down",)

    @way("bootloader", "shell")
    async def boot_linux(self) -> None:
        await self.console.send("echo going down for good\n")
        await self.console.expect("never", ENDLESS)


SAID = r'board.console said "(?:=> )?(?:echo )?going down for good", after which the board can\'t go on'


def test_what_a_board_says_at_its_end_ends_the_way_at_once(board: GenericClient) -> None:
    with pytest.raises(jumplab.TransitionFailed, match=SAID) as failed:
        Panicking(board).transition("shell")
    assert isinstance(failed.value.__cause__, jumplab.BoardPanicked)


async def test_what_a_board_says_at_its_end_ends_the_way_with_asyncio(async_board: AsyncGenericClient) -> None:
    with pytest.raises(jumplab.TransitionFailed, match=SAID) as failed:
        await AsyncPanicking(async_board).transition("shell")
    assert isinstance(failed.value.__cause__, jumplab.BoardPanicked)


class Silent(Firmware):
    bootloader_timeout = "200ms"

    @property
    def power(self) -> Any:
        return Idle()


class Idle:
    """It does not switch the board."""

    def on(self) -> None: ...
    def off(self) -> None: ...


def test_a_silent_console_is_told(board: GenericClient) -> None:
    with pytest.raises(jumplab.TransitionFailed, match='"stop autoboot" or "=> " did not come from') as failed:
        Silent(board).transition("shell")
    assert "it said: ''" in str(failed.value)
    assert "the console has said nothing since the way began" in str(failed.value)


def test_a_supply_that_can_t_be_switched_is_told() -> None:
    class Melted(Firmware):
        @property
        def power(self) -> Any:
            return self.board.fused

        @property
        def console(self) -> Any:
            return self.board.board.console

    with serve(board=VirtualBoard(), fused=Fused()) as root:
        strategy = Melted(root)
        with pytest.raises(jumplab.TransitionFailed, match="the relay does not answer") as failed:
            strategy.transition("shell")
    assert str(failed.value).startswith("switch_off failed after ")
    assert "done before: nothing" in str(failed.value)


def test_a_board_needs_no_console() -> None:
    class Lamp(jumplab.Strategy[Any, Literal["off", "on"]]):
        panics = ("never",)

        @way(ANY_STATE, "off")
        def switch_off(self) -> None:
            self.board.off()

        @way("off", "on", timeout=30)
        def switch_on(self) -> None:
            self.board.on()

    with serve(fused=Fused()) as root, pytest.raises(jumplab.TransitionFailed, match="the relay does not answer"):
        Lamp(root.fused).transition("on")
    lamp = Lamp(Idle())
    lamp.transition("on")
    assert lamp.state == "on"


def test_the_end_of_the_session_is_no_answer_of_a_probe() -> None:
    with serve(board=VirtualBoard()) as root:
        strategy = Firmware(root.board)
        strategy.transition("bootloader")
    with pytest.raises(jumplab.SessionEnded):
        strategy.transition("shell")


def test_both_ready_strategies_are_the_same() -> None:
    def body(module: Any) -> str:
        text = Path(module.__file__).read_text().partition("\nclass ")[2].partition("UBootLinux(")[2]
        text = text.partition("    @property\n")[2]
        return re.sub(r"[\s()]", "", re.sub(r"\b(?:async|await) |Async", "", text))

    assert body(uboot_linux_aio) == body(uboot_linux_plain)
