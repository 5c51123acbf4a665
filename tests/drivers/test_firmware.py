"""The virtual board's firmware, and the FAT images that it reads."""

import pytest

from jumplab_exporter.drivers.board.fat import File, list_root
from jumplab_exporter.drivers.board.firmware import COUNTDOWN_SECONDS, PROMPT, Firmware
from jumplab_exporter.testing.fat_image import make_fat_image


def booted(disk: bytes = b"") -> Firmware:
    firmware = Firmware(lambda: disk)
    firmware.power_on()
    firmware.feed(b" ")
    return firmware


def test_it_counts_down_to_the_prompt() -> None:
    firmware = Firmware(lambda: b"")
    assert b"Hit any key to stop autoboot" in firmware.power_on()
    said = b"".join(firmware.tick() for _ in range(COUNTDOWN_SECONDS))
    assert said.endswith(PROMPT.encode())
    assert not firmware.tick()


def test_any_key_stops_the_countdown() -> None:
    firmware = Firmware(lambda: b"")
    firmware.power_on()
    assert firmware.feed(b"x").endswith(PROMPT.encode())


def test_a_board_without_power_says_nothing() -> None:
    firmware = booted()
    firmware.power_off()
    assert firmware.feed(b"version\n") == b""


def test_what_is_typed_is_echoed_and_can_be_taken_back() -> None:
    assert booted().feed(b"ecko\x7f\x7fho hi\n") == b"ecko\b \b\b \bho hi\r\nhi\r\n=> "


def test_an_interrupt_drops_the_line() -> None:
    assert booted().feed(b"reset\x03version\n").endswith(b"(jumplab)\r\n=> ")


def test_a_command_that_it_does_not_know_is_named() -> None:
    assert b"Unknown command 'boom' - try 'help'" in booted().feed(b"boom\n")


def test_a_reset_starts_again() -> None:
    firmware = booted()
    assert b"stop autoboot" in firmware.feed(b"reset\n")
    assert firmware.counting


def test_help_lists_every_command() -> None:
    said = booted().feed(b"help\n").decode()
    assert [word for word in ("echo", "fatls", "help", "ls", "reset", "version") if word not in said] == []


def test_a_disk_without_a_file_system_is_told() -> None:
    assert b"** Unrecognized filesystem type **" in booted(bytes(4096)).feed(b"ls\n")


@pytest.mark.parametrize("size_mib", [4, 8, 64, 200])
def test_the_files_of_an_image_are_listed(size_mib: int) -> None:
    image = make_fat_image({"hello.txt": b"Hello!\n", "boot.bin": bytes(70_000), "empty": b""}, size_mib=size_mib)
    assert len(image) == size_mib << 20
    assert list_root(image) == [File("hello.txt", 7), File("boot.bin", 70_000), File("empty", 0)]


@pytest.mark.parametrize("name", ["", "Upper.txt", "much-too-long.txt", "a.text", "ümlaut"])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a lower-case name"):
        make_fat_image({name: b""})


def test_files_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="the image of 4 MiB is too small"):
        make_fat_image({"large": bytes(4 << 20)}, size_mib=4)
