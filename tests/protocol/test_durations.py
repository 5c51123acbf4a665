"""One table of durations, for every place that reads one."""

import re
from datetime import timedelta
from typing import Any

import click
import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

import jumplab
from jumplab.cli.options import DurationType
from jumplab.client.config import ClientConfig
from jumplab.client.errors import ConfigurationError
from jumplab.protocol import durations
from jumplab.protocol.durations import LONGEST, format_duration, parse_duration, parse_positive_duration, parse_seconds
from jumplab_exporter.config import Hook
from jumplab_operator.main import cli as operator
from jumplab_operator.resources import LeaseSpec

MICROSECOND = timedelta(microseconds=1)

READ = {
    "30m": timedelta(minutes=30),
    "1h30m": timedelta(minutes=90),
    "90s": timedelta(seconds=90),
    "1.5h": timedelta(minutes=90),
    ".5h": timedelta(minutes=30),
    "2.h": timedelta(hours=2),
    "500ms": timedelta(milliseconds=500),
    "1m500ms": timedelta(seconds=60.5),
    "1h0.5s": timedelta(hours=1, milliseconds=500),
    "30m1h": timedelta(minutes=90),
    "500us": 500 * MICROSECOND,
    "500µs": 500 * MICROSECOND,
    "500μs": 500 * MICROSECOND,
    "2500ns": 3 * MICROSECOND,
    "1ns": MICROSECOND,
    "2562047h": timedelta(hours=2562047),
    "9999999h": LONGEST,
    "9" * 99 + "h": LONGEST,
}
ZERO = ("0", "0s", "0h0m0s")
REFUSED = {
    "": "1 to 100 characters, this one has 0; write it as 30m",
    "9" * 100 + "h": "1 to 100 characters, this one has 101",
    "soon": '"soon" is not a duration; write it as 30m, 1h30m or 90s',
    "m": '"m" is not a duration; write it as 30m',
    "-5m": '"-5m" is not a duration; write it as 30m',
    "+5m": "not a duration",
    " 5m": "not a duration",
    "30": '"30" is not a duration: 30 has no unit; the units are h, m, s, ms, us (or µs) and ns',
    "1h30": "30 has no unit",
    "1.5.5h": "1.5 has no unit",
    "5d": 'there is no unit "d"; the units are h, m, s, ms, us (or µs) and ns',
    "30 m": 'there is no unit " m"',
    "30m!": 'there is no unit "m!"',
    "1h-5m": 'there is no unit "h-"',
    "5M": 'there is no unit "M"',
    "٣m": "not a duration",
}
TIME_LIKE = st.text(alphabet="0123456789.hmsuµμn -d", max_size=12)


def read_by_option(text: str) -> timedelta:
    return DurationType().convert(text, None, None)


def read_by_lease_spec(text: str) -> timedelta | None:
    return LeaseSpec.model_validate({"clientRef": {"name": "c"}, "duration": text}).duration


def read_by_hook(text: str) -> timedelta:
    return timedelta(seconds=Hook.model_validate({"script": "", "timeout": text}).timeout_seconds)


def read_by_operator_option(text: str) -> timedelta:
    notice = next(each for each in operator.commands["run"].params if each.name == "preemption_notice")
    read: timedelta = notice.process_value(click.Context(operator), text)
    return read


READERS = [parse_duration, read_by_option, read_by_lease_spec, read_by_hook, read_by_operator_option]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("text", "duration"), READ.items())
def test_every_reader_reads_the_same(read: Any, text: str, duration: timedelta) -> None:
    assert abs(read(text) - duration) <= MICROSECOND  # seconds in a float are not exact after 100 years


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("text", "sentence"), REFUSED.items())
def test_every_reader_refuses_the_same_with_the_same_sentence(read: Any, text: str, sentence: str) -> None:
    with pytest.raises((ValueError, click.BadParameter), match=re.escape(sentence)):
        read(text)


@pytest.mark.parametrize("text", ZERO)
def test_zero_is_a_duration_and_refused_where_it_must_be_positive(text: str) -> None:
    assert parse_duration(text) == timedelta(0)
    for read in (parse_positive_duration, read_by_option, read_by_hook):
        with pytest.raises((ValueError, click.BadParameter), match="must be greater than zero"):
            read(text)


@pytest.mark.parametrize("name", ["duration", "wait_timeout", "reconnect_within"])
@pytest.mark.parametrize(
    ("value", "sentence"),
    [("soon", '"soon" is not a duration'), ("0s", "greater than zero"), (timedelta(0), "greater than zero")],
)
def test_a_call_names_the_argument_whose_duration_is_wrong(name: str, value: Any, sentence: str) -> None:
    config = ClientConfig.model_validate(
        {"metadata": {"namespace": "lab", "name": "ci"}, "endpoint": "localhost:1", "token": "t"}
    )
    with pytest.raises(ConfigurationError, match=f"^{name}: .*{sentence}"):
        jumplab.lease("board=x", client=config, **{name: value})


@given(st.timedeltas(timedelta(0), LONGEST))
def test_what_is_written_reads_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(TIME_LIKE)
def test_the_pattern_of_schemas_matches_exactly_what_is_read(text: str) -> None:
    try:
        parse_duration(text)
    except ValueError:
        assert not re.search(durations.PATTERN, text)
    else:
        assert re.search(durations.PATTERN, text)


@pytest.mark.parametrize(("text", "milliseconds"), [("5", 5000), ("0.25", 250), ("1e3", 1_000_000)])
def test_seconds_are_a_number(text: str, milliseconds: int) -> None:
    assert parse_seconds(text) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize("text", ["", "5m", "soon", "0", "-1", "nan", "inf", "1e300"])
def test_other_seconds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f'"{re.escape(text)}" is not a number of seconds greater than zero'):
        parse_seconds(text)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_a_message_from_the_wire_is_a_duration_or_a_sentence(seconds: int, nanos: int) -> None:
    message = Duration(seconds=seconds, nanos=nanos)
    if seconds * 10**9 + nanos < 1000:
        with pytest.raises(ValueError, match="^the duration must be greater than zero$"):
            durations.from_message(message)
    else:
        assert timedelta(0) < durations.from_message(message) <= LONGEST
