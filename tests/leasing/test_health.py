"""Whether an exporter can be trusted: what speaks against it, what quarantines it, and what brings it back."""

from datetime import timedelta

from jumplab_operator.leasing.model.exporter_health import NOTHING, RETURN, FailedLease, Found, Judgement, judge
from jumplab_operator.resources import Exporter, ExporterStatus, Metadata
from jumplab_operator.resources.exporter import Quarantine
from tests.leasing.worlds import NOON, minutes

FAILED = Found("Failed", 2, NOON, "no answer", "", "the log")
QUARANTINED = ExporterStatus(quarantine=Quarantine(since=NOON, reason="no answer", log="the log"))


def judged(
    found: Found = NOTHING,
    *leases: FailedLease,
    status: ExporterStatus | None = None,
    after: timedelta = timedelta(minutes=1),
    **annotations: str,
) -> Judgement:
    metadata = Metadata(name="bench-1", annotations=annotations)
    return judge(Exporter(metadata=metadata, status=status or ExporterStatus()), found, leases, NOON + after, 2)


def failed_lease(ago: int) -> FailedLease:
    return FailedLease(NOON - minutes(ago), f"lease {ago} failed")


def said(judgement: Judgement) -> tuple[str, str]:
    return judgement.condition.status, judgement.condition.reason


def test_an_exporter_that_nothing_speaks_against_is_healthy() -> None:
    assert said(judged()) == ("True", "NotChecked")
    assert said(judged(Found("Passed"))) == ("True", "Healthy")


def test_one_failure_is_told_and_does_not_quarantine() -> None:
    assert said(judged(Found("Failed", 1, NOON, "no answer"))) == ("False", "CheckFailed")
    assert said(judged(NOTHING, failed_lease(1))) == ("False", "LeaseFailed")
    assert judged(NOTHING, failed_lease(1)).quarantine is None


def test_failures_of_one_kind_in_a_row_quarantine_with_reason_and_log() -> None:
    found = judged(FAILED).quarantine
    assert found == Quarantine(since=NOON + minutes(1), reason="no answer; 2 consecutive failures", log="the log")
    assert said(judged(NOTHING, failed_lease(1), failed_lease(2))) == ("False", "Quarantined")
    assert said(judged(Found("Failed", 1, NOON, "no answer"), failed_lease(1))) == ("False", "CheckFailed")


def test_a_check_that_passes_ends_a_quarantine_and_what_was_before_counts_no_more() -> None:
    back = judged(Found("Passed"), failed_lease(1), failed_lease(2), status=QUARANTINED)
    assert back.quarantine is None
    assert back.cleared == NOON + minutes(1)
    assert said(back) == ("True", "Healthy")
    later = ExporterStatus(cleared_time=back.cleared)
    assert said(judged(Found("Passed"), failed_lease(1), failed_lease(2), status=later)) == ("True", "Healthy")


def test_nothing_else_ends_a_quarantine() -> None:
    for found in (NOTHING, Found("Due"), FAILED):
        assert judged(found, status=QUARANTINED).quarantine == QUARANTINED.quarantine


def test_an_administrators_word_holds_until_the_next_failure() -> None:
    back = judged(FAILED, status=QUARANTINED, **{RETURN: "yes"})
    assert back.quarantine is None
    cleared = ExporterStatus(cleared_time=back.cleared)
    assert judged(FAILED, status=cleared).quarantine is None
    again = Found("Failed", 3, NOON + minutes(5), "no answer")
    assert judged(again, status=cleared, after=minutes(6)).quarantine is not None


def test_how_to_come_back_is_told() -> None:
    without, with_check = judged(NOTHING, status=QUARANTINED), judged(FAILED, status=QUARANTINED)
    command = "`kubectl annotate exporter bench-1 jumplab.dev/healthy=yes`"
    assert without.condition.message == f"no answer; {command} ends the quarantine"
    assert with_check.condition.message == f"no answer; a health check that passes, or {command} ends the quarantine"


def test_broken_drivers_are_told_of_and_do_not_quarantine() -> None:
    found = judged(Found("Passed", broken_drivers='driver "relay" can\'t be used'))
    assert said(found) == ("False", "DriverFailed")
    assert found.quarantine is None
