"""docs/drivers/network.md: its code runs against real servers, and its tables have every setting."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import yaml

from jumplab.driver.driver import configuration_of
from jumplab.testing import serve
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.driver_factory import build_drivers, driver_class
from tests.docs.pages import ROOT, blocks

PAGE = "docs/drivers/network.md"
TYPES = ("network/tcp", "network/udp", "network/unix")


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


def test_each_configuration_is_served_as_printed() -> None:
    for kind in TYPES:
        name = next(each.partition(":")[0] for each in blocks(PAGE) if f"\n  type: {kind}\n" in each)
        with served(configured(name)) as board:
            assert board.children[name].address()


@pytest.mark.parametrize("kind", TYPES)
def test_the_tables_have_every_setting(kind: str) -> None:
    section = (ROOT / PAGE).read_text().split(f"\n## {kind}\n", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.MULTILINE))))
    assert named == set(configuration_of(driver_class(kind)).model_fields)
