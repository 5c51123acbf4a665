"""`j NAME forward`: ports and Unix sockets of this machine; `j NAME accept`: the other way."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jumplab.drivers.network.udp_sockets import receive_datagram, send_datagram, udp_socket
from jumplab_exporter.drivers.network.listener import TcpListener
from jumplab_exporter.drivers.network.tcp import TcpService
from jumplab_exporter.drivers.network.udp import UdpService
from jumplab_exporter.drivers.shell.ssh import SshShell
from tests.cli.user import User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import bench_of
from tests.client.lab_double import LabDouble, config_for
from tests.drivers.sshd import sshd_in

SHELL = ("shell", "-l", "board=x", "--name", "demo", "--", "j", "web", "forward")


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.read()).upper())
    writer.close()


async def answer(service: socket.socket) -> None:
    while True:
        asked, sender = await receive_datagram(service)
        await send_datagram(service, asked.upper(), sender)


@pytest.fixture
async def web_user(lab: LabDouble, authority: Authority, stranger: User) -> AsyncIterator[User]:
    """Somebody whose board has a service that answers what it is sent, in capitals."""
    async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
        web = TcpService(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        with udp_socket(socket.AF_INET) as service:
            service.bind(("127.0.0.1", 0))
            snmp = UdpService(host="127.0.0.1", port=service.getsockname()[1])
            async with bench_of(
                lab, authority, {"web": web, "snmp": snmp, "backend": TcpListener(host="127.0.0.1", port=0)}
            ) as bench:
                stranger.configure(config_for(bench.port, authority))
                answering = asyncio.create_task(answer(service))
                yield stranger
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)


async def test_a_port_of_this_machine_leads_to_the_service_until_ctrl_c(web_user: User) -> None:
    forwarding = await web_user.start("jumplab", *SHELL)
    assert forwarding.stdout is not None
    host, port = (await forwarding.stdout.readline()).decode().strip().split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"hello")
    writer.write_eof()
    assert await reader.read() == b"HELLO"
    writer.close()
    forwarding.send_signal(signal.SIGTERM)
    assert (await outcome_of(forwarding)).status == 128 + signal.SIGTERM


async def test_a_port_that_is_taken_is_one_sentence(web_user: User) -> None:
    async with await asyncio.start_server(shout, "127.0.0.1", 0) as taken:
        port = taken.sockets[0].getsockname()[1]
        refused = await web_user.run("jumplab", *SHELL, str(port))
    assert refused.status == 1
    assert f"can't listen on 127.0.0.1:{port}" in refused.last_line


async def test_a_socket_of_this_machine_leads_to_the_service(web_user: User, tmp_path: Path) -> None:
    forwarding = await web_user.start("jumplab", *SHELL, f"{tmp_path}/new/web")
    assert forwarding.stdout is not None
    path = (await forwarding.stdout.readline()).decode().strip()
    assert path == f"{tmp_path}/new/web"
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"hello")
    writer.write_eof()
    assert await reader.read() == b"HELLO"
    writer.close()
    forwarding.send_signal(signal.SIGTERM)
    assert (await outcome_of(forwarding)).status == 128 + signal.SIGTERM
    assert not (tmp_path / "new").exists()


async def test_a_udp_port_of_this_machine_leads_to_the_service(web_user: User) -> None:
    forwarding = await web_user.start("jumplab", *SHELL[:-2], "snmp", "forward")
    assert forwarding.stdout is not None
    host, port = (await forwarding.stdout.readline()).decode().strip().split(":")
    with udp_socket(socket.AF_INET) as sender:
        await send_datagram(sender, b"hello", (host, int(port)))
        assert (await receive_datagram(sender))[0] == b"HELLO"
    forwarding.send_signal(signal.SIGTERM)
    assert (await outcome_of(forwarding)).status == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/" + "x" * 120, "a Unix socket's path has 107 at most"),
        ("/etc/web", "others can enter /etc"),
        ("70000", "70000 is not in the range"),
        ("web", "'web' is not a valid integer"),
    ],
)
async def test_a_place_that_can_t_be_is_one_sentence(web_user: User, where: str, said: str) -> None:
    refused = await web_user.run("jumplab", *SHELL, where)
    assert refused.status in (1, 2)
    assert said in refused.last_line


async def test_the_name_that_jumpstarter_has_for_it_works(web_user: User) -> None:
    helped = await web_user.run("jumplab", *SHELL[:-1], "forward-tcp", "--help")
    assert (helped.status, "any free port" in helped.out) == (0, True)
    assert "forward-tcp" not in (await web_user.run("jumplab", *SHELL[:-1], "--help")).out


async def test_the_device_reaches_the_target_that_is_named_until_ctrl_c(web_user: User) -> None:
    async with await asyncio.start_server(shout, "127.0.0.1", 0) as target:
        to = f"127.0.0.1:{target.sockets[0].getsockname()[1]}"
        accepting = await web_user.start("jumplab", *SHELL[:-2], "backend", "accept", "--to", to)
        assert accepting.stdout is not None
        host, port = (await accepting.stdout.readline()).decode().strip().split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"HELLO"
        writer.close()
        accepting.send_signal(signal.SIGTERM)
        assert (await outcome_of(accepting)).status == 128 + signal.SIGTERM


async def test_the_end_of_the_session_ends_what_accepts(lab: LabDouble, authority: Authority, stranger: User) -> None:
    async with bench_of(lab, authority, {"backend": TcpListener(host="127.0.0.1", port=0)}) as bench:
        stranger.configure(config_for(bench.port, authority))
        accepting = await stranger.start("jumplab", *SHELL[:-2], "backend", "accept", "--to", "127.0.0.1:9")
        assert accepting.stdout is not None
        await accepting.stdout.readline()
        await bench.host.end("the lease has ended")
        outcome = await outcome_of(accepting)
    assert outcome.status != 0
    assert "j: backend accepts no more: " in outcome.err, outcome


@pytest.mark.parametrize(
    ("driver", "where"),
    [
        ("web", "0"),
        pytest.param("web", "{tmp_path}/made/web", marks=pytest.mark.nightly),
        pytest.param("snmp", "0", marks=pytest.mark.nightly),
    ],
    ids=["TCP", "Unix", "UDP"],
)
async def test_the_end_of_the_session_ends_a_forward(
    lab: LabDouble, authority: Authority, stranger: User, tmp_path: Path, driver: str, where: str
) -> None:
    drivers = {"web": TcpService(host="127.0.0.1", port=9), "snmp": UdpService(host="127.0.0.1", port=9)}
    async with bench_of(lab, authority, drivers) as bench:
        stranger.configure(config_for(bench.port, authority))
        forwarding = await stranger.start("jumplab", *SHELL[:-2], driver, "forward", where.format(tmp_path=tmp_path))
        assert forwarding.stdout is not None
        await forwarding.stdout.readline()
        await bench.host.end("the lease has ended")
        outcome = await outcome_of(forwarding)
    assert outcome.status == 1, outcome
    assert "j: the lease has ended\n" in outcome.err, outcome


@pytest.mark.parametrize(
    ("words", "said"), [((), "missing option '--to'"), (("--to", "8080"), '"8080" is no target; write HOST:PORT')]
)
async def test_without_a_target_nobody_is_let_in(web_user: User, words: tuple[str, ...], said: str) -> None:
    refused = await web_user.run("jumplab", *SHELL[:-2], "backend", "accept", *words)
    assert (refused.status, said in refused.last_line) == (2, True), refused


@pytest.mark.needs("sshd")
async def test_a_port_of_this_machine_leads_to_one_of_the_device(
    lab: LabDouble, authority: Authority, stranger: User, tmp_path: Path
) -> None:
    with sshd_in(tmp_path) as sshd:
        async with (
            await asyncio.start_server(shout, "127.0.0.1", 0) as service,
            bench_of(lab, authority, {"shell": SshShell(**sshd.settings)}) as bench,
        ):
            stranger.configure(config_for(bench.port, authority))
            words = (*SHELL[:-2], "shell", "network", "forward")
            refused = await stranger.run("jumplab", *words, "http")
            assert (refused.status, "is no target; write HOST:PORT" in refused.last_line) == (2, True), refused
            forwarding = await stranger.start("jumplab", *words, str(service.sockets[0].getsockname()[1]))
            assert forwarding.stdout is not None
            host, port = (await forwarding.stdout.readline()).decode().strip().split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"hello")
            writer.write_eof()
            assert await reader.read() == b"HELLO"
            writer.close()
            forwarding.send_signal(signal.SIGTERM)
            assert (await outcome_of(forwarding)).status == 128 + signal.SIGTERM
