"""The exporter's audit log: who called what, and nothing of what was said."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from jumplab.audit_log import AuditLog
from jumplab.driver import errors
from jumplab.driver.driver import Driver
from jumplab.driver.interface import DriverInterface
from jumplab.session.client import Session, attach
from jumplab_exporter.audit_settings import AuditLogSettings
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run

SECRET = "hunter2-is-nobodys-business"


class SafeInterface(DriverInterface):
    """Takes secrets."""

    async def put(self, secret: str) -> str: ...

    async def lose(self, secret: str) -> None: ...


class Safe(SafeInterface, Driver):
    """Gives back what it was given, or an error that has it."""

    async def put(self, secret: str) -> str:
        return secret

    async def lose(self, secret: str) -> None:
        raise ValueError(f"{secret} is lost")


BOARD = {
    "board": {"type": "jumplab_exporter.drivers.board.virtual.VirtualBoard"},
    "safe": {"type": f"{__name__}.Safe"},
}


async def until_sent_away(client: Session) -> None:
    while True:
        await client.root.power.is_on()


@asynccontextmanager
async def audited(file: Path, plane: ControlPlane, running: Run, **changes: Any) -> AsyncIterator[None]:
    """An exporter with its audit log in the file, and with the lease "a"."""
    with AuditLog(file, "exporter") as log:
        async with running(audit_log=log, **changes):
            plane.lease("a")
            await plane.heard(Status.LEASE_READY, "a")
            yield


def records(file: Path, event: str = "") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return [record for record in found if not event or record["event"] == event]


async def test_calls_are_recorded_with_holder_driver_outcome_and_the_dials_session_and_nothing_that_was_said(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    async with audited(file, plane, running, export=BOARD):
        async with plane.dial() as client:
            assert await client.root.safe.put(SECRET) == SECRET
            with pytest.raises(errors.CallRefused, match=SECRET):
                await client.root.safe.lose(SECRET)
            await client.root.board.power.on()
            await client.root.board.console.send(SECRET)
            await client.root.board.console.expect("autoboot")
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    [opened] = records(file, "session-opened")
    [closed] = records(file, "session-closed")
    assert (opened["holder"], opened["lease"], opened["lease_uid"]) == ("lab/ci", "lab/demo", "a")
    assert (opened["exporter"], opened["by"], opened["resumed"]) == ("lab/bench", "client", False)
    assert closed["left"]
    calls = {(call["driver"], call["method"]): call for call in records(file, "call")}
    assert {call["session"] for call in calls.values()} == {opened["session"]} == {closed["session"]}
    assert calls["safe", "put"]["result"] == "ok"
    assert (calls["safe", "lose"]["result"], calls["safe", "lose"]["error"]) == ("error", "ValueError")
    assert calls["board.power", "on"]["seconds"] >= 0
    assert any(driver == "board.console" for driver, _ in calls)
    assert SECRET not in file.read_text()
    assert "autoboot" not in file.read_text()


async def test_a_session_by_the_exporters_own_socket_has_the_id_of_its_dial_and_never_the_token(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    async with audited(file, plane, running):
        genuine = plane.client_token()
        async with attach(plane.invite(genuine)) as client:
            await client.root.power.on()
        async with attach(plane.invite(SECRET)) as client:
            await client.root.power.on()
    dialled, other = (record["session"] for record in records(file, "call"))
    assert len(dialled) == 32
    assert other == sha256(SECRET.encode()).hexdigest()
    assert SECRET not in file.read_text()
    assert genuine not in file.read_text()


async def test_calls_of_a_hook_are_the_hooks_and_not_the_holders(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    async with audited(file, plane, running, hooks={"beforeLease": {"script": "j power on"}}):
        pass
    [call] = records(file, "call")
    assert (call["by"], call["driver"], call["method"], call["lease_uid"]) == ("hook", "power", "on", "a")
    assert "holder" not in call
    assert "session" not in call


async def test_what_a_former_holder_called_stays_the_former_holders(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    async with audited(file, plane, running):
        async with plane.dial() as former:
            await former.root.power.on()
            plane.transfer("heir")
            with pytest.raises(errors.SessionEnded):
                await until_sent_away(former)
        async with plane.dial() as heir:
            await heir.root.power.off()
    holders = {call["method"]: call["holder"] for call in records(file, "call") if call["method"] != "is_on"}
    assert holders == {"on": "lab/ci", "off": "lab/heir"}


async def test_a_method_that_no_driver_has_is_recorded_without_the_name_that_the_client_made_up(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    async with audited(file, plane, running), plane.dial() as client:
        with pytest.raises(errors.NotExported):
            await client.call(client.root.power._node.uuid, SECRET, b"{}")
    [call] = records(file, "call")
    assert (call["driver"], call["error"]) == ("power", "NotExported")
    assert SECRET not in file.read_text()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"file": "audit.jsonl"}, "absolute path"),
        ({"file": "/var/log/audit.jsonl", "size": "1KiB"}, "greater than or equal to 65536"),
        ({"file": "/var/log/audit.jsonl", "size": "large"}, "is not a size"),
    ],
)
def test_settings_that_can_not_be_used_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        AuditLogSettings.model_validate(settings)


def test_an_exporter_whose_audit_log_can_not_be_there_does_not_start(tmp_path: Path) -> None:
    file, config = tmp_path / "none" / "audit.jsonl", tmp_path / "bench.yaml"
    document = {
        "apiVersion": "jumpstarter.dev/v1alpha1",
        "kind": "ExporterConfig",
        "metadata": {"namespace": "lab", "name": "bench"},
        "endpoint": "127.0.0.1:1",
        "token": "t",
        "auditLog": {"file": str(file)},
    }
    config.write_text(yaml.safe_dump(document))
    program = [sys.executable, "-m", "jumplab_exporter", "run", str(config)]
    done = subprocess.run(program, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 2
    assert f"the audit log {file} can't be written: No such file or directory; correct its name" in done.stderr
    assert "Traceback" not in done.stderr
