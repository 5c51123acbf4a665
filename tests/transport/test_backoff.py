"""How long a peer waits before it tries again."""

from jumplab.transport.backoff import Backoff


def test_the_first_retry_is_immediate_and_later_ones_wait_longer_up_to_the_cap() -> None:
    backoff = Backoff(cap_seconds=1.0, draw=lambda: 1.0)
    assert [backoff.next_delay() for _ in range(7)] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_success_begins_anew() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    for _ in range(5):
        backoff.next_delay()
    backoff.reset()
    assert [backoff.next_delay() for _ in range(2)] == [0.0, 0.1]


def test_the_wait_is_a_random_part_of_the_ceiling() -> None:
    draws = iter([0.5, 0.25])
    backoff = Backoff(draw=lambda: next(draws))
    assert [backoff.next_delay() for _ in range(3)] == [0.0, 0.05, 0.05]


def test_it_can_fail_for_years() -> None:
    backoff = Backoff(cap_seconds=5.0, draw=lambda: 1.0)
    assert {backoff.next_delay() for _ in range(5000)} <= {0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0}


async def test_waiting_sleeps_as_long_as_the_delay() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    backoff = Backoff(draw=lambda: 1.0, sleep=sleep)
    for _ in range(3):
        await backoff.wait()
    assert slept == [0.0, 0.1, 0.2]
