"""How the command line writes a moment: in the user's zone, with its abbreviation."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from jumplab.client.local_moments import format_dated, format_local, in_local_time


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"  # written out: the machine need not know the name of a city
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


MORNING = datetime(2026, 12, 1, 9, tzinfo=UTC)
BEFORE_SUMMER_TIME = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("moment", "now", "text"),
    [
        (datetime(2026, 12, 1, 13, 5, tzinfo=UTC), MORNING, "14:05 CET"),
        (datetime(2026, 12, 2, 13, 5, tzinfo=UTC), MORNING, "2026-12-02 14:05 CET"),
        (datetime(2027, 7, 1, 13, 5, tzinfo=UTC), MORNING, "2027-07-01 15:05 CEST"),
        # 23:30 UTC is tomorrow already, where the user is
        (datetime(2026, 12, 1, 23, 30, tzinfo=UTC), MORNING, "2026-12-02 00:30 CET"),
        # summer time begins between now and then
        (BEFORE_SUMMER_TIME, BEFORE_SUMMER_TIME, "01:30 CET"),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), BEFORE_SUMMER_TIME, "03:30 CEST"),
        # the hour that comes twice when it ends
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), "02:30 CEST"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), "02:30 CET"),
    ],
)
def test_a_moment_is_in_local_time_with_its_zone_and_dated_unless_it_is_today(
    moment: datetime, now: datetime, text: str
) -> None:
    assert format_local(moment, now) == text
    assert format_dated(moment).endswith(text)
    assert format_dated(moment)[:5] in ("2026-", "2027-")


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("sentence", "local"),
    [
        ("leased by ann until 14:05 UTC", "leased by ann until 15:05 CET"),
        ("ends at 23:30:05 UTC or at 00:10 UTC", "ends at 00:30:05 CET or at 01:10 CET"),
        ("expired on 3 July 2027 at 14:05 UTC", "expired on 2027-07-03 16:05 CEST"),
        ("begins on 31 December at 23:30 UTC", "begins on 2027-01-01 00:30 CET"),
        ("of 31 February at 14:05 UTC nobody knows", "of 31 February at 14:05 UTC nobody knows"),
        ('exporter "bench-25:00 UTC"', 'exporter "bench-25:00 UTC"'),
        ("nothing of time", "nothing of time"),
    ],
)
def test_a_sentence_of_the_controller_is_in_local_time(sentence: str, local: str) -> None:
    assert in_local_time(sentence, MORNING) == local
