"""Moments as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from jumplab.client.errors import ConfigurationError
from jumplab.client.timestamps import parse_moment

HERE = timezone(timedelta(hours=2))
NOW = datetime(2026, 8, 1, 14, 0, tzinfo=HERE)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("14:30", datetime(2026, 8, 1, 14, 30, tzinfo=HERE)),
        ("13:30", datetime(2026, 8, 2, 13, 30, tzinfo=HERE)),
        ("2026-08-01 13:30", datetime(2026, 8, 1, 13, 30, tzinfo=HERE)),
        ("2026-08-01T13:30:00Z", datetime(2026, 8, 1, 15, 30, tzinfo=HERE)),
    ],
)
def test_a_moment_is_read_in_the_zone_of_its_reader(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a time"):
        parse_moment(text, NOW)
