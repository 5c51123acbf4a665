"""Tables in terminals of every width, and where a program reads them: no name is ever cut."""

from __future__ import annotations

import json

import pytest
import yaml

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.v1 import common_pb2
from tests.cli.terminal import Terminal
from tests.cli.user import User
from tests.client.bench import Bench
from tests.client.lab_double import become_pending

EXPORTER = "rack-07-shelf-3-imx8mp-evk-rev-b2"
HOLDER = "nightly-kernel-5f3a9c07"


@pytest.fixture
def exporter(bench: Bench) -> None:
    name = f"namespaces/lab/exporters/{EXPORTER}"
    bench.lab.exporters[name] = client_pb2.Exporter(
        name=name,
        labels={f"example.com/label-{number}": f"value-{number}" for number in range(8)},
        online=True,
        status=common_pb2.EXPORTER_STATUS_LEASE_READY,
        status_message="waiting for\na\x1b[31mboard",
        lease=f"namespaces/lab/leases/{HOLDER}",
    )


async def shown(user: User, width: int, *words: str) -> list[str]:
    terminal = Terminal(user, "jumplab", *words, columns=width)
    text, status = await terminal.rest()
    assert status == 0, text
    assert "…" not in text
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("width", [40, 80, 200])
async def test_a_name_is_whole_in_a_terminal_of_any_width(user: User, exporter: None, width: int) -> None:
    lines = await shown(user, width, "get", "exporters")
    assert lines[1].split()[0] == EXPORTER
    assert all(len(line) <= width for line in lines if not line.startswith("jumplab: "))


async def test_columns_that_do_not_fit_are_named(user: User, exporter: None) -> None:
    narrow = await shown(user, 40, "get", "exporters")
    assert narrow == [
        "NAME",
        EXPORTER,
        "jumplab: too narrow for ONLINE, STATUS, LEASE, LABELS; -o wide shows every column",
    ]
    everything = " ".join(await shown(user, 40, "get", "exporters", "-o", "wide"))
    assert HOLDER in everything
    assert "example.com/label-7=value-7" in everything


async def test_labels_are_wrapped_between_two_of_them(user: User, exporter: None) -> None:
    lines = await shown(user, 140, "get", "exporters")
    assert len(lines) > 3
    words = [word for line in lines[2:] for word in line.strip().rstrip(",").split(",")]
    assert all(word.startswith("example.com/label-") for word in words)


async def test_a_queue_keeps_position_and_name(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", HOLDER)
    assert (await shown(user, 40, "get", "queue"))[1].split() == ["1", HOLDER]


async def test_an_explanation_keeps_its_reasons(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", HOLDER)
    assert "leased by ann" in " ".join(await shown(user, 40, "explain", "lease", HOLDER))


async def test_a_program_reads_whole_rows(user: User, exporter: None) -> None:
    header, row = (await user.run("jumplab", "get", "exporters", "-o", "wide", COLUMNS="20")).out.splitlines()
    assert row.split()[0] == EXPORTER
    assert ",".join(f"example.com/label-{number}=value-{number}" for number in range(8)) in row
    assert row.endswith("waiting for aboard"), "a row is one line, without control sequences"
    assert header.split()[-1] == "MESSAGE"


@pytest.mark.parametrize("what", ["exporters", "leases", "queue"])
async def test_lists_have_items_in_json_and_yaml(user: User, bench: Bench, what: str, exporter: None) -> None:
    for shape in ("json", "yaml"):
        assert yaml.safe_load((await user.run("jumplab", "get", what, "-o", shape)).out).keys() == {"items"}


async def test_an_output_is_the_same_from_whichever_command(user: User) -> None:
    created = await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo", "-o", "json")
    updated = await user.run("jumplab", "update", "lease", "demo", "--duration", "2h", "-o", "json")
    got = await user.run("jumplab", "get", "leases", "demo", "-o", "json")
    assert json.loads(created.out).keys() == json.loads(updated.out).keys() == json.loads(got.out).keys()
    for command in (("get", "leases", "demo"), ("explain", "lease", "demo"), ("update", "lease", "demo", "--to", "x")):
        assert (await user.run("jumplab", *command, "-o", "name")).out == "demo\n"
        assert (await user.run("jumplab", *command, "-o", "wide")).status == 0
