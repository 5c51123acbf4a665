"""Settings that are sizes."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from jumplab.protocol.sizes import parse_size


def in_units_of(unit_bytes: int) -> BeforeValidator:
    """A number of units as it is, and text with a unit of its own, which must be a whole number of these."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        units, rest = divmod(parse_size(value), unit_bytes)
        if rest:
            raise ValueError(f'"{value}" is not a whole number of {"KiB" if unit_bytes == 1 << 10 else "MiB"}')
        return units

    return BeforeValidator(read)


Size = Annotated[int, in_units_of(1), Field(gt=0)]
"""In bytes."""

SizeMib = Annotated[int, in_units_of(1 << 20), Field(gt=0)]
"""In MiB."""
