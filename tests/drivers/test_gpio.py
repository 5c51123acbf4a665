"""GPIO lines, with a chip that is simulated where gpiod is called; the errors of gpiod itself are real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import Driver, errors
from jumplab.session.host import DriverTree
from jumplab.testing import serve, serve_async
from jumplab_exporter.devices import missing_devices, shared_devices
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.button.gpio import GpioButton
from jumplab_exporter.drivers.digital_input.gpio import GpioDigitalInput
from jumplab_exporter.drivers.digital_output.gpio import GpioDigitalOutput
from jumplab_exporter.drivers.reset.gpio import GpioReset
from jumplab_exporter.testing.gpio import GpioChip


@pytest.mark.parametrize(
    ("kind", "driver"),
    [
        ("button/gpio", GpioButton),
        ("digital-input/gpio", GpioDigitalInput),
        ("digital-output/gpio", GpioDigitalOutput),
        ("reset/gpio", GpioReset),
    ],
)
def test_they_are_found_by_their_names(kind: str, driver: type) -> None:
    assert driver_class(kind) is driver


def test_lines_are_set_by_number_and_by_name() -> None:
    with GpioChip({2: "BOOT", 3: "RST"}) as chip:
        drivers = {
            "lamp": GpioDigitalOutput(chip=chip.path, line=1),
            "boot": GpioButton(chip=chip.path, line="BOOT"),
            "reset": GpioReset(chip=chip.path, line="RST", active_low=True, drive="open-drain"),
        }
        with serve(**drivers) as board:
            assert chip.requests == {}
            board.lamp.set(True)
            board.boot.press(0.001)
            board.reset.pulse(0.001)
            assert (board.lamp.get(), board.boot.is_pressed(), board.reset.is_asserted()) == (True, False, False)
            assert {each.consumer for each in chip.requests.values()} == {"jumplab-exporter"}
        assert chip.changes == [(1, True), (2, True), (2, False), (3, False), (3, True)]
        assert chip.requests == {}


def test_a_line_that_was_not_set_yet_is_read_as_it_is() -> None:
    with GpioChip() as chip:
        chip.drive(4, high=True)
        with serve(reset=GpioReset(chip=chip.path, line=4)) as board:
            assert board.reset.is_asserted() is True
        assert chip.changes == []


def test_a_button_is_released_at_the_end_of_the_lease() -> None:
    with GpioChip() as chip:
        with serve(boot=GpioButton(chip=chip.path, line=5)) as board:
            board.boot.press_down()
        assert chip.changes == [(5, True), (5, False)]


async def test_edges_are_watched_by_several_and_each_begins_with_the_state() -> None:
    with GpioChip() as chip:
        async with serve_async(led=GpioDigitalInput(chip=chip.path, line=6, active_low=True)) as board:
            assert await board.led.get() is True
            one, other = board.led.watch(), board.led.watch()
            assert [(await anext(each)).active for each in (one, other)] == [True, True]
            chip.drive(6, high=True)
            chip.drive(6, high=False)
            for each in (one, other):
                seen = [await anext(each), await anext(each)]
                assert [(edge.active, edge.missed) for edge in seen] == [(False, 0), (True, 0)]
                assert seen[0].seconds <= seen[1].seconds
                await each.aclose()
        assert chip.requests == {}


async def test_edges_that_nobody_takes_are_counted() -> None:
    with GpioChip() as chip:
        async with GpioDigitalInput(chip=chip.path, line=0) as driver:
            edges = driver.watch()
            assert (await anext(edges)).active is False
            for number in range(3000):
                chip.drive(0, high=number % 2 == 0)
                if number == 0:
                    assert (await anext(edges)).active is True
            driver._take(driver._request)  # type: ignore[arg-type] # as the event loop would once it comes to it
            for _ in range(1024):
                assert (await anext(edges)).missed == 0
            chip.drive(0, high=True)
            edge = await anext(edges)
            assert (edge.active, edge.missed) == (True, 3000 - 1 - 1024)
            await edges.aclose()  # type: ignore[attr-defined] # it is a generator


async def test_a_chip_without_interrupts_tells_its_state_and_no_edges() -> None:
    with GpioChip(tells_edges=False) as chip:
        async with serve_async(led=GpioDigitalInput(chip=chip.path, line=6)) as board:
            with pytest.raises(
                NotImplementedError, match=r"line 6 of .* tells no edges: .*; ask for its state with `get`"
            ):
                await anext(board.led.watch())
            assert await board.led.get() is False


async def test_a_chip_that_is_unplugged_says_so_and_works_again_when_it_is_back() -> None:
    with GpioChip() as chip:
        drivers: dict[str, Driver] = {
            "lamp": GpioDigitalOutput(chip=chip.path, line=1),
            "led": GpioDigitalInput(chip=chip.path, line=2),
        }
        async with serve_async(**drivers) as board:
            await board.lamp.set(True)
            edges = board.led.watch()
            await anext(edges)
            chip.unplug()
            with pytest.raises(ConnectionError, match=f"line 2 of {chip.path} can't be reached any more"):
                await anext(edges)
            with pytest.raises(ConnectionError, match="was the chip unplugged"):
                await board.lamp.set(False)
            with pytest.raises(ConnectionError, match=f"{chip.path} can't be opened: there is no such GPIO chip"):
                await board.led.get()
            chip.plug_in()
            await board.lamp.set(True)
            assert (await board.lamp.get(), await board.led.get()) == (True, False)


async def test_a_line_that_another_has_is_told_with_its_name() -> None:
    with GpioChip() as chip:
        async with GpioReset(chip=chip.path, line=1) as first, GpioReset(chip=chip.path, line=1) as second:
            await first.assert_reset()
            who = r'"jumplab-exporter" \(another driver of this exporter'
            with pytest.raises(OSError, match=f"line 1 of {chip.path} is in use by {who}"):
                await second.pulse()


def test_two_entries_with_one_line_are_seen_without_touching_it() -> None:
    tree = DriverTree(
        {
            "reset": GpioReset(chip="/dev/gpiochip77", line=1),
            "led": GpioDigitalInput(chip="/dev/gpiochip77", line=1),
            "lamp": GpioDigitalOutput(chip="/dev/gpiochip77", line=2),
        },
        scope="bench",
    )
    assert shared_devices(tree) == [("line 1 of /dev/gpiochip77", ["reset", "led"])]
    assert missing_devices(tree) == [(name, "/dev/gpiochip77") for name in ("reset", "led", "lamp")]


@pytest.mark.parametrize("line", ["NONE", 8])
async def test_a_line_that_is_not_there_fails_the_check_and_the_call(line: int | str) -> None:
    with GpioChip() as chip:
        for driver in (GpioReset(chip=chip.path, line=line), GpioDigitalInput(chip=chip.path, line=line)):
            with pytest.raises(OSError, match=f"{chip.path} has no line {line}; `gpioinfo` lists its lines"):
                await driver.check()
        with pytest.raises(OSError, match=f"has no line {line}"):
            await GpioReset(chip=chip.path, line=line).assert_reset()


async def test_the_check_touches_nothing() -> None:
    with GpioChip() as chip:
        await GpioReset(chip=chip.path, line=1).check()
        await GpioDigitalInput(chip=chip.path, line=1).check()
        assert (chip.changes, chip.requests) == ([], {})


async def test_a_path_without_a_chip_is_refused_by_gpiod_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, said in ((tmp_path / "none", "there is no such GPIO chip"), (tmp_path / "file", "is no GPIO chip")):
        for driver in (GpioReset(chip=path, line=0), GpioDigitalInput(chip=path, line=0)):
            with pytest.raises(OSError, match=said):
                await driver.check()
        with pytest.raises(OSError, match=said):
            await GpioReset(chip=path, line=0).assert_reset()


@pytest.mark.parametrize(
    ("driver", "settings", "said"),
    [
        (GpioReset, {}, "line: is missing"),
        (GpioReset, {"line": -1}, "line"),
        (GpioReset, {"line": 1, "drive": "strong"}, "drive"),
        (GpioDigitalInput, {"line": 1, "bias": "up"}, "bias"),
        (GpioDigitalInput, {"line": 1, "debounce": "2h"}, "debounce: must be at most"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(driver: type[Driver], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        driver(chip="/dev/gpiochip0", **settings)
