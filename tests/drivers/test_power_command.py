"""A supply that shell commands switch: real commands, and their failures as sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.testing import serve
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.power.command import CommandPower


def test_it_is_found_by_its_name() -> None:
    assert driver_class("power/command") is CommandPower


def test_the_commands_switch(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serve(power=CommandPower(on_command=f"echo on > {state}", off_command=f"echo off > {state}")) as board:
        assert board.power.is_on() is False
        board.power.on()
        assert (state.read_text(), board.power.is_on()) == ("on\n", True)
        board.power.cycle(off_seconds=0)
        board.power.off()
        assert (state.read_text(), board.power.is_on()) == ("off\n", False)


def test_the_state_is_what_its_own_command_says(tmp_path: Path) -> None:
    state = tmp_path / "state"
    driver = CommandPower(on_command="true", off_command="true", state_command=f"test -e {state}")
    with serve(power=driver) as board:
        board.power.on()
        assert board.power.is_on() is False
        state.touch()
        assert board.power.is_on() is True


def test_a_command_sees_no_secrets_of_the_exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("RELAY_PASSWORD", "a-secret-word")
    monkeypatch.setenv("TZ", "Europe/Zurich")
    power = CommandPower(on_command=f"env > {seen}; env; exit 1", off_command="true")
    with serve(power=power) as board, pytest.raises(OSError, match="TZ=Europe/Zurich") as failed:
        board.power.on()
    assert "a-secret-word" not in str(failed.value) + seen.read_text()


def test_a_command_that_fails_says_which_and_what_it_printed() -> None:
    driver = CommandPower(on_command="echo no such outlet >&2; exit 3", off_command="true", state_command="exit 2")
    with serve(power=driver) as board:
        with pytest.raises(
            OSError, match=r'"echo no such outlet >&2; exit 3" failed with exit status 3: no such outlet'
        ):
            board.power.on()
        with pytest.raises(OSError, match=r'"exit 2" failed with exit status 2$'):
            board.power.is_on()
        board.power.off()


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    hangs = f"sleep 1000 & echo $! > {tmp_path / 'pid'}; wait"
    with serve(power=CommandPower(on_command=hangs, off_command="true", timeout="2s")) as board:
        with pytest.raises(TimeoutError, match="did not end within 2 s and was killed"):
            board.power.on()
        assert board.power.is_on() is False
    if (tmp_path / "pid").exists():  # not so where the machine is so busy that the shell had not begun
        stat = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
        assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_a_command_that_leaves_something_in_a_session_of_its_own_holds_nobody_up(tmp_path: Path) -> None:
    left = (
        f"setsid sh -c 'echo $$ > {tmp_path / 'pid'}; exec sleep 1000' & while ! test -s {tmp_path / 'pid'}; do :; done"
    )
    with serve(power=CommandPower(on_command=left, off_command=f"kill $(cat {tmp_path / 'pid'})")) as board:
        board.power.on()
        board.power.off()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"off_command": "true"}, "on_command: is missing"),
        ({"on_command": "  ", "off_command": "true"}, "on_command: must not be empty"),
        ({"on_command": "true", "off_command": "true", "timeout": "0s"}, "timeout: must be greater than"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, str], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        CommandPower(**settings)


def test_only_a_state_command_is_a_health_check() -> None:
    assert not CommandPower(on_command="true", off_command="true").has_check
    assert CommandPower(on_command="true", off_command="true", state_command="true").has_check
