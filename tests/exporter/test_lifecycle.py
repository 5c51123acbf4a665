"""The exporter's state machine, event by event."""

from hypothesis import given
from hypothesis import strategies as st

from jumplab_exporter.config import OnFailure
from jumplab_exporter.lifecycle import (
    Available,
    CancelCheck,
    Check,
    Checking,
    Clean,
    Cleaning,
    Connecting,
    Effect,
    Leaving,
    Prepare,
    Preparing,
    Ready,
    SendReport,
    State,
    transition,
)
from jumplab_exporter.lifecycle_events import (
    Assigned,
    CheckDue,
    Checked,
    Cleaned,
    DeadlinePassed,
    DriversHang,
    Event,
    Lease,
    Prepared,
    PreparingFailed,
    StopRequested,
)
from jumplab_exporter.reports import Status

A, B = Lease("a", name="first"), Lease("b", name="second")


def after(*events: Event, state: State | None = None) -> tuple[State, list[Effect]]:
    current: State = state or Connecting()
    effects: list[Effect] = []
    for event in events:
        current, more = transition(current, event)
        effects.extend(more)
    return current, effects


def told(effects: list[Effect]) -> list[tuple[Status, str]]:
    return [(effect.report.status, effect.report.lease_uid) for effect in effects if isinstance(effect, SendReport)]


def test_nothing_is_reported_before_the_controller_has_said_what_there_is() -> None:
    assert after() == (Connecting(), [])


def test_without_a_lease_it_is_available() -> None:
    state, effects = after(Assigned(None))
    assert state == Available()
    assert told(effects) == [(Status.AVAILABLE, "")]


def test_before_its_first_check_is_over_nothing_is_reported_and_a_lease_cancels_it() -> None:
    state, effects = after(Assigned(None), state=Connecting(checking=True))
    assert (state, effects) == (Checking(), [])
    assert told(after(Checked(), state=state)[1]) == [(Status.AVAILABLE, "")]
    state, effects = after(Assigned(A), state=Connecting(checking=True))
    assert told(effects) == [(Status.BEFORE_LEASE_HOOK, "a")]
    assert CancelCheck() in effects
    assert after(Checked(), state=state)[0] == Preparing(A)
    assert after(Checked(), Assigned(None), state=Connecting(checking=True))[0] == Available()


def test_a_lease_is_prepared_then_ready_then_cleaned_then_free() -> None:
    state, effects = after(Assigned(None), Assigned(A), Prepared("a"), Assigned(None), Cleaned())
    assert state == Available("a")
    assert told(effects) == [
        (Status.AVAILABLE, ""),
        (Status.BEFORE_LEASE_HOOK, "a"),
        (Status.LEASE_READY, "a"),
        (Status.AFTER_LEASE_HOOK, "a"),
        (Status.AVAILABLE, "a"),
    ]
    assert [type(effect) for effect in effects if not isinstance(effect, SendReport)] == [Prepare, Clean]


def test_a_process_that_starts_in_the_middle_of_a_lease_prepares_it() -> None:
    assert after(Assigned(A))[0] == Preparing(A)


def test_hearing_of_the_same_lease_again_changes_nothing() -> None:
    assert transition(Ready(A), Assigned(Lease("a", context={"new": "context"}))) == (Ready(A), ())


def test_a_new_uid_under_the_same_name_is_another_lease() -> None:
    state, _ = after(Assigned(Lease("b", name="first")), state=Ready(A))
    assert state == Cleaning(A, following=B, known=True)
    assert after(Cleaned(), state=state)[0] == Preparing(B)


def test_a_lease_that_was_cleaned_is_not_served_again() -> None:
    state, _ = after(DeadlinePassed("a"), Assigned(A), Cleaned(), Assigned(A), state=Ready(A))
    assert state == Available("a", over="a")


def test_a_lease_that_the_controller_takes_away_and_gives_again_is_served_again() -> None:
    state, _ = after(Assigned(None), Cleaned(), Assigned(A), state=Ready(A))
    assert state == Preparing(A)
    state, _ = after(DeadlinePassed("a"), Cleaned(), Assigned(None), Assigned(A), state=Ready(A))
    assert state == Preparing(A)


def test_a_deadline_of_another_lease_changes_nothing() -> None:
    assert transition(Ready(A), DeadlinePassed("b")) == (Ready(A), ())


def test_what_comes_too_late_changes_nothing() -> None:
    assert transition(Cleaning(A), Prepared("a")) == (Cleaning(A), ())
    assert transition(Available(), Cleaned()) == (Available(), ())


def test_a_hook_that_wants_the_leases_end_gets_it() -> None:
    state, effects = after(PreparingFailed("a", "no supply", OnFailure.END_LEASE), state=Preparing(A))
    assert state == Cleaning(A)
    reports = [effect.report for effect in effects if isinstance(effect, SendReport)]
    assert [(report.status, report.release) for report in reports] == [(Status.BEFORE_LEASE_HOOK_FAILED, True)]


def test_a_hook_that_wants_the_exporters_end_gets_it_after_the_clean_up() -> None:
    state, effects = after(PreparingFailed("a", "no supply", OnFailure.EXIT), Cleaned(), state=Preparing(A))
    assert state == Leaving("no supply")
    assert told(effects)[-1] == (Status.AVAILABLE, "a")


def test_a_failed_clean_up_hook_is_told_and_the_exporter_is_free_again() -> None:
    state, effects = after(Cleaned("afterLease failed", OnFailure.WARN), state=Cleaning(A, known=True))
    assert state == Available("a")
    assert isinstance(effects[0], SendReport)
    assert effects[0].report.message == "afterLease failed"


def test_a_board_that_is_not_safe_is_told_with_what_else_failed() -> None:
    _, effects = after(Cleaned("afterLease failed", unsafe="the supply is on"), state=Cleaning(A, known=True))
    assert isinstance(effects[0], SendReport)
    assert effects[0].report.message == "afterLease failed; the supply is on"


def test_drivers_that_hang_keep_it_not_ready_by_name_until_they_are_done() -> None:
    state, effects = after(DriversHang(("relay", "camera")), state=Cleaning(A))
    assert isinstance(effects[0], SendReport)
    assert effects[0].report.message == "not ready: still running: relay, camera"
    assert after(Cleaned(), state=state)[0] == Available("a", over="a")


def test_asked_to_stop_a_running_lease_is_not_cleaned_up() -> None:
    assert transition(Ready(A), StopRequested()) == (Leaving(), ())


def test_asked_to_stop_a_clean_up_is_finished_first() -> None:
    state, effects = after(StopRequested(), Cleaned(), state=Cleaning(A))
    assert state == Leaving()
    assert told(effects) == [(Status.AVAILABLE, "a")]


def test_asked_to_stop_twice_it_stops_at_once() -> None:
    assert after(StopRequested(), StopRequested(), state=Cleaning(A))[0] == Leaving()


def test_drivers_that_hang_do_not_keep_it_from_stopping() -> None:
    assert after(StopRequested(), DriversHang(("relay",)), state=Cleaning(A))[0] == Leaving()
    assert after(DriversHang(("relay",)), StopRequested(), state=Cleaning(A))[0] == Leaving()


def test_a_health_check_is_made_between_leases_and_told_of() -> None:
    state, effects = after(Assigned(None), CheckDue(), Assigned(None), Checked())
    assert state == Available()
    assert effects[1:] == [Check(), *effects[-1:]]
    assert told(effects) == [(Status.AVAILABLE, ""), (Status.AVAILABLE, "")]


def test_a_lease_that_comes_during_a_check_cancels_it_and_is_prepared_once_it_is_down() -> None:
    state, effects = after(Assigned(None), CheckDue(), Assigned(A), Assigned(A))
    assert state == Checking("", A)
    assert effects[-1] == CancelCheck()
    assert told(effects)[1:] == [(Status.BEFORE_LEASE_HOOK, "a")]
    state, effects = after(Checked(), Prepared("a"), state=state)
    assert state == Ready(A)
    assert effects[0] == Prepare(A)


def test_a_lease_that_ends_before_the_check_is_down_was_never_prepared() -> None:
    for ending in (Assigned(None), DeadlinePassed("a")):
        state, effects = after(Assigned(None), CheckDue(), Assigned(A), ending, Checked())
        assert state == Available("a", over="a" if isinstance(ending, DeadlinePassed) else "")
        assert (Status.AVAILABLE, "a") in told(effects)
        assert Prepare(A) not in effects


def test_the_next_lease_takes_the_place_of_one_that_ends_before_the_check_is_down() -> None:
    state, effects = after(Assigned(None), CheckDue(), Assigned(A), Assigned(B), Checked())
    assert state == Preparing(B)
    assert told(effects)[1:] == [
        (Status.BEFORE_LEASE_HOOK, "a"),
        (Status.AVAILABLE, "a"),
        (Status.BEFORE_LEASE_HOOK, "b"),
    ]


def test_no_check_is_made_while_there_is_a_lease() -> None:
    for held in (after(Assigned(A)), after(Assigned(A), Prepared("a")), after(Assigned(A), Assigned(None))):
        assert after(CheckDue(), state=held[0]) == (held[0], [])


uids = st.sampled_from(["a", "b", "c"])
events = st.one_of(
    st.builds(Assigned, st.none() | st.builds(Lease, uids)),
    st.builds(Prepared, uids),
    st.builds(PreparingFailed, uids, st.just("no"), st.sampled_from(OnFailure)),
    st.builds(DeadlinePassed, uids),
    st.builds(DriversHang, st.just(("relay",))),
    st.builds(Cleaned, st.sampled_from(["", "no"]), st.sampled_from(OnFailure)),
    st.builds(CheckDue),
    st.builds(Checked),
    st.builds(StopRequested),
)


@given(st.lists(events, max_size=30))
def test_each_lease_that_was_prepared_is_cleaned_before_the_next_one(history: list[Event]) -> None:
    _, effects = after(*history)
    held: str | None = None
    for effect in effects:
        match effect:
            case Prepare(lease):
                assert held is None
                held = lease.uid
            case Clean(lease):
                assert held == lease.uid
                held = None


@given(st.lists(events, max_size=30))
def test_ready_is_only_said_of_the_lease_that_is_held(history: list[Event]) -> None:
    state: State = Connecting()
    for event in history:
        state, effects = transition(state, event)
        for effect in effects:
            if isinstance(effect, SendReport) and effect.report.status is Status.LEASE_READY:
                assert isinstance(state, Ready)
                assert state.lease.uid == effect.report.lease_uid


@given(st.lists(events, max_size=30))
def test_nothing_is_prepared_while_a_check_runs(history: list[Event]) -> None:
    state, checking = after()[0], False
    for event in history:
        state, effects = transition(state, event)
        checking = checking and not isinstance(event, Checked)
        for effect in effects:
            assert not (checking and isinstance(effect, Prepare | Check))
            checking = checking or isinstance(effect, Check)
