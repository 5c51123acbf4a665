"""An operator that dies while a lease is being given its exporters: at each moment from its first look to Ready."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.reconcile.faults.api import Plain
from tests.reconcile.faults.invariants import Witness
from tests.reconcile.faults.world import FaultyWorld, Rules, conditions
from tests.reconcile.faults.writes import claim_of, exporters_of, is_true

_TURNS = 14
"""After so many turns of its loop a lease is Ready whose exporters confirm at once."""
_ONE: Plain = {"selector": {"matchLabels": {"board": "imx8"}}}
_BOTH: Plain = {"exporters": [{"name": name, **_ONE} for name in ("one", "two")]}
_WAITS: Plain = {"selector": {"matchLabels": {"board": "rpi4"}}}
_SHAPES = pytest.mark.parametrize("asked", [_ONE, _BOTH], ids=["one exporter", "two exporters"])


class _Lab(FaultyWorld):
    """Two exporters, an operator, and a lease that has just been asked for."""

    def __init__(self, asked: Plain) -> None:
        super().__init__()
        self.witness = Witness(self, Rules({}))
        self.client("ann")
        for name in ("e1", "e2"):
            self.exporter(name, "imx8")
            self.board(name)
        self.start_operator()
        self.calm()
        wanted = {"clientRef": {"name": "ann"}, "duration": "10m", **asked}
        self.uid: str = self.lease("l1", wanted)["metadata"]["uid"]
        self.deliver("leases", 100)

    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self.loop.step(1)
            self.witness.look()

    @property
    def status(self) -> Plain:
        status: Plain = self.store.existing("leases", "l1").get("status", {})
        return status

    @property
    def claimed(self) -> list[str]:
        return [each["metadata"]["name"] for each in self.all("exporters") if claim_of(each) == self.uid]

    @property
    def serving(self) -> list[str]:
        return [name for name, board in self.boards.items() if board.holding == self.uid]

    def come_to_rest(self) -> None:
        self.calm()
        self.witness.look()
        self.witness.look_at_rest()


@contextmanager
def _lab(asked: Plain) -> Iterator[_Lab]:
    lab = _Lab(asked)
    try:
        yield lab
    finally:
        lab.close()


def _deaths(asked: Plain) -> Iterator[_Lab]:
    """The lab after the operator's death, for each moment; at some the exporters serve what no Lease tells of."""
    untold = 0
    for turns in range(_TURNS):
        with _lab(asked) as lab:
            lab.turn(turns)
            untold += bool(lab.serving) and not exporters_of(lab.status)
            lab.kill_operator()
            yield lab
    assert untold, "the operator never died between the exporters' word and the Lease's"


@_SHAPES
def test_the_next_operator_finishes_what_the_dead_one_has_begun(asked: Plain) -> None:
    for lab in _deaths(asked):
        lab.start_operator()
        lab.come_to_rest()
        assert is_true({"status": lab.status}, "Ready")
        assert sorted(exporters_of(lab.status)) == lab.claimed == lab.serving


@_SHAPES
def test_a_lease_deleted_after_the_operators_death_leaves_nothing_behind(asked: Plain) -> None:
    for lab in _deaths(asked):
        lab.delete("leases", "l1")
        lab.start_operator()
        lab.come_to_rest()
        assert lab.claimed == lab.serving == []


@_SHAPES
def test_a_lease_released_after_the_operators_death_is_over_and_leaves_nothing_behind(asked: Plain) -> None:
    for lab in _deaths(asked):
        before = exporters_of(lab.status)
        lab.store.merge("leases", "l1", {"spec": {"release": True}})
        lab.start_operator()
        lab.come_to_rest()
        assert conditions({"status": lab.status})["Ready"]["reason"] == "Released"
        assert exporters_of(lab.status) == before
        assert lab.claimed == lab.serving == []


def test_a_lease_edited_before_it_said_which_exporter_it_has_is_placed_by_the_edit() -> None:
    for lab in _deaths(_ONE):
        before = exporters_of(lab.status)
        lab.store.merge("leases", "l1", {"spec": _WAITS})
        lab.start_operator()
        lab.come_to_rest()
        assert exporters_of(lab.status) == before
        assert lab.claimed == lab.serving == before


@pytest.mark.parametrize("change", ["deletion", "release", "edit"])
def test_a_lease_that_changes_before_it_says_that_it_is_ready_frees_its_exporter(change: str) -> None:
    """The operator lives, and may hear of it before or after the exporter has confirmed."""
    for turns in range(_TURNS):
        with _lab(_ONE) as lab:
            lab.turn(turns)
            told = exporters_of(lab.status)
            if change == "deletion":
                lab.delete("leases", "l1")
            else:
                lab.store.merge("leases", "l1", {"spec": _WAITS if change == "edit" else {"release": True}})
            lab.deliver("leases", 100)
            lab.turn(100)
            lab.come_to_rest()
            assert lab.claimed == lab.serving == (told if change == "edit" else [])


def test_an_exporter_that_takes_its_time_is_told_of_before_it_is_ready() -> None:
    with _lab(_ONE) as lab:
        for board in lab.boards.values():
            board.slow = True
        lab.turn(100)
        assert len(lab.claimed) == len(lab.serving) == 1
        assert lab.status == {}
        lab.loop.advance(timedelta(seconds=1))
        assert exporters_of(lab.status) == lab.claimed
        assert not is_true({"status": lab.status}, "Ready")


def test_an_exporter_that_fails_before_the_lease_tells_of_it_is_told_with_the_end() -> None:
    with _lab(_ONE) as lab:
        for board in lab.boards.values():
            board.slow = True
        lab.turn(100)
        lab.boards[lab.serving[0]].fail()
        lab.turn(100)
        lab.come_to_rest()
        assert conditions({"status": lab.status})["Ready"]["reason"] == "ExporterFailed"
        assert len(exporters_of(lab.status)) == 1


def test_a_lease_that_only_got_a_label_meanwhile_stays_where_it_is() -> None:
    with _lab(_ONE) as lab:
        for board in lab.boards.values():
            board.slow = True
        lab.turn(100)
        serving = lab.serving
        lab.store.merge("leases", "l1", {"metadata": {"labels": {"seen": "yes"}}})
        lab.deliver("leases", 100)
        lab.turn(100)
        lab.boards[serving[0]].finish()
        lab.turn(100)
        assert is_true({"status": lab.status}, "Ready")
        assert lab.serving == serving == exporters_of(lab.status)
