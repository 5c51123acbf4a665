"""A lease that runs changes: its end, and its holder."""

from __future__ import annotations

from typing import Any

import pytest

import jumplab
from jumplab.driver import errors
from tests.lab.lab import Lab, condition


def test_a_lease_is_handed_over_as_it_is_and_the_old_holder_is_cut_off(lab: Lab) -> None:
    lab.exporter("bench-t")
    heir = lab.person("heir", lab.client("heir"))
    lab.lease("given", board="bench-t")
    held = lab.until_ready("given")
    with jumplab.attach("given", client=lab.config) as root:
        root.board.power.on()
        handed = lab.ci.run("jumplab", "update", "lease", "given", "--to", "heir")
        assert 'belongs to client "heir"' in handed.out
        with pytest.raises(errors.DriverError, match="belongs to"):
            _use_for_ever(root)
    assert 'belongs to client "heir"' in lab.ci.run("jumplab", "shell", "--lease", "given", "--", "true").err
    assert heir.run("jumplab", "shell", "--lease", "given", "--", "j", "board", "power", "is-on").out == "true\n"
    now = lab.get("leases", "given")
    assert now["status"]["expectedEndTime"] == held["status"]["expectedEndTime"]
    assert heir.run("jumplab", "delete", "lease", "given").status == 0
    lab.until_available("bench-t")


def _use_for_ever(root: Any) -> None:
    while True:
        root.board.power.is_on()


def test_an_end_moves_both_ways_and_a_refusal_leaves_it_where_it_was(lab: Lab) -> None:
    lab.exporter("bench-u")
    lab.lease("moved", board="bench-u")
    lab.until_ready("moved")
    assert lab.ci.run("jumplab", "update", "lease", "moved", "--duration", "2h").status == 0
    longer = lab.get("leases", "moved")["status"]
    assert longer["accepted"]["duration"] == "2h"
    refused = lab.ci.run("jumplab", "update", "lease", "moved", "--to", "nobody")
    assert 'there is no client "nobody"' in refused.err
    assert lab.get("leases", "moved")["status"] == longer
    assert "has ended" in lab.ci.run("jumplab", "update", "lease", "moved", "--end", "2026-01-01 12:00").out
    assert condition(lab.get("leases", "moved"), "Ready")["reason"] == "Expired"
    lab.until_available("bench-u")
