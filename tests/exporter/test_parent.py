"""What an exporter without a controller has of the process that started it."""

import json
import subprocess
import sys

import pytest

CHILD = """
import os, time
from jumplab_exporter.parent import Parent

parent = Parent.take()
print("a driver's own words", flush=True)
parent.report(token=parent.token)
assert os.read(0, 1) == b"", "standard input is the parent's"
parent.watch(lambda: parent.report(gone=True), then_exit_seconds=0.1)
while True:
    time.sleep(1)
"""


@pytest.fixture
def child() -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", CHILD], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_a_process_that_hangs_ends_behind_its_parent(child: "subprocess.Popen[str]") -> None:
    out, err = child.communicate("secret\n")
    assert [json.loads(line) for line in out.splitlines()] == [{"token": "secret"}, {"gone": True}]
    assert err.splitlines() == [
        "a driver's own words",
        "jumplab-exporter: a driver does not end; the process ends without it",
    ]
    assert child.returncode == 1


def test_without_a_token_nothing_begins(child: "subprocess.Popen[str]") -> None:
    _, err = child.communicate("")
    assert "standard input has no token" in err
