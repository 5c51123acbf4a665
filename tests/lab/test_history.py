"""Who had a board: leases that stay when they are released, and what people without kubectl can read of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

import jumplab
from tests.lab.lab import Lab

TEST = "def test_it(board):\n    board.board.power.on()\n"


def test_a_lease_that_was_used_and_released_is_told_by_every_view(lab: Lab) -> None:
    lab.exporter("bench-told")
    ci = lab.ci
    assert ci.run("jumplab", "shell", "-l", "board=bench-told", "--name", "nightly", "--", "true").status == 0
    lab.until_available("bench-told")
    ended = lab.get("leases", "nightly")["status"]
    assert "nightly" not in ci.run("jumplab", "get", "leases").out
    (row,) = [line for line in ci.run("jumplab", "get", "leases", "--all").out.splitlines() if "nightly" in line]
    assert row.split()[:4] == ["nightly", "Released", "bench-told", "ci"]

    header, row = ci.run("jumplab", "get", "history", "bench-told").out.splitlines()
    assert header.split() == ["NAME", "CLIENT", "BEGAN", "ENDED", "REASON"]
    assert (row.split()[:2], row.split()[-1]) == (["nightly", "ci"], "Released")
    found = json.loads(ci.run("jumplab", "get", "history", "bench-told", "-o", "json").out)
    assert found == {
        "items": [
            {
                "lease": "nightly",
                "uid": lab.get("leases", "nightly")["metadata"]["uid"],
                "client": "ci",
                "began": ended["beginTime"],
                "ended": ended["endTime"],
                "reason": "Released",
            }
        ]
    }
    assert yaml.safe_load(ci.run("jumplab", "get", "history", "bench-told", "-o", "yaml").out)["items"]
    assert ci.run("jumplab", "get", "history", "bench-told", "-o", "name").out == "nightly\n"
    assert found["items"][0]["uid"] in ci.run("jumplab", "get", "history", "bench-told", "-o", "wide").out

    told = [event for event in lab.list("events") if event["involvedObject"]["name"] == "nightly"]
    assert any('client "ci" had exporter "bench-told"' in event["message"] for event in told), told


def test_one_s_own_name_serves_again_by_every_way_of_leasing(lab: Lab, tmp_path: Path) -> None:
    lab.exporter("bench-n")
    ci, name = lab.ci, "again"
    uids = []

    def noted() -> None:
        uids.append(lab.get("leases", name)["metadata"]["uid"])
        assert lab.get("leases", name)["status"]["ended"]

    assert ci.run("jumplab", "create", "lease", name, "-l", "board=bench-n", "--wait").status == 0
    assert ci.run("jumplab", "delete", "lease", name).out == f'lease "{name}" released\n'
    noted()
    assert ci.run("jumplab", "create", "lease", "--name", name, "-l", "board=bench-n").status == 0
    assert ci.run("jumplab", "delete", "lease", name).status == 0
    noted()
    for _ in range(2):
        assert ci.run("jumplab", "shell", "-l", "board=bench-n", "--name", name, "--", "true").status == 0
        noted()
    for _ in range(2):
        with jumplab.lease("board=bench-n", name=name, client=lab.config) as root:
            root.board.power.on()
        noted()
    (tmp_path / "test_it.py").write_text(TEST)
    options = ["--jumplab-lease=board=bench-n", f"--jumplab-name={name}"]
    for _ in range(2):
        ran = ci.run(Path(sys.executable).name, "-m", "pytest", "-q", str(tmp_path), *options)
        assert ran.status == 0, ran
        noted()
    assert len(set(uids)) == len(uids) == 8
    lab.until_available("bench-n")
    recorded = lab.get("exporters", "bench-n")["status"]["history"]
    # The second lease was released before it was ready, and may never have had the exporter.
    assert {entry["uid"] for entry in recorded} >= {*uids} - {uids[1]}
    assert {(entry["lease"], entry["client"], entry["reason"]) for entry in recorded} == {(name, "ci", "Released")}


def test_a_second_release_says_that_the_lease_has_ended_and_changes_nothing(lab: Lab) -> None:
    lab.exporter("bench-twice")
    lab.lease("twice", board="bench-twice")
    lab.until_ready("twice")
    assert lab.ci.run("jumplab", "delete", "leases", "twice").out == 'lease "twice" released\n'
    before = lab.until("leases", "twice", lambda it: it["metadata"]["labels"])
    again = lab.ci.run("jumplab", "delete", "leases", "twice")
    assert (again.status, again.out) == (0, 'lease "twice" has ended already: released by its holder\n')
    assert lab.get("leases", "twice") == before
    missing = lab.ci.run("jumplab", "delete", "leases", "never")
    assert (missing.status, "Traceback" in missing.err) == (1, False)
    assert 'there is no lease "never"' in missing.err


def test_a_name_that_another_client_s_ended_lease_has_is_refused_with_a_sentence(lab: Lab) -> None:
    lab.exporter("bench-o")
    other = lab.person("another", lab.client("another"))
    assert other.run("jumplab", "shell", "-l", "board=bench-o", "--name", "taken", "--", "true").status == 0
    for command in ("create lease taken -l board=bench-o", "shell --name taken -l board=bench-o -- true"):
        said = lab.ci.run("jumplab", *command.split())
        assert said.status == 1
        assert said.err.splitlines()[-1].endswith(
            'the name "taken" belongs to an ended lease of client "another"; choose another name'
        )
    assert lab.get("leases", "taken")["spec"]["clientRef"]["name"] == "another"


def test_who_leaves_late_does_not_release_the_newer_lease_of_the_name(lab: Lab) -> None:
    """A pipeline whose lease has ended is still there when the next one leases by the same name."""
    lab.exporter("bench-l")
    with jumplab.lease("board=bench-l", name="shared", client=lab.config):
        lab.release("shared")
        lab.until_ended("shared")
        assert lab.ci.run("jumplab", "create", "lease", "shared", "-l", "board=bench-l", "--wait").status == 0
    assert not lab.get("leases", "shared")["status"].get("ended")
    assert lab.ci.run("jumplab", "delete", "lease", "shared").out == 'lease "shared" released\n'
    lab.until_available("bench-l")
