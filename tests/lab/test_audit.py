"""The two audit logs of one lab, joined by the ids of sessions: from a client's credential to a driver's method."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import jumplab
from jumplab.client.config import ClientConfig
from jumplab.protocol.grpc_loading import aio
from jumplab.protocol.v1.controller_pb2 import DialRequest
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity
from jumplab.transport.metadata_channel import MetadataChannel
from tests.lab.homes import NAMESPACE, OneMachine
from tests.lab.lab import Lab

SECRET = "hunter2-is-nobodys-business"
Record = dict[str, Any]


def records(file: Path, **fields: Any) -> list[Record]:
    """Those that have these fields; each line is a record."""
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return [record for record in found if all(record.get(key) == value for key, value in fields.items())]


def credential_id(config: ClientConfig) -> str:
    return sha256(config.token.encode()).hexdigest()[:16]


async def dial(config: ClientConfig, lease: str) -> str:
    """The code with which the controller refuses a dial."""
    identity = Identity(NAMESPACE, "Client", config.metadata.name, config.token)
    async with open_channel(Endpoint(config.endpoint, config.tls.trust())) as channel:
        controller = ControllerServiceStub(MetadataChannel(channel, identity.metadata))
        with pytest.raises(aio.AioRpcError) as refused:
            await controller.Dial(DialRequest(lease_name=lease))
    return refused.value.code().name


@pytest.fixture
def recorded(lab: Lab) -> Callable[..., list[Record]]:
    """Waits for a record with these fields in a file, by default the controller's: all that has them."""

    def wait(file: Path | None = None, **fields: Any) -> list[Record]:
        where = file or lab.home.audit_log
        lab.home.process.wait_until(lambda: bool(records(where, **fields)), f"a record with {fields}")
        return records(where, **fields)

    return wait


def test_a_call_is_traced_from_the_drivers_method_to_the_clients_credential(
    lab: Lab, tmp_path: Path, recorded: Callable[..., list[Record]]
) -> None:
    file = tmp_path / "exporter.jsonl"
    exporter = lab.exporter("bench-audit", auditLog={"file": str(file)})
    script = f"j board power on && j board console send {SECRET}"
    assert lab.ci.run("jumplab", "shell", "-l", "board=bench-audit", "--", "sh", "-c", script).status == 0
    lab.until_available("bench-audit")
    exporter.stop()  # it writes all that it has

    [on] = records(file, driver="board.power", method="on")
    assert (on["result"], on["holder"], on["by"]) == ("ok", f"{NAMESPACE}/ci", "client")
    [dial] = recorded(event="dial", session=on["session"])
    assert (dial["client"], dial["credential"]) == (f"{NAMESPACE}/ci", credential_id(lab.config))
    assert dial["address"].startswith("127.0.0.1:")
    assert (dial["lease_uid"], dial["exporter"]) == (on["lease_uid"], f"{NAMESPACE}/bench-audit")
    assert dial["lease"] == on["lease"]
    for role in ("client", "exporter"):
        assert recorded(event="attach", session=on["session"], role=role)
        assert recorded(event="detach", session=on["session"], role=role)
    lease = {"lease_uid": on["lease_uid"]}
    [created] = recorded(event="request", method="CreateLease", **lease)
    assert (created["client"], created["credential"]) == (f"{NAMESPACE}/ci", credential_id(lab.config))
    [ended] = recorded(event="lease-ended", **lease)
    assert (ended["reason"], ended["holder"], ended["exporters"]) == ("Released", f"{NAMESPACE}/ci", ["bench-audit"])
    for event in ("lease-created", "lease-assigned", "lease-ready"):
        assert recorded(event=event, **lease)
    for log in (file, lab.home.audit_log):
        text = log.read_text()
        assert SECRET not in text
        assert lab.config.token not in text
        assert log.stat().st_mode & 0o777 == 0o600


def test_refusals_name_the_client_that_is_known_and_the_address_of_one_that_is_not(
    lab: Lab, recorded: Callable[..., list[Record]]
) -> None:
    lab.exporter("bench-refused")
    lab.lease("guarded", board="bench-refused")
    lab.until_ready("guarded")
    other = lab.client("audited")
    assert asyncio.run(dial(other, "guarded")) == "PERMISSION_DENIED"
    [refused, *_] = recorded(event="refused", client=f"{NAMESPACE}/audited")
    assert refused["credential"] == credential_id(other)
    assert refused["address"].startswith("127.0.0.1:")
    forged = other.model_copy(update={"token": SECRET})
    assert asyncio.run(dial(forged, "guarded")) == "UNAUTHENTICATED"
    [refused, *_] = recorded(event="refused", code="UNAUTHENTICATED", credential=credential_id(forged))
    assert refused["address"].startswith("127.0.0.1:")
    assert "client" not in refused
    assert SECRET not in lab.home.audit_log.read_text()
    lab.release("guarded")
    lab.until_available("bench-refused")


@pytest.mark.nightly
def test_a_killed_exporters_log_goes_on_in_whole_lines_with_its_next_process(
    lab: Lab, tmp_path: Path, recorded: Callable[..., list[Record]]
) -> None:
    file = tmp_path / "exporter.jsonl"
    exporter = lab.exporter("bench-kill", auditLog={"file": str(file)})
    lab.lease("killed", board="bench-kill")
    lab.until_ready("killed")
    with jumplab.attach("killed", client=lab.config) as root:
        root.board.power.on()
        recorded(file, event="call", method="on")
        exporter.kill()
    lab.release("killed")
    exporter.start()
    lab.until_available("bench-kill")
    exporter.stop()
    assert len(records(file, event="started")) == 2
    assert len(records(file, event="stopped")) == 1
    assert records(file, event="session-opened")


@pytest.mark.nightly
def test_a_full_disk_stops_no_lease_and_is_said_once(lab: Lab) -> None:
    exporter = lab.exporter("bench-full", auditLog={"file": "/dev/full"})
    lab.lease("on-full", board="bench-full")
    lab.until_ready("on-full")
    with jumplab.attach("on-full", client=lab.config) as root:
        root.board.power.on()
        assert root.board.power.is_on()
    lab.release("on-full")
    lab.until_available("bench-full")
    exporter.stop()
    assert exporter.output().count("the audit log /dev/full can't be written: No space left on device") == 1
    assert "records of the audit log /dev/full were not written" in exporter.output()


def test_what_an_administrator_changes_is_recorded_with_the_id_of_each_new_token(
    lab: Lab, recorded: Callable[..., list[Record]]
) -> None:
    config = lab.client("fresh")
    [created] = recorded(event="client-created", client=f"{NAMESPACE}/fresh")
    [issued] = recorded(event="token-issued", client=f"{NAMESPACE}/fresh")
    assert issued["new_credential"] == credential_id(config)
    lab.patch("clients", "fresh", {"spec": {"enabled": False}}).ok()
    recorded(event="client-changed", client_uid=created["client_uid"])
    lab.delete("clients", "fresh")
    recorded(event="client-deleted", client_uid=created["client_uid"])
    if isinstance(lab.home, OneMachine):  # elsewhere the Kubernetes API's own audit log has the administrator
        path = lab.path("clients", "fresh")
        [disabled] = recorded(event="request", verb="PATCH", path=path)
        admin = (lab.home.data_dir / "admin.token").read_text().strip()
        assert (disabled["user"], disabled["code"]) == ("admin", 200)
        assert disabled["credential"] == sha256(admin.encode()).hexdigest()[:16]
        assert disabled["address"] == "127.0.0.1"
        assert recorded(event="request", verb="DELETE", path=path)
        assert recorded(event="request", verb="GET", path=lab.path("secrets", "fresh-client"))
        assert admin not in lab.home.audit_log.read_text()
    assert config.token not in lab.home.audit_log.read_text()
