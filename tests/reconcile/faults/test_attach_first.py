"""What follows of a lease's being Ready: it waits, since its holder attaches now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from jumplab_operator.resources.metadata import format_instant
from tests.reconcile.faults.api import FaultyApi, Plain, Store
from tests.reconcile.faults.world import SETTINGS, FaultyWorld
from tests.reconcile.faults.writes import is_true

_MOMENT = timedelta(milliseconds=1)


class _Api(FaultyApi):
    """Remembers what was told by Events."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.told: list[str] = []

    async def _serve(self, method: str, path: str, body: Mapping[str, Any]) -> Plain:
        if path.endswith("/events"):
            self.told.append(body["reason"])
        return await super()._serve(method, path, body)


class _Leased(FaultyWorld):
    """A lease that has just become Ready."""

    def __init__(self) -> None:
        super().__init__()
        self.client("ann")
        self.exporter("e1", "imx8")
        self.board("e1")
        self.start_operator()
        self.calm()
        self.lease("l1", {"clientRef": {"name": "ann"}, "exporterRef": {"name": "e1"}, "duration": "10m"})
        self.calm()
        assert is_true(self.store.existing("leases", "l1"), "Ready")

    def new_api(self) -> _Api:
        return _Api(self.store)

    @property
    def told(self) -> list[str]:
        assert isinstance(self.api, _Api)
        return self.api.told

    @property
    def phase(self) -> str:
        status: Plain = self.store.existing("exporters", "e1")["status"]
        return str(status["exporterStatus"])

    @property
    def knows_the_end(self) -> bool:
        return self.boards["e1"].knows_its_end


@pytest.fixture
def leased() -> Iterator[_Leased]:
    world = _Leased()
    yield world
    world.close()


def test_the_exporter_says_that_it_is_leased_and_hears_until_when_after_the_holder_had_time_to_attach(
    leased: _Leased,
) -> None:
    leased.loop.advance(SETTINGS.attach_first - _MOMENT)
    assert (leased.phase, leased.knows_the_end) == ("Available", False)
    leased.loop.advance(2 * _MOMENT)
    assert (leased.phase, leased.knows_the_end) == ("LeaseReady", True)


def test_the_exporter_hears_until_when_it_is_leased_though_its_own_status_can_not_be_written(leased: _Leased) -> None:
    leased.api.away = True
    leased.loop.advance(SETTINGS.end_send_delay - _MOMENT)
    assert (leased.phase, leased.knows_the_end) == ("Available", False)
    leased.loop.advance(2 * _MOMENT)
    assert (leased.phase, leased.knows_the_end) == ("Available", True)


def test_a_lease_that_ends_before_its_exporter_heard_until_when_is_over_at_once(leased: _Leased) -> None:
    leased.store.merge("leases", "l1", {"spec": {"release": True}})
    leased.deliver("leases", 10)
    leased.calm()
    assert leased.boards["e1"].holding == ""
    assert "leaseRef" not in leased.store.existing("exporters", "e1")["status"]


def test_an_exporter_that_comes_back_hears_until_when_it_is_leased() -> None:
    world = _Leased()
    try:
        world.boards["e1"].disconnect()
        world.loop.settle()
        world.connect_all()
        world.loop.settle()
        assert world.knows_the_end
    finally:
        world.close()


def test_that_a_holder_has_attached_is_written_a_moment_later(leased: _Leased) -> None:
    leased.loop.advance(timedelta(seconds=2))
    leased.boards["e1"].attend()
    attached = format_instant(leased.now)
    leased.calm()
    assert "firstUsedTime" not in leased.store.existing("leases", "l1")["status"]
    leased.loop.advance(SETTINGS.attach_first + _MOMENT)
    assert leased.store.existing("leases", "l1")["status"]["firstUsedTime"] == attached


def test_events_come_after_the_holder_had_time_to_attach_and_one_by_one(leased: _Leased) -> None:
    leased.loop.advance(SETTINGS.attach_first - _MOMENT)
    assert leased.told == []
    leased.loop.advance(2 * _MOMENT)
    assert leased.told == ["Assigned"]
    leased.loop.advance(timedelta(milliseconds=100))
    assert leased.told == ["Assigned", "Ready"]
