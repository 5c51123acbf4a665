"""Sizes as people write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from jumplab.protocol.sizes import format_size, parse_size
from jumplab_exporter.drivers.console.buffered import DiskMib, MemoryKib
from jumplab_exporter.drivers.sizes import Size, SizeMib


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("4096", 4096),
        ("512B", 512),
        ("64MiB", 64 << 20),
        ("64 MiB", 64 << 20),
        ("64mib", 64 << 20),
        ("64Mi", 64 << 20),
        ("1.5GiB", 3 << 29),
        (".5KiB", 512),
        ("32GB", 32 * 10**9),
        ("8kB", 8000),
        ("2TiB", 2 << 40),
    ],
)
def test_a_size_is_read(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1 to 40 characters"),
        ("9" * 41, "1 to 40 characters"),
        ("64M", '"64M" may mean 64MiB or 64MB'),
        ("64g", '"64g" may mean 64GiB or 64GB'),
        ("64 parsecs", 'there is no unit "parsecs"'),
        ("-1", "is not a size"),
        ("1e3", "is not a size; write it as 64MiB"),
        ("64MiB ", "is not a size"),
        ("٦٤MiB", "is not a size"),
        ("1.5", "is not a whole number of bytes"),
        ("0.3KiB", "is not a whole number of bytes"),
        ("9000000000TiB", "is more than the largest size"),
    ],
)
def test_what_is_no_size_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_size(text)


@given(st.integers(1, 2**62))
def test_what_is_shown_is_exact(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes).removesuffix("ytes").replace(" b", "B")) == size_bytes


def test_a_setting_takes_both() -> None:
    setting = TypeAdapter(Size)
    assert setting.validate_python("32GiB") == setting.validate_python(32 << 30)
    for wrong in (0, "0", "many"):
        with pytest.raises(ValidationError):
            setting.validate_python(wrong)


def test_a_setting_in_mib_takes_a_unit() -> None:
    setting = TypeAdapter(SizeMib)
    assert setting.validate_python(64) == setting.validate_python("64MiB") == 64
    with pytest.raises(ValidationError, match="is not a whole number of MiB"):
        setting.validate_python("1KiB")


def test_the_consoles_take_units_as_well() -> None:
    assert TypeAdapter(MemoryKib).validate_python("2MiB") == 2048
    assert TypeAdapter(DiskMib).validate_python("0MiB") == 0
    with pytest.raises(ValidationError, match="is not a whole number of KiB"):
        TypeAdapter(MemoryKib).validate_python("70000B")
