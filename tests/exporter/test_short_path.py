"""Clients on the exporter's machine: its own socket, under the rules that hold at a router."""

# ruff: noqa: ASYNC240 - a look at a local file

import asyncio
import contextlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.session.client import Reconnecting, attach
from jumplab.transport.errors import TransportError
from jumplab.transport.links import ConnectionLost, EnvelopeKind, Link
from jumplab.transport.same_machine import is_usable, machine_id
from jumplab_exporter import local_socket
from jumplab_exporter.local_socket import ExpectedClients
from jumplab_exporter.own_folder import own_folder
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.promises import kept_within


async def until_lost(link: Link, number: int) -> None:
    with contextlib.suppress(TransportError):
        async with contextlib.aclosing(await link.open(number)) as stream:
            while True:
                await stream.receive()


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter that does not wait long for word of a client."""
    monkeypatch.setattr(local_socket, "_ANNOUNCEMENT_BOUND_SECONDS", 0.1)


async def test_the_controller_is_told_of_the_machine_and_the_socket_which_is_there_during_a_lease(
    plane: ControlPlane, running: Run
) -> None:
    async with running():
        await plane.heard(Status.AVAILABLE)
        assert plane.place is not None
        socket = Path(plane.place.local_socket)
        assert plane.place.machine == machine_id()
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert not await is_usable(socket)
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        assert await is_usable(socket)
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        assert not await is_usable(socket)
    assert not socket.parent.exists()


async def test_an_invited_client_and_one_at_the_router_share_the_session(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with attach(plane.invite()) as near, plane.dial() as far:
            await near.root.power.on()
            assert await far.root.power.is_on()


async def test_a_client_that_comes_before_its_invitation_is_waited_for() -> None:
    guests = ExpectedClients()
    coming = asyncio.create_task(guests.admit("early", "session"))
    await asyncio.sleep(0)
    guests.expect([(sha256(b"another").digest(), "")])
    await asyncio.sleep(0)
    assert not coming.done()
    guests.expect([(sha256(b"early").digest(), "")])
    await coming


async def test_who_was_not_invited_is_told_to_dial(plane: ControlPlane, running: Run, brief: None) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        with pytest.raises(errors.SessionLost, match="does not know this session; dial again"):
            async with attach(plane.uninvited("a guess")):
                pass


async def test_a_token_opens_one_session_alone(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with attach(plane.invite("once")):
            stream = await plane.uninvited("once").open(0)
            refusal = b"the token has already been used; dial again for a new one"
            assert await stream.receive() == (EnvelopeKind.RESET, refusal)
            await stream.aclose()


async def test_an_invitation_to_the_last_lease_is_none_to_the_next(
    plane: ControlPlane, running: Run, brief: None
) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        unused = plane.invite()
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        plane.lease("b")
        await plane.heard(Status.LEASE_READY, "b")
        with pytest.raises(errors.SessionLost, match="dial again"):
            async with attach(unused):
                pass


async def test_a_token_that_was_not_used_in_time_opens_nothing() -> None:
    now = 0.0
    guests = ExpectedClients(clock=lambda: now)
    guests.expect([(sha256(each).digest(), "") for each in (b"used", b"unused")])
    now = 59.0
    await guests.admit("used", "session")
    now = 3600.0
    await guests.admit("used", "session")  # a further stream of a session that has begun
    with pytest.raises(ConnectionLost, match="expired"):
        await guests.admit("unused", "session")


async def test_the_end_of_the_lease_cuts_the_socket_too(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        link = plane.invite()
        async with attach(link) as session:
            with kept_within(timedelta(seconds=2)):
                plane.release()
                assert isinstance(await session.ended, errors.SessionEnded)
            with pytest.raises(errors.SessionEnded):
                await session.root.power.on()
        await until_lost(link, 7)


async def test_a_client_that_does_not_read_is_cut_too(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        link = plane.invite()
        await link.open(0)
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        await until_lost(link, 1)
        await link.aclose()


async def test_a_session_whose_socket_has_gone_goes_on_at_the_router(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        near = plane.invite()

        async def dial() -> Link:
            return plane.offer()

        async with attach(near, reconnecting=Reconnecting(dial)) as session:
            await session.root.power.on()
            epoch = session.epoch
            assert plane.place is not None
            Path(plane.place.local_socket).unlink()
            await near.aclose()
            assert await session.root.power.is_on()
            assert session.epoch == epoch


async def test_a_socket_that_others_could_have_made_is_not_used(tmp_path: Path) -> None:
    server = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), tmp_path / "session.sock")
    async with server:
        tmp_path.chmod(0o755)
        assert not await is_usable(tmp_path / "session.sock")
        tmp_path.chmod(0o700)
        assert await is_usable(tmp_path / "session.sock")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name, which pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="test-", dir="/tmp") as folder:
        yield Path(folder)


def test_what_a_killed_exporter_has_left_goes_with_the_next_start_and_what_a_living_one_holds_stays(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    left, foreign = short_folder / "jumplab-exporter-left", short_folder / "jumplab-shell"
    for folder in (left, foreign):
        folder.mkdir()
        (folder / "session.sock").touch()
    with own_folder() as first, own_folder() as second:
        assert {*short_folder.iterdir()} == {first, second, foreign}
        assert stat.S_IMODE(first.stat().st_mode) == 0o700
    assert [*short_folder.iterdir()] == [foreign]


def test_the_folder_of_a_killed_exporter_is_not_held_any_more(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    hold = (
        "from jumplab_exporter.own_folder import own_folder\n"
        "with own_folder() as folder:\n    print(folder, flush=True)\n    input()"
    )
    environment = {**os.environ, "TMPDIR": str(short_folder)}
    with subprocess.Popen(
        [sys.executable, "-c", hold], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        with own_folder() as ours:
            assert {*short_folder.iterdir()} == {held, ours}
        holder.kill()
    with own_folder() as ours:
        assert [*short_folder.iterdir()] == [ours]
