"""Durations as manifests write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab.client.durations import format_duration, parse_duration
from jumplab.client.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("1h30m", 5400), ("90s", 90), ("1.5h", 5400), ("500ms", 0.5), ("1m500ms", 60.5)],
)
def test_a_go_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "m", "30 m", "-5m", "1d", "0s", "30m!", "1h-5m"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write it as 30m"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10**7))
def test_what_is_written_reads_back(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
