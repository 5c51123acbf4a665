"""Go's durations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab.protocol.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1.5h", timedelta(minutes=90)),
        ("90s", timedelta(seconds=90)),
        ("250ms", timedelta(milliseconds=250)),
        ("0s", timedelta(0)),
        ("1h0.5s", timedelta(hours=1, milliseconds=500)),
    ],
)
def test_a_go_duration_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "30", "m30", "-5m", "1 h", "1d"])
def test_what_is_no_duration_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_what_is_longer_than_any_length_can_be_is_the_longest() -> None:
    assert parse_duration("9999999999999999h") == parse_duration(f"{'9' * 400}h") == timedelta.max
    assert parse_duration(format_duration(timedelta.max)) == timedelta.max


@given(st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_what_is_written_reads_back(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    "text", ["1" * 1_000_001 + "s", "1s" * 500_000, "1m" * 500_000 + "x", "0." + "1" * 1_000_000 + "s"]
)
def test_a_text_without_end_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write it like 90s, 30m or 1h30m") as refused:
        parse_duration(text)
    assert len(str(refused.value)) < 200
