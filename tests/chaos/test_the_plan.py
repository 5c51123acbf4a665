"""Which faults come is the seed's to say, and nothing else's."""

from hypothesis import given
from hypothesis import strategies as st

from tools.chaos.plan import Kind, plan_faults

SEEDS = st.integers(0, 1 << 31)
LENGTHS = st.floats(1, 600)
KINDS = st.lists(st.sampled_from(Kind), min_size=1, unique=True)


@given(SEEDS, LENGTHS, KINDS)
def test_a_seed_is_a_plan_whose_faults_all_end_in_time(seed: int, seconds: float, kinds: list[Kind]) -> None:
    plan = plan_faults(seed, seconds, kinds)
    assert plan == plan_faults(seed, seconds, kinds)
    assert all(fault.at > 0 and fault.at + fault.seconds <= seconds and 0 <= fault.draw < 1 for fault in plan)
    assert {fault.kind for fault in plan} <= set(kinds)


def test_a_run_of_minutes_has_every_kind_of_fault() -> None:
    for seed in range(20):
        assert {fault.kind for fault in plan_faults(seed, 180, list(Kind))} == set(Kind)


def test_different_seeds_are_different_plans() -> None:
    assert len({plan_faults(seed, 60, list(Kind)) for seed in range(20)}) == 20
