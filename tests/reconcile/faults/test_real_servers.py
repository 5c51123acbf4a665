"""The same faults, fewer, on servers that are real: their versions, their refusals, their order of events."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.kube.servers import KubeApi
from tests.reconcile.faults.real import RealWorld
from tests.reconcile.faults.test_always import FaultyLab

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
