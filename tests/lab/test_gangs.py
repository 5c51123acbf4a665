"""Two boards leased at one time, through every part as a process of its own, in both homes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import jumplab
from jumplab.client.errors import ConfigurationError
from jumplab.driver.errors import SessionLost
from tests.lab.lab import Lab, condition

GANG = Path(__file__).parents[2] / "examples" / "gang.yaml"
BOTH = {"dut": "board=demo-dut", "peer": "@gang-peer"}


@pytest.fixture
def two_boards(lab: Lab) -> Iterator[Lab]:
    """Virtual boards, one exporter each."""
    for name, label in (("gang-dut", "demo-dut"), ("gang-peer", "demo-peer")):
        if name not in lab.exporters:
            lab.exporter(name, board=label)
    yield lab
    for name in ("gang-dut", "gang-peer"):
        lab.until_available(name)


def test_two_boards_are_leased_used_and_released_together(two_boards: Lab) -> None:
    lab = two_boards
    with jumplab.lease(exporters=BOTH, duration="10m", name="together", client=lab.config) as boards:
        assert set(boards.children) == {"dut", "peer"}
        boards.dut.board.power.on()
        assert boards.dut.board.power.is_on()
        assert not boards.peer.board.power.is_on()
        told = lab.get("leases", "together")["status"]
        names = {each["name"]: each["exporterRef"]["name"] for each in told["exporters"]}
        assert names == {"dut": "gang-dut", "peer": "gang-peer"}
        assert told["exporterRef"] == {"name": "gang-dut"}


def test_the_example_is_attached_to_with_asyncio_and_survives_the_loss_of_one_exporter(two_boards: Lab) -> None:
    lab = two_boards
    manifest = yaml.safe_load(GANG.read_text())
    lab.create("Lease", "pair", manifest["spec"] | {"clientRef": {"name": "ci"}})
    lab.until_ready("pair")

    async def use() -> None:
        async with jumplab.attach("pair", client=lab.config) as boards:
            async with asyncio.TaskGroup() as tasks:
                for board in (boards.dut, boards.peer):
                    tasks.create_task(board.board.power.on(), name="power")
            await asyncio.to_thread(lab.until_used, "pair")
            lab.exporters["gang-peer"].kill()
            await asyncio.to_thread(
                lab.until, "leases", "pair", lambda it: condition(it, "ExporterOnline")["status"] == "False"
            )
            assert 'exporter "gang-peer"' in condition(lab.get("leases", "pair"), "ExporterOnline")["message"]
            assert await boards.dut.board.power.is_on()
            lab.exporters["gang-peer"].start()
            await asyncio.to_thread(
                lab.until, "leases", "pair", lambda it: condition(it, "ExporterOnline")["status"] == "True"
            )
            with contextlib.suppress(SessionLost):  # told where the call is asked before its connection is a new one
                await boards.peer.board.power.is_on()
            assert not await boards.peer.board.power.is_on()  # another process: what its drivers kept is gone

    asyncio.run(use())
    lab.release("pair")
    assert condition(lab.until_ended("pair"), "Ready")["reason"] == "Released"


def test_the_command_line_leases_several_and_j_says_which_first(two_boards: Lab) -> None:
    me = two_boards.ci
    members = ("--member", "dut=board=demo-dut", "--member", "peer=@gang-peer")
    made = me.run("jumplab", "create", "lease", *members, "--name", "by-hand", "--wait")
    assert made.out == 'lease "by-hand" is ready on exporters "gang-dut", "gang-peer"\n', made
    assert "dut=gang-dut,peer=gang-peer" in me.run("jumplab", "get", "leases", "by-hand").out
    script = "j dut board power on && j dut board power is-on && j peer board power is-on; j board power on; j"
    shell = me.run("jumplab", "shell", "--lease", "by-hand", "--", "sh", "-c", script)
    assert shell.out.startswith("true\nfalse\ndut:\n"), shell
    assert 'j: "board" is not a member of this lease; begin with one of: dut, peer' in shell.err
    assert me.run("jumplab", "delete", "lease", "by-hand").status == 0


def test_one_board_reaches_a_service_of_the_other_through_the_client(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as service:
        web = {"type": "network/tcp", "config": {"host": "127.0.0.1", "port": service.getsockname()[1]}}
        backend = {"type": "network/listener", "config": {"host": "127.0.0.1", "port": 0}}
        lab.exporter("joined-dut", export={"backend": backend})
        lab.exporter("joined-peer", export={"web": web})
        wanted = {"dut": "@joined-dut", "peer": "@joined-peer"}
        with jumplab.lease(exporters=wanted, client=lab.config, name="joined") as boards:
            with (
                boards.peer.web.forward() as here,
                boards.dut.backend.accept(f"{here.host}:{here.port}") as there,
                socket.create_connection((there.host, there.port)) as dut,
            ):
                dut.sendall(b"asked by the board")
                dut.shutdown(socket.SHUT_WR)
                with service.accept()[0] as peer, peer.makefile("rb") as asked:
                    assert asked.read() == b"asked by the board"
                    peer.sendall(b"answered by the other one")
                    peer.shutdown(socket.SHUT_WR)
                    with dut.makefile("rb") as answered:
                        assert answered.read() == b"answered by the other one"
            with socket.create_connection((there.host, there.port)) as dut, pytest.raises(ConnectionResetError):
                dut.recv(1)


def test_a_deleted_exporter_ends_the_lease_of_all_and_cuts_the_other_ones_sessions(lab: Lab) -> None:
    for name in ("gone-a", "gone-b"):
        lab.exporter(name)
    wanted = {"one": "@gone-a", "two": "@gone-b"}
    with jumplab.lease(exporters=wanted, client=lab.config, name="gone") as boards:
        boards.one.board.power.on()
        lab.delete("exporters", "gone-b")
        assert condition(lab.until_ended("gone"), "Ready")["reason"] == "ExporterDeleted"
        with pytest.raises(jumplab.JumplabError):
            boards.one.board.power.on()
    lab.until_available("gone-a")


def test_a_gang_that_contradicts_itself_is_refused_in_words(lab: Lab) -> None:
    twice = {"one": "@bench-9", "two": "@bench-9"}
    with (
        pytest.raises(ConfigurationError, match='two members name exporter "bench-9"'),
        jumplab.lease(exporters=twice, client=lab.config),
    ):
        pass
