"""How arguments and results travel."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from jumplab.driver import errors
from jumplab.driver.codec import Codec


class Sample(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    number: int
    data: bytes
    at: datetime.datetime
    names: dict[str, list[str]]


def codec_of(function, result=None):
    return Codec(function, skip=1, result=result or type(None))


async def sample(self, sample: Sample, count: int = 1, raw: bytes = b"") -> Sample: ...


samples = st.builds(
    Sample,
    number=st.integers(),
    data=st.binary(),
    at=st.datetimes(timezones=st.just(datetime.UTC)),
    names=st.dictionaries(st.text(), st.lists(st.text())),
)


@given(samples, st.integers(), st.binary())
def test_what_arrives_is_what_was_sent(value, count, raw):
    codec = codec_of(sample, Sample)
    arrived = codec.decode_arguments(codec.encode_arguments((value,), {"count": count, "raw": raw}))
    assert arrived == {"sample": value, "count": count, "raw": raw}
    assert codec.decode_result(codec.encode_result(value)) == value


def test_a_model_whose_bytes_would_travel_as_text_is_refused_with_what_to_write():
    class Loose(BaseModel):
        data: bytes

    async def read(self) -> Loose: ...

    with pytest.raises(TypeError, match='ser_json_bytes="base64"'):
        codec_of(read, Loose).schema()


def test_defaults_do_not_travel_so_that_the_exporter_has_the_say():
    async def wait(self, seconds: float = 2.0) -> None: ...

    assert codec_of(wait).encode_arguments((), {}) == b"{}"


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((), {}, "missing a required argument: 'channel'"),
        (("two",), {}, 'channel: must be a whole number, not "two"'),
        ((1, 2), {}, "too many positional arguments"),
        ((1,), {"colour": 2}, "unexpected keyword argument 'colour'"),
    ],
)
def test_wrong_arguments_are_refused_before_they_travel(args, kwargs, told):
    async def read(self, channel: int) -> None: ...

    with pytest.raises(errors.BadArguments, match=told):
        codec_of(read).encode_arguments(args, kwargs)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"channel": "1"}', b'{"channel": 1, "x": 2}', b'{"channel": 1.5}', b"\xff"]
)
def test_what_does_not_fit_is_refused_where_it_arrives(data):
    async def read(self, channel: int) -> None: ...

    with pytest.raises(errors.BadArguments, match="read"):
        codec_of(read).decode_arguments(data)


def test_a_result_that_the_interface_does_not_promise_is_the_drivers_mistake():
    async def read(self) -> int: ...

    with pytest.raises(TypeError, match="read returned what its interface does not promise"):
        codec_of(read, int).encode_result("many")
