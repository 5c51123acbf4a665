"""Files for their owner alone: whole or not at all, and never through somebody else's link."""

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jumplab.private_files import NotWritten, private_file, private_folder, write_private

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask_of_0() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def test_a_file_and_its_folders_are_their_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "token"
    with umask_of_0():
        write_private(file, b"secret")
    assert file.read_bytes() == b"secret"
    assert [mode(each) for each in (file, file.parent, file.parent.parent)] == [0o600, 0o700, 0o700]
    assert os.listdir(file.parent) == ["token"]


def test_a_file_that_others_could_read_is_private_after_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"old")
    file.chmod(0o644)
    tmp_path.chmod(0o755)
    write_private(file, b"new")
    assert (mode(file), file.read_bytes()) == (0o600, b"new")
    assert mode(tmp_path) == 0o755, "a folder that exists stays as it is"


def test_readers_of_the_old_file_keep_it_whole(tmp_path: Path) -> None:
    file = tmp_path / "token"
    write_private(file, b"old")
    with file.open("rb") as reader:
        write_private(file, b"new")
        assert reader.read() == b"old"


def test_a_folder_becomes_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.parent.mkdir(mode=0o755)
    with umask_of_0():
        private_folder(folder)
    assert (mode(folder), mode(folder.parent)) == (0o700, 0o755)
    folder.chmod(0o777)
    private_folder(folder)
    assert mode(folder) == 0o700


def test_an_error_before_the_end_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "token"
    write_private(file, b"old")

    def write_half() -> None:
        with private_file(file) as write:
            write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert (file.read_bytes(), os.listdir(tmp_path)) == (b"old", ["token"])


def test_a_disk_that_is_full_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "token"
    write_private(file, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        with pytest.raises(NotWritten, match=f"{file} can't be written: File too large"):
            write_private(file, b"longer than that")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (file.read_bytes(), os.listdir(tmp_path)) == (b"old", ["token"])


WRITES_AND_WAITS = """
import sys
from pathlib import Path
from jumplab.private_files import private_file
with private_file(Path(sys.argv[1])) as write:
    write(b"half")
    print(flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_writer(file: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", WRITES_AND_WAITS, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        yield process


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with another_writer(file) as killed:
        killed.kill()
    assert not file.exists()
    assert len(os.listdir(tmp_path)) == 1
    write_private(file, b"whole")
    assert (file.read_bytes(), os.listdir(tmp_path)) == (b"whole", ["token"])


def test_two_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with another_writer(file) as other:
        write_private(file, b"ours")
        assert file.read_bytes() == b"ours"
        other.communicate()
    assert other.returncode == 0
    assert (file.read_bytes(), os.listdir(tmp_path)) == (b"half", ["token"])


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "dotfiles"
    elsewhere.mkdir()
    link = tmp_path / "token"
    link.symlink_to(elsewhere / "token")
    write_private(link, b"secret")
    assert link.is_symlink()
    assert (elsewhere / "token").read_bytes() == b"secret"


@as_root
@pytest.mark.parametrize("name", ["link", "link/token"])
def test_a_link_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    for write in (lambda path: write_private(path, b"secret"), private_folder):
        with pytest.raises(NotWritten, match=f"{link} is a symbolic link of another user"):
            write(tmp_path / name)
    assert os.listdir(target) == []


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_only_a_regular_file_is_replaced(tmp_path: Path, make: "type[Path]") -> None:
    place = tmp_path / "place"
    make(place)
    with pytest.raises(NotWritten, match=f"{place} can't be written: it is not a regular file"):
        write_private(place, b"secret")


def test_a_place_that_can_not_be_had_is_told_before_anything_else_is_done(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    beneath_a_file = tmp_path / "file" / "token"
    with pytest.raises(NotWritten, match=r"can't be written: .+"), private_file(beneath_a_file):
        pytest.fail("it was entered")
