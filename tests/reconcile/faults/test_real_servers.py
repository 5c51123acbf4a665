"""The same faults, fewer, on servers that are real: their versions, their refusals, their order of events."""

from __future__ import annotations

import os
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from jumplab_operator.resources import Lease
from tests.kube.servers import KubeApi
from tests.reconcile.faults.api import FaultyApi, Plain
from tests.reconcile.faults.real import RealStore, RealWorld
from tests.reconcile.faults.test_always import FaultyLab
from tests.reconcile.faults.virtual_time import VirtualLoop
from tests.reconcile.faults.world import FaultyWorld
from tests.reconcile.faults.writes import Auditor
from tests.reconcile.world import World

_EXAMPLES = int(os.environ.get("JUMPLAB_FAULT_EXAMPLES", "3"))


@pytest.mark.nightly  # the machine's steps run in each tier; on the real servers they are a soak
@pytest.mark.timeout(900)
def test_whatever_goes_wrong_on_a_real_server_nobody_is_given_what_another_has(kube_api: KubeApi) -> None:
    run_state_machine_as_test(
        lambda: FaultyLab(lambda: RealWorld(kube_api)),
        settings=settings(
            max_examples=_EXAMPLES,
            stateful_step_count=60,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # what goes wrong once on a real server isn't sought again
            suppress_health_check=list(HealthCheck),
        ),
    )


class _Unserved(RealWorld):
    """The same world without a server: a test says what its answers and its watches bring, and in which order."""

    def __init__(self) -> None:
        self._told, self._untold = {}, {}
        FaultyWorld.__init__(self, VirtualLoop())

    def new_store(self) -> RealStore:
        return RealStore(self.clock.now, cast(World, None))

    def new_api(self) -> FaultyApi:
        return FaultyApi(self.store)

    def close(self) -> None:
        FaultyWorld.close(self)


def _written(name: str, version: int, **parts: Plain) -> Plain:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}, **parts}


def test_a_watch_may_be_quicker_than_the_answer_to_the_write() -> None:
    """The operator hears by its watch that it has ended a lease, and clears the claim, before it has the answer."""
    world = _Unserved()
    try:
        auditor = Auditor(world, {})
        world.board("e1")
        accepted = {"clientRef": {"name": "ann"}, "duration": "5m", "context": {}}
        held: Plain = {"accepted": accepted, "exporterRef": {"name": "e1"}, "beginTime": "2026-08-01T11:55:00Z"}
        over = {"type": "Ready", "status": "False", "reason": "Expired"}
        claimed: Plain = {"leaseRef": {"name": "l", "uid": "l"}}
        world.store.objects["leases"]["l"] = _written("l", 1, spec=accepted, status=held)
        world.store.objects["exporters"]["e1"] = _written("e1", 2, spec={}, status=claimed)
        world._on_event = lambda *_: None
        ended = {**held, "ended": True, "conditions": [over]}
        world._hear(Lease, "MODIFIED", _written("l", 3, spec=accepted, status=ended))
        history = [{"lease": "l", "uid": "l", "ended": "2026-08-01T12:00:00Z"}]
        world.store.take("exporters", _written("e1", 4, spec={}, status={"history": history}))
        assert auditor.wrongs == []
    finally:
        world.close()
