"""`j NAME forward-tcp`."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from jumplab_exporter.drivers.network.tcp import TcpService
from tests.cli.user import User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import bench_of
from tests.client.lab_double import LabDouble, config_for

SHELL = ("shell", "-l", "board=x", "--name", "demo", "--", "j", "web", "forward-tcp")


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.read()).upper())
    writer.close()


@pytest.fixture
async def web_user(lab: LabDouble, authority: Authority, stranger: User) -> AsyncIterator[User]:
    """Somebody whose board has a service that answers what it is sent, in capitals."""
    async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
        web = TcpService(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        async with bench_of(lab, authority, {"web": web}) as bench:
            stranger.configure(config_for(bench.port, authority))
            yield stranger


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
