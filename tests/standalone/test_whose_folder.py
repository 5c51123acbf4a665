"""Which folders become a data directory: new and empty ones, and those that are one. Others stay as they are."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from jumplab_operator.errors import DataDirUnusable
from jumplab_operator.standalone.storage.datadir import DataDir
from tests.standalone.in_process import served


def state(folder: Path) -> tuple[int, list[str]]:
    return stat.S_IMODE(folder.stat().st_mode), sorted(os.listdir(folder))


@pytest.fixture
async def used(tmp_path: Path) -> Path:
    async with served(tmp_path / "used"):
        pass
    return tmp_path / "used"


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    (folder / "letters").write_text("dear")
    before = state(folder)
    with pytest.raises(DataDirUnusable) as refusal, DataDir(folder):
        pass
    assert str(refusal.value) == (
        f'the folder {folder} is no data directory of jumplab-operator and is not empty (it holds "letters"); '
        "choose an empty folder or a new one with --data-dir"
    )
    assert state(folder) == before


@pytest.mark.parametrize("name", ["api.sqlite3", "ca.crt", "lock"])
def test_one_file_with_a_name_of_ours_makes_no_folder_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    (tmp_path / "letters").write_text("dear")
    before = state(tmp_path)
    with pytest.raises(DataDirUnusable, match="is not empty"), DataDir(tmp_path):
        pass
    assert state(tmp_path) == before


@pytest.mark.parametrize("inside", [[], ["lost+found"]])
def test_an_empty_folder_is_taken_for_its_owner_alone(tmp_path: Path, inside: list[str]) -> None:
    folder = tmp_path / "new"
    folder.mkdir(mode=0o755)
    for name in inside:
        (folder / name).mkdir()
    with DataDir(folder):
        assert state(folder) == (0o700, sorted([*inside, "lock"]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_mode_of_another_users_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir(mode=0o755)
    os.chown(folder, 12345, 12345)
    with DataDir(folder):
        assert state(folder) == (0o755, ["lock"])
    folder.chmod(0o777)
    with pytest.raises(
        DataDirUnusable, match=r"belongs to another user \(uid 12345\), and others may write in it; run `ch"
    ):
        DataDir(folder).__enter__()
    assert state(folder)[0] == 0o777


async def test_a_directory_of_an_older_version_is_taken(used: Path) -> None:
    (used / "jumplab-data").unlink()
    (used / "notes.txt").write_text("somebody's own")
    authority = (used / "ca.crt").read_bytes()
    async with served(used) as (api, _):
        assert api.ca_pem == authority
    assert (used / "jumplab-data").exists()


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "api.sqlite3"])
async def test_a_directory_of_an_older_version_that_lacks_a_file(used: Path, name: str) -> None:
    (used / "jumplab-data").unlink()
    (used / name).unlink()
    with pytest.raises(DataDirUnusable, match=f"{name} is missing; restore it from a backup"):
        async with served(used):
            pass
    assert not (used / name).exists()


@pytest.mark.parametrize("left", [{"ca.key"}, {"ca.key", "ca.crt"}, {"api.sqlite3", "lock"}, {".ca.key.new-a1"}])
async def test_a_first_start_that_was_killed_is_begun_again(used: Path, tmp_path: Path, left: set[str]) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    for name in left:
        if (used / name).exists():
            shutil.copy(used / name, folder)
        else:
            (folder / name).write_text("half")
    async with served(folder) as (api, session), session.get("/api/v1/namespaces/default") as answer:
        assert answer.status == 200
        assert api.ca_pem
