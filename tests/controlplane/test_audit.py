"""The controller's audit log: its options, and the bound on what strangers can have written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jumplab.audit_log import AuditLog
from jumplab_operator.audit import STRANGERS_A_MINUTE, OperatorAudit, address_of, credential_id

PROGRAM = Path(sys.executable).parent / "jumplab-operator"


class Clock:
    """Seconds that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_refusals_of_strangers_beyond_the_bound_are_counted_and_those_of_others_all_recorded(tmp_path: Path) -> None:
    file, clock = tmp_path / "audit.jsonl", Clock()
    with AuditLog(file, "controller") as log:
        audit = OperatorAudit(log, clock)
        for _ in range(STRANGERS_A_MINUTE + 40):
            audit.refused_stranger("no token was presented", address="127.0.0.1:1")
            audit.refused("it is another's", client="lab/ci")
        clock.seconds = 60
        audit.refused_stranger("no token was presented", address="127.0.0.1:2")
    records = [json.loads(line) for line in file.read_text().splitlines()]
    strangers = [record for record in records if "address" in record]
    assert len(strangers) == STRANGERS_A_MINUTE + 1
    assert strangers[-1]["address"] == "127.0.0.1:2"
    assert sum("client" in record for record in records) == STRANGERS_A_MINUTE + 40
    assert [record["refusals"] for record in records if record["event"] == "refusals-left-out"] == [40]


def test_a_reason_that_quotes_its_caller_is_shortened(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with AuditLog(file, "controller") as log:
        OperatorAudit(log).refused("x" * 100_000)
    assert file.stat().st_size < 2_000


def test_a_token_has_an_id_and_no_token_has_none() -> None:
    assert credential_id("") == ""
    assert credential_id("token") == "3c469e9d6c5875d3"  # printf %s token | sha256sum | cut -c1-16


@pytest.mark.parametrize(("peer", "address"), [("ipv4:10.0.0.1:80", "10.0.0.1:80"), ("ipv6:%5B::1%5D:80", "[::1]:80")])
def test_an_address_is_as_people_write_it(peer: str, address: str) -> None:
    assert address_of(peer) == address


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--audit-log", "{folder}/none/audit.jsonl"], "can't be written: No such file or directory; correct its name"),
        (["--audit-log-size", "1KiB"], "1KiB is too small; the least is 64 KiB"),
        (["--audit-log-size", "large"], '"large" is not a size'),
    ],
)
def test_what_can_not_be_used_is_refused_at_the_start(options: list[str], sentence: str, tmp_path: Path) -> None:
    words = [word.format(folder=tmp_path) for word in options]
    program = [PROGRAM, "standalone", "--data-dir", tmp_path / "data", "--port", "0", "--grpc-port", "0", *words]
    done = subprocess.run(program, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
