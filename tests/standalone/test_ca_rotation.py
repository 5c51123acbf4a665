"""The CA of a data directory is replaced in three steps, each of which outlives a process that is killed."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from jumplab.private_files import write_private
from jumplab_operator.authority import ROTATION, Step
from jumplab_operator.errors import DataDirUnusable, WrongOrder
from jumplab_operator.standalone.http.server import KubernetesApi
from jumplab_operator.standalone.storage import contents, datadir
from jumplab_operator.standalone.storage.backup import back_up
from jumplab_operator.standalone.storage.datadir import DataDir, opened
from jumplab_operator.standalone.storage.rotation import rotate_authority
from tests.lab.homes import PROGRAMS
from tests.standalone.in_process import served

FILES = ("ca.crt", "ca.key", ROTATION)


def rotate(data_dir: Path, step: Step) -> bool:
    return rotate_authority(opened(data_dir), step, datetime.now(UTC))


async def trusted(folder: Path) -> bytes:
    """What a start with this data directory publishes; it serves a certificate that is trusted by that."""
    async with served(folder) as (api, session), session.get("/api/v1/namespaces/default") as answer:
        assert answer.status == 200
        return api.ca_pem


def in_kubeconfig(folder: Path) -> bytes:
    content = yaml.safe_load((folder / "kubeconfig").read_text())
    return base64.b64decode(content["clusters"][0]["cluster"]["certificate-authority-data"])


async def test_three_steps_lead_from_one_authority_to_the_next(tmp_path: Path) -> None:
    old = await trusted(tmp_path)
    assert not rotate(tmp_path, Step.BEGIN)
    both = await trusted(tmp_path)
    assert both.startswith(old)
    new = both.removeprefix(old)
    assert new.startswith(b"-----BEGIN CERTIFICATE-----")
    assert not rotate(tmp_path, Step.SWITCH)
    assert await trusted(tmp_path) == new + old
    assert in_kubeconfig(tmp_path) == new + old
    assert not rotate(tmp_path, Step.FINISH)
    assert await trusted(tmp_path) == new
    assert (tmp_path / "ca.crt").read_bytes() == new
    assert not (tmp_path / ROTATION).exists()
    assert await trusted(tmp_path) == new


async def test_a_step_is_made_once_and_in_its_turn(tmp_path: Path) -> None:
    await trusted(tmp_path)
    for early in (Step.SWITCH, Step.FINISH):
        with pytest.raises(WrongOrder, match="no rotation of the CA has begun; begin one with `jumplab-operator rotat"):
            rotate(tmp_path, early)
    rotate(tmp_path, Step.BEGIN)
    made = (tmp_path / ROTATION).read_bytes()
    rotate(tmp_path, Step.BEGIN)
    assert (tmp_path / ROTATION).read_bytes() == made
    with pytest.raises(WrongOrder, match="standalone has not run since the last step"):
        rotate(tmp_path, Step.SWITCH)
    await trusted(tmp_path)
    with pytest.raises(WrongOrder, match="does not sign yet, so the old one can't be dropped; run .* --switch` first"):
        rotate(tmp_path, Step.FINISH)
    rotate(tmp_path, Step.SWITCH)
    await trusted(tmp_path)
    with pytest.raises(WrongOrder, match="signs already; end this rotation with .* --finish"):
        rotate(tmp_path, Step.BEGIN)


async def rotated_to(folder: Path, last: Step) -> None:
    """Makes the steps up to this one, which no control plane has taken over."""
    await trusted(folder)
    for step in Step:
        rotate(folder, step)
        if step is last:
            return
        await trusted(folder)


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("writes", range(3))
async def test_the_end_survives_a_kill_between_any_two_writes(
    tmp_path: Path, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rotated_to(tmp_path, Step.FINISH)
    new = opened(tmp_path).stored_authority().trusted_pem
    done: list[Path] = []

    def write_or_be_killed(file: Path, content: bytes) -> None:
        if len(done) == writes:
            raise _Killed
        write_private(file, content)
        done.append(file)

    with DataDir(tmp_path) as data_dir:
        data_dir.authority(datetime.now(UTC))
        for module in (datadir, contents):
            monkeypatch.setattr(module, "write_private", write_or_be_killed)
        with pytest.raises(_Killed):
            data_dir.end_rotation()
        monkeypatch.undo()
    assert opened(tmp_path).stored_authority().trusted_pem == new
    assert await trusted(tmp_path) == new
    assert sorted(name for name in FILES if (tmp_path / name).exists()) == ["ca.crt", "ca.key"]
    assert await trusted(tmp_path) == new


@pytest.mark.parametrize("step", Step)
async def test_a_backup_of_each_step_starts_elsewhere(tmp_path: Path, step: Step) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    await rotated_to(folder, step)
    back_up(folder, copy)
    assert await trusted(copy) == await trusted(folder)


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "another step"])
async def test_a_damaged_rotation_is_refused_by_the_name_of_its_file(tmp_path: Path, step: Step, damage: str) -> None:
    await rotated_to(tmp_path, step)
    file = tmp_path / ROTATION
    content = file.read_bytes()
    with DataDir(tmp_path) as data_dir:
        data_dir.authority(datetime.now(UTC))  # it is noted as made
    match damage:
        case "missing":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(content[:-100])
        case "another step":
            file.write_bytes(content.replace(step.encode(), b"somewhere", 1))
    with pytest.raises(DataDirUnusable, match=rf"{ROTATION} is (missing|damaged); restore it from a backup"):
        async with KubernetesApi(tmp_path, port=0):
            pass


async def test_the_command_says_what_comes_next(tmp_path: Path) -> None:
    await trusted(tmp_path)

    def said(*options: str) -> subprocess.CompletedProcess[str]:
        command = [PROGRAMS / "jumplab-operator", "rotate", "ca", "--data-dir", tmp_path, *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    early = said("--finish")
    assert (early.returncode, early.stdout, early.stderr.count("\n")) == (1, "", 1)
    begun = said()
    assert begun.returncode == 0, begun.stderr
    assert "Give both to all exporters and clients, then continue with --switch." in begun.stdout
    assert "it takes this over when it starts" in begun.stdout
    shutil.rmtree(tmp_path)
    gone = said()
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)
