"""Values of meters, as devices write them."""

import math
from collections.abc import Mapping
from typing import Any


def number_of(values: Mapping[str, Any], key: str) -> float | None:
    """A number among a device's values; None for one that is missing, or is no number."""
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
