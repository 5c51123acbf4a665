"""Durations in drivers are written as everywhere else."""

import datetime
from typing import Annotated

import pytest
from annotated_types import Gt

from jumplab.driver import Driver, errors
from jumplab.driver.codec import Codec

Timedelta = datetime.timedelta
SECOND = Timedelta(seconds=1)


class Pump(Driver):
    pause: Timedelta
    at_most: Annotated[Timedelta, Gt(Timedelta(0))] | None = None
    steps: list[Timedelta] = []  # noqa: RUF012 - pydantic copies it


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("500ms", 0.5), ("PT1M", 60), (5, 5)])
def test_a_setting_takes_what_files_have(text: object, seconds: float) -> None:
    assert Pump(pause=text).pause == seconds * SECOND


def test_so_does_one_within_other_types() -> None:
    pump = Pump(pause="1s", at_most="2m", steps=["3s", "4s"])
    assert (pump.at_most, pump.steps) == (120 * SECOND, [3 * SECOND, 4 * SECOND])
    with pytest.raises(errors.ConfigurationInvalid, match="at_most: must be greater than"):
        Pump(pause="1s", at_most="0s")


def test_what_is_none_is_told_how_to_write_one() -> None:
    with pytest.raises(errors.ConfigurationInvalid, match='pause: must be a duration, as 1h30m, not "soon"'):
        Pump(pause="soon")


async def run(self, pause: Timedelta, at_most: Timedelta | None = None) -> None: ...


def test_an_argument_takes_it_at_both_ends() -> None:
    codec = Codec(run, skip=1, result=type(None))
    assert codec.decode_arguments(codec.encode_arguments(("10m",), {"at_most": "1h"})) == {
        "pause": 600 * SECOND,
        "at_most": 3600 * SECOND,
    }
    assert codec.decode_arguments(b'{"pause": "10m", "at_most": null}') == {"pause": 600 * SECOND, "at_most": None}
    with pytest.raises(errors.BadArguments, match='pause: must be a duration, as 1h30m, not "soon"'):
        codec.decode_arguments(b'{"pause": "soon"}')
