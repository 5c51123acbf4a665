"""Digital outputs, inputs, buttons and resets: what each use does with its line, by commands and by virtual ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import Driver, errors
from jumplab.drivers.button import ButtonClient
from jumplab.drivers.digital_input import DigitalInputClient, Edge
from jumplab.drivers.digital_output import DigitalOutputClient
from jumplab.drivers.reset import ResetClient
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.button.command import CommandButton
from jumplab_exporter.drivers.button.virtual import VirtualButton
from jumplab_exporter.drivers.digital_input.command import CommandDigitalInput
from jumplab_exporter.drivers.digital_output.command import CommandDigitalOutput
from jumplab_exporter.drivers.digital_output.virtual import VirtualDigitalOutput
from jumplab_exporter.drivers.reset.command import CommandReset
from jumplab_exporter.drivers.reset.virtual import VirtualReset


class Announced(VirtualDigitalOutput):
    """Tells when it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.is_on = asyncio.Event()

    async def _switch(self, *, active: bool) -> None:
        await super()._switch(active=active)
        if active:
            self.is_on.set()


def noting(file: Path, *names: str) -> dict[str, str]:
    """Commands that write a line each into a file: what was done, in order."""
    return {name: f"echo {name.removesuffix('_command')} >> {file}" for name in names}


def output(file: Path, **settings: Any) -> CommandDigitalOutput:
    return CommandDigitalOutput(**noting(file, "active_command", "inactive_command"), **settings)


def button(file: Path) -> CommandButton:
    return CommandButton(**noting(file, "press_command", "release_command"))


def reset(file: Path) -> CommandReset:
    return CommandReset(**noting(file, "assert_command", "release_command"))


def lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


@pytest.fixture
def done(tmp_path: Path) -> Path:
    return tmp_path / "done"


def test_an_output_is_set_and_pulsed(done: Path) -> None:
    with serve(lamp=output(done)) as board:
        assert isinstance(board.lamp, DigitalOutputClient)
        assert board.lamp.get() is False
        board.lamp.set(True)
        assert board.lamp.get() is True
        board.lamp.set(False)
        board.lamp.pulse(seconds=0.001)
        assert board.lamp.get() is False
    assert lines(done) == ["active", "inactive", "active", "inactive"]


def test_a_button_is_pressed_for_a_time_and_until_it_is_released(done: Path) -> None:
    with serve(recovery=button(done)) as board:
        assert isinstance(board.recovery, ButtonClient)
        board.recovery.press(0.001)
        board.recovery.press_down()
        assert board.recovery.is_pressed() is True
        board.recovery.release()
        assert board.recovery.is_pressed() is False
    assert lines(done) == ["press", "release", "press", "release"]


def test_a_button_is_released_at_the_end_of_the_lease(done: Path) -> None:
    with serve(recovery=button(done)) as board:
        board.recovery.press_down()
    assert lines(done) == ["press", "release"]


def test_a_reset_is_asserted_released_and_pulsed(done: Path) -> None:
    with serve(reset=reset(done)) as board:
        assert isinstance(board.reset, ResetClient)
        board.reset.assert_reset()
        assert board.reset.is_asserted() is True
        board.reset.release()
        board.reset.pulse(seconds=0.001)
        assert board.reset.is_asserted() is False
    assert lines(done) == ["assert", "release", "assert", "release"]


def test_virtual_ones_remember() -> None:
    drivers = {"lamp": VirtualDigitalOutput(), "recovery": VirtualButton(), "reset": VirtualReset()}
    with serve(**drivers) as board:
        board.lamp.set(True)
        board.recovery.press_down()
        board.reset.assert_reset()
        assert (board.lamp.get(), board.recovery.is_pressed(), board.reset.is_asserted()) == (True, True, True)
        board.lamp.pulse(0.001)
        board.recovery.press(0.001)
        board.reset.pulse(0.001)
        assert (board.lamp.get(), board.recovery.is_pressed(), board.reset.is_asserted()) == (False, False, False)


@pytest.mark.parametrize("seconds", [0, -1, 601, float("nan"), float("inf")])
def test_a_pulse_of_no_length_is_refused_before_anything_is_switched(done: Path, seconds: float) -> None:
    with serve(lamp=output(done), recovery=button(done), reset=reset(done)) as board:
        for pulse in (board.lamp.pulse, board.recovery.press, board.reset.pulse):
            with pytest.raises(errors.CallRefused, match="seconds must be greater than 0 and at most 600"):
                pulse(seconds)
    assert lines(done) == []


async def test_a_pulse_that_is_cancelled_ends_at_once() -> None:
    driver = Announced()
    pulse = asyncio.create_task(driver.pulse(600), name="a pulse")
    await driver.is_on.wait()
    pulse.cancel()
    await asyncio.wait([pulse])
    assert await driver.get() is False


async def test_a_pulse_whose_begin_fails_is_ended(done: Path) -> None:
    driver = CommandReset(assert_command=f"echo assert >> {done}; exit 3", release_command=f"echo release >> {done}")
    async with driver:
        with pytest.raises(OSError, match="failed with exit status 3"):
            await driver.pulse()
    assert lines(done) == ["assert", "release"]


def test_the_state_is_what_its_own_command_says(done: Path) -> None:
    with serve(lamp=output(done, state_command=f"test -e {done}.on")) as board:
        board.lamp.set(True)
        assert board.lamp.get() is False
        Path(f"{done}.on").touch()
        assert board.lamp.get() is True


def test_a_command_that_fails_or_hangs_is_a_sentence() -> None:
    failing = CommandReset(assert_command="echo no relay; exit 4", release_command="true")
    hanging = CommandReset(assert_command="true", release_command="sleep 1000", timeout="1s")
    told = r'"echo no relay; exit 4" failed with exit status 4: no relay$'
    with serve(reset=failing) as board, pytest.raises(OSError, match=told):
        board.reset.assert_reset()
    told = r'"sleep 1000" did not end within 1 s and was killed'
    with serve(reset=hanging) as board, pytest.raises(TimeoutError, match=told):
        board.reset.release()


def test_an_input_is_read(tmp_path: Path) -> None:
    with serve(led=CommandDigitalInput(state_command=f"test -e {tmp_path}/on")) as board:
        assert isinstance(board.led, DigitalInputClient)
        assert board.led.get() is False
        (tmp_path / "on").touch()
        assert board.led.get() is True


def test_an_input_that_can_not_be_read_is_a_sentence() -> None:
    with serve(led=CommandDigitalInput(state_command="echo no such input >&2; exit 2")) as board:
        with pytest.raises(OSError, match='"echo no such input >&2; exit 2" failed with exit status 2: no such input'):
            board.led.get()
        with pytest.raises(OSError, match="no such input"):
            next(board.led.watch())


async def test_watching_begins_with_the_state_and_goes_on_with_each_change(tmp_path: Path) -> None:
    file = tmp_path / "on"
    driver = CommandDigitalInput(state_command=f"test -e {file}", interval="1ms")
    seen: list[Edge] = []
    async with serve_async(led=driver) as board:
        async for edge in board.led.watch():
            seen.append(edge)
            if len(seen) == 3:
                break
            file.unlink() if file.exists() else file.touch()
    assert [edge.active for edge in seen] == [False, True, False]
    assert sorted(seen, key=lambda edge: edge.seconds) == seen
    assert {edge.missed for edge in seen} == {0}


def test_watching_works_in_plain_code(tmp_path: Path) -> None:
    seen = []
    with serve(led=CommandDigitalInput(state_command=f"test -e {tmp_path}/on", interval="1ms")) as board:
        for edge in board.led.watch():
            seen.append(edge.active)
            (tmp_path / "on").touch()
            if edge.active:
                break
    assert seen == [False, True]


@pytest.mark.parametrize(
    ("driver", "settings", "said"),
    [
        (CommandReset, {"assert_command": "true"}, "release_command: is missing"),
        (CommandButton, {"press_command": " ", "release_command": "true"}, "press_command: must not be empty"),
        (CommandDigitalInput, {"state_command": "true", "interval": "0s"}, "interval: must be greater than"),
        (CommandDigitalOutput, {"active_command": "true", "off": "true"}, "off"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(driver: type[Driver], settings: dict[str, str], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        driver(**settings)


async def test_the_check_asks_for_the_state_and_switches_nothing(done: Path) -> None:
    assert not output(done).has_check
    driver = output(done, state_command="exit 7")
    assert driver.has_check
    with pytest.raises(OSError, match="exit status 7"):
        await driver.check()
    assert lines(done) == []
