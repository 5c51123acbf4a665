"""The files of a lease in a folder that the NFS server of the host exports."""

import asyncio
import os
import sys
from io import BytesIO
from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.boot.nfs import MARK
from jumplab_exporter.drivers.boot.server import BootServer


def server(folder: Path, **settings: object) -> BootServer:
    return BootServer(address="127.0.0.1", tftp_port=None, http_port=None, nfs_folder=folder, **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "exported"
    made.mkdir()
    return made


@pytest.fixture
def image(tmp_path: Path) -> Path:
    made = tmp_path / "Image"
    made.write_bytes(b"a kernel")
    return made


def content_of(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != MARK]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


async def failure_of(boot: BootServer) -> str:
    with pytest.raises(errors.DriverFailed) as caught:
        async with serve_async(boot=boot):
            pass
    return str(caught.value)


@pytest.mark.needs("nfs")
async def test_a_client_of_nfs_loads_the_files(tmp_path: Path) -> None:
    script = Path(__file__).parent / "load_by_nfs.py"
    command = ["unshare", "--net", "--mount", sys.executable, str(script), str(tmp_path)]
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PYTHONPATH": str(root)})
    assert await process.wait() == 0


async def test_the_folder_has_the_files_of_the_lease_alone(folder: Path, image: Path) -> None:
    before = os.umask(0o077)
    try:
        async with serve_async(boot=server(folder)) as lab:
            await lab.boot.put(image)
            await lab.boot.put(image, name="pxelinux.cfg/default")
            assert content_of(folder) == {"Image": b"a kernel", "pxelinux.cfg/default": b"a kernel"}
            assert (folder / "Image").stat().st_mode & 0o777 == 0o644
            assert (folder / "pxelinux.cfg").stat().st_mode & 0o777 == 0o755
            await lab.boot.put(BytesIO(b"a newer one"), name="Image")
            assert content_of(folder)["Image"] == b"a newer one"
            await lab.boot.remove("Image")
            assert content_of(folder).keys() == {"pxelinux.cfg/default"}
            assert await lab.boot.nfs_path("pxelinux.cfg/default") == f"127.0.0.1:{folder}/pxelinux.cfg/default"
    finally:
        os.umask(before)
    assert os.listdir(folder) == [MARK]


async def test_what_a_killed_exporter_left_is_removed(folder: Path, image: Path) -> None:
    (folder / MARK).touch()
    (folder / "Image").write_bytes(b"of an earlier lease")
    (folder / "cfg").mkdir()
    (folder / "cfg" / "default").write_bytes(b"of an earlier lease")
    async with serve_async(boot=server(folder)) as lab:
        assert content_of(folder) == {}
        await lab.boot.put(image)


async def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    (folder / "thesis.tex").write_bytes(b"years of work")
    said = await failure_of(server(folder))
    assert 'it has other files ("thesis.tex"); name an empty folder for the boards alone' in said
    assert content_of(folder) == {"thesis.tex": b"years of work"}


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = await failure_of(server(tmp_path / "gone"))
    assert f"{tmp_path / 'gone'}, can't be used: No such file or directory; make it, or correct `nfs_folder`" in said


async def test_two_servers_do_not_share_a_folder(folder: Path) -> None:
    async with serve_async(boot=server(folder)):
        assert "another boot server serves there; give each one a folder of its own" in await failure_of(server(folder))


async def test_links_that_a_board_makes_are_not_followed(folder: Path, image: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "Image").write_bytes(b"not the board's")
    async with serve_async(boot=server(folder)) as lab:
        (folder / "cfg").symlink_to(elsewhere)
        (folder / "Image").symlink_to(elsewhere / "Image")
        with pytest.raises(errors.DriverError, match="Not a directory"):
            await lab.boot.put(image, name="cfg/Image")
        await lab.boot.put(image)
        assert content_of(folder)["Image"] == b"a kernel"
    assert content_of(elsewhere) == {"Image": b"not the board's"}


async def test_without_nfs_it_says_so(image: Path) -> None:
    async with serve_async(boot=BootServer(address="127.0.0.1", tftp_port=None, http_port=None)) as lab:
        with pytest.raises(errors.CallRefused, match="boot serves no files by NFS"):
            await lab.boot.nfs_path("Image")


def test_a_relative_folder_is_refused() -> None:
    with pytest.raises(errors.ConfigurationInvalid, match="write the path as the NFS server exports it"):
        server(Path("exported"))
