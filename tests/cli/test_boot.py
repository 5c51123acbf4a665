"""`j boot put`: files that the board can load until the lease ends."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jumplab_exporter.drivers.boot.server import BootServer
from tests.cli.user import Outcome, User
from tests.client.authority import Authority
from tests.client.bench import bench_of
from tests.client.lab_double import LabDouble, config_for

SHELL = ("shell", "-l", "board=x", "--", "sh", "-c")


@pytest.fixture
async def user(lab: LabDouble, authority: Authority, stranger: User) -> AsyncIterator[User]:
    boot = BootServer(address="127.0.0.1", tftp_port=0, http_port=0)
    async with bench_of(lab, authority, {"boot": boot}) as bench:
        stranger.configure(config_for(bench.port, authority))
        yield stranger


async def script(user: User, text: str) -> Outcome:
    return await user.run("jumplab", *SHELL, text)


async def test_a_file_and_standard_input_are_served(user: User, tmp_path: Path) -> None:
    kernel = tmp_path / "Image"
    kernel.write_bytes(b"hello")
    ran = await script(user, f"j boot put {kernel} && printf hi | j boot put - --name conf/default && j boot files")
    assert ran.status == 0, ran
    sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert ran.out.splitlines()[:1] == [f"Image is served: 5 bytes, sha256 {sha256}"]
    assert '"name": "conf/default"' in ran.out


async def test_what_can_not_be_served_is_a_sentence(user: User, tmp_path: Path) -> None:
    unnamed = await script(user, "printf hi | j boot put -")
    assert unnamed.status == 2
    assert "give one with --name" in unnamed.err
    (tmp_path / "a b").write_bytes(b"x")
    refused = await script(user, f"j boot put '{tmp_path}/a b'; j boot remove a")
    assert "'a b' can't be served: a name has letters, digits" in refused.err
    assert 'no file "a" is served here; what is: no files at all' in refused.err
