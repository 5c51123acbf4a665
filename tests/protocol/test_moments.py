"""How messages in resources write a moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jumplab.protocol.moments import at_moment, format_moment

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("moment", "after_until", "after_begins"),
    [
        (NOON + timedelta(hours=2, minutes=5), "14:05 UTC", "at 14:05 UTC"),
        (NOON - timedelta(hours=12), "00:00 UTC", "at 00:00 UTC"),
        (NOON + timedelta(days=1), "2 December at 12:00 UTC", "on 2 December at 12:00 UTC"),
        (NOON - timedelta(days=1), "30 November at 12:00 UTC", "on 30 November at 12:00 UTC"),
        (NOON + timedelta(days=31), "1 January 2027 at 12:00 UTC", "on 1 January 2027 at 12:00 UTC"),
        (NOON - timedelta(days=365), "1 December 2025 at 12:00 UTC", "on 1 December 2025 at 12:00 UTC"),
        # the date is that in UTC: of another zone's today, it is tomorrow there
        (datetime(2026, 12, 2, 8, tzinfo=TOKYO), "23:00 UTC", "at 23:00 UTC"),
        (datetime(2026, 12, 1, 8, tzinfo=TOKYO), "30 November at 23:00 UTC", "on 30 November at 23:00 UTC"),
    ],
)
def test_a_moment_has_its_date_unless_it_is_of_today_and_its_year_unless_it_is_of_this_one(
    moment: datetime, after_until: str, after_begins: str
) -> None:
    assert format_moment(moment, NOON) == after_until
    assert at_moment(moment, NOON) == after_begins
    assert format_moment(moment, NOON.astimezone(TOKYO)) == after_until, "now may be of any zone"


def test_seconds_are_written_where_they_count() -> None:
    assert at_moment(NOON + timedelta(seconds=30), NOON, seconds=True) == "at 12:00:30 UTC"
