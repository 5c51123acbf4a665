"""docs/drivers/network.md: its code runs against real servers, and its tables have every setting."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
import yaml

from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from tests.docs.pages import ROOT, blocks

PAGE = "docs/drivers/network.md"
TYPES = ("network/listener", "network/tcp", "network/udp", "network/unix")


def configured(name: str, **settings: Any) -> dict[str, Any]:
    """A configuration of the page, with some settings replaced by those of the counterpart."""
    [text] = [each for each in blocks(PAGE) if each.startswith(f"{name}:\n")]
    export: dict[str, Any] = yaml.safe_load(text)
    export[name]["config"].update(settings)
    return export


@contextmanager
def served(export: dict[str, Any]) -> Iterator[Any]:
    read = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "ExporterConfig", "export": export}
    with serve(**build_drivers(LocalConfig.model_validate(read).export)) as board:
        yield board


def test_the_code_of_the_forwards_connects() -> None:
    code = next(each for each in blocks(PAGE) if each.startswith("with board.ssh.forward()"))
    with ExitStack() as stack:
        service = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        board = stack.enter_context(served(configured("ssh", host="127.0.0.1", port=service.getsockname()[1])))

        def connect(*where: Any) -> None:
            with socket.socket(socket.AF_INET if len(where) > 1 else socket.AF_UNIX) as here:
                here.connect(where if len(where) > 1 else where[0])
                service.accept()[0].close()

        exec(code, {"board": board, "connect": connect})


def test_the_code_for_datagrams_asks() -> None:
    code = next(each for each in blocks(PAGE) if each.startswith("with board.snmp."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        with served(configured("snmp", host="127.0.0.1", port=service.getsockname()[1])) as board:

            def ask(*where: Any) -> None:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
                    here.sendto(b"asked", where)
                    service.sendto(b"answered", service.recvfrom(100)[1])
                    assert here.recv(100) == b"answered"

            exec(code, {"board": board, "ask": ask})


class Console:
    """A board that loads what its command names."""

    def __init__(self) -> None:
        self.loaded: list[bytes] = []
        self.run = self._run

    def _run(self, command: str) -> None:
        with build_opener(ProxyHandler({})).open(command.removeprefix("wget ")) as answer:
            self.loaded.append(answer.read())


@contextmanager
def web_server() -> Iterator[int]:
    """Answers each request with its path: its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            serving.join()


def test_the_code_of_the_other_way_lets_the_board_in() -> None:
    code = next(each for each in blocks(PAGE) if each.startswith("with board.backend."))
    console = Console()
    with web_server() as port, served(configured("backend", host="127.0.0.1", port=0)) as lab:
        board = type("Board", (), {"backend": lab.backend, "console": console})
        exec(code.replace("127.0.0.1:8000", f"127.0.0.1:{port}"), {"board": board})
    assert console.loaded == [b"/image"]


def test_the_code_between_two_boards_joins_them() -> None:
    code = next(each for each in blocks(PAGE) if each.startswith("with jumplab.lease"))
    console = Console()
    with (
        web_server() as port,
        served(configured("ssh", host="127.0.0.1", port=port)) as peer,
        served(configured("backend", host="127.0.0.1", port=0)) as dut,
    ):
        both = {
            "dut": type("Dut", (), {"backend": dut.backend, "console": console}),
            "peer": type("Peer", (), {"web": peer.ssh}),
        }

        def lease(exporters: dict[str, str]) -> Any:
            assert set(exporters) == {"dut", "peer"}
            return nullcontext(type("Boards", (), both))

        exec(code, {"jumplab": type("Leases", (), {"lease": lease})})
    assert console.loaded == [b"/"]


def test_each_configuration_is_served_as_printed() -> None:
    for kind in TYPES:
        name = next(each.partition(":")[0] for each in blocks(PAGE) if f"\n  type: {kind}\n" in each)
        ours = {"host": "127.0.0.1", "port": 0} if kind == "network/listener" else {}
        with served(configured(name, **ours)) as board:
            assert board.children[name].address()


@pytest.mark.parametrize("kind", TYPES)
def test_the_tables_have_every_setting(kind: str) -> None:
    section = (ROOT / PAGE).read_text().split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
    assert named == set(configuration_of(driver_class(kind)).model_fields)
