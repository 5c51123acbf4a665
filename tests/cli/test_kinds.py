"""What users of kubectl type: every spelling of a kind, namespaces, -o wide and -w."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.labels import NAME_LABEL
from jumplab.protocol.v1 import common_pb2
from tests.cli.terminal import Terminal
from tests.cli.user import User, outcome_of
from tests.client.bench import Bench

CRDS = Path(__file__).parents[2] / "crds"


def short_names(plural: str) -> list[str]:
    crd = yaml.safe_load((CRDS / f"jumpstarter.dev_{plural}.yaml").read_text())
    return list(crd["spec"]["names"]["shortNames"])


@pytest.fixture
def exporter(bench: Bench) -> client_pb2.Exporter:
    name = "namespaces/lab/exporters/bench-1"
    made = client_pb2.Exporter(
        name=name, labels={"board": "x"}, online=True, status=common_pb2.EXPORTER_STATUS_AVAILABLE
    )
    made.drivers.add(uuid="root")
    for driver in ("power", "console"):
        made.drivers.add(uuid=driver, parent_uuid="root", labels={NAME_LABEL: driver})
    bench.lab.exporters[name] = made
    return made


async def create(user: User, *words: str) -> None:
    created = await user.run("jumplab", "create", "lease", "-l", "board=x", *words)
    assert created.status == 0, created.err


@pytest.mark.parametrize("spelling", ["lease", "leases", "Leases", "leases.jumpstarter.dev", *short_names("leases")])
async def test_a_lease_has_every_spelling_that_kubectl_knows(user: User, spelling: str) -> None:
    await create(user, "--name", "demo")
    assert (await user.run("jumplab", "get", spelling, "-o", "name")).out == "demo\n"
    assert (await user.run("jumplab", "get", f"{spelling}/demo", "-o", "name")).out == "demo\n"
    assert (await user.run("jumplab", "delete", spelling, "demo")).out == 'lease "demo" released\n'


@pytest.mark.parametrize("spelling", ["exporter", "exporters", *short_names("exporters")])
async def test_an_exporter_has_every_spelling_that_kubectl_knows(
    user: User, exporter: client_pb2.Exporter, spelling: str
) -> None:
    assert (await user.run("jumplab", "get", spelling, "-o", "name")).out == "bench-1\n"


async def test_a_client_s_own_namespace_may_be_named(user: User) -> None:
    assert (await user.run("jumplab", "get", "leases", "-n", "lab")).status == 0


async def test_wide_shows_drivers_and_holder_and_when_an_exporter_is_free(
    user: User, bench: Bench, exporter: client_pb2.Exporter
) -> None:
    await create(user, "--name", "demo")
    exporter.lease = "namespaces/lab/leases/demo"
    bench.lab.leases["namespaces/lab/leases/demo"].expected_end_time.FromDatetime(datetime(2099, 8, 1, 12, tzinfo=UTC))
    header, row = (await user.run("jumplab", "get", "exporters", "-o", "wide", TZ="UTC")).out.splitlines()
    assert header.split()[-4:] == ["HOLDER", "FREE", "DRIVERS", "MESSAGE"]
    assert row.split()[-5:] == ["ci", "2099-08-01", "12:00", "UTC", "power,console"]


async def test_rows_are_shown_as_they_change_until_ctrl_c(user: User, bench: Bench) -> None:
    await create(user, "--name", "demo")
    terminal = Terminal(user, "jumplab", "get", "leases", "-w")
    await terminal.expect("demo")
    await create(user, "--name", "second")
    await terminal.expect("second")
    await user.run("jumplab", "delete", "lease", "demo")
    await terminal.expect("demo")
    await terminal.expect("Released")
    terminal.type("\x03")
    assert await terminal.status() == 130


async def test_the_queue_is_shown_as_it_changes(user: User, bench: Bench) -> None:
    await create(user, "--name", "demo")
    process = await user.start("jumplab", "get", "queue", "-w", "-o", "wide")
    assert process.stdout is not None
    assert b"POSITION" in await process.stdout.readline()
    assert (await process.stdout.readline()).split()[:2] == [b"1", b"demo"]
    await bench.lab.forget("demo")
    row = await process.stdout.readline()
    assert row.split()[:2] == [b"-", b"demo"]
    assert b"it waits no longer" in row
    process.send_signal(signal.SIGINT)
    assert (await outcome_of(process)).status == 130


@pytest.mark.parametrize("output", ["json", "yaml"])
async def test_programs_read_an_exporter_s_holder_and_drivers(
    user: User, bench: Bench, exporter: client_pb2.Exporter, output: str
) -> None:
    await create(user, "--name", "demo")
    exporter.lease = "namespaces/lab/leases/demo"
    got = yaml.safe_load((await user.run("jumplab", "get", "exporter", "bench-1", "-o", output)).out)
    assert (got["name"], got["holder"], got["drivers"]) == ("bench-1", "ci", ["power", "console"])
    assert got["free"]


async def test_an_exporter_that_goes_away_is_shown_so(user: User, bench: Bench, exporter: client_pb2.Exporter) -> None:
    await create(user, "--name", "demo")
    exporter.lease = "namespaces/lab/leases/demo"
    process = await user.start("jumplab", "get", "exporters", "-w", "-o", "wide")
    assert process.stdout is not None
    assert b"HOLDER" in await process.stdout.readline()
    assert b" ci " in await process.stdout.readline()
    bench.lab.exporters.clear()
    row = await process.stdout.readline()
    assert b"Deleted" in row
    assert b" ci " not in row
    process.send_signal(signal.SIGINT)
    ended = await outcome_of(process)
    assert (ended.status, ended.err) == (130, "")


async def test_changes_are_documents_for_a_program(user: User, bench: Bench, exporter: client_pb2.Exporter) -> None:
    process = await user.start("jumplab", "get", "exporters", "-w", "-o", "yaml")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"---\n"
    exporter.status_message = "warming up"
    while b"warming up" not in await process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    assert (await outcome_of(process)).status == 143


async def test_begin_and_tags_are_asked_for(user: User, bench: Bench) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    await create(user, "--name", "demo", "--begin", begin.isoformat(), "--tag", "ticket=4711", "--tag", "note=")
    lease = bench.lab.leases["namespaces/lab/leases/demo"]
    assert lease.begin_time.ToDatetime(UTC) == begin
    assert dict(lease.tags) == {"ticket": "4711", "note": ""}


async def test_what_is_watched_is_written_as_it_is_got(user: User, bench: Bench, exporter: client_pb2.Exporter) -> None:
    got = await user.run("jumplab", "get", "exporter", "bench-1", "-o", "json")
    assert json.loads(got.out) == yaml.safe_load((await user.run("jumplab", "get", "exp/bench-1", "-o", "yaml")).out)
