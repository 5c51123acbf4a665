"""Annotations of what a driver's author has written, and what can't be made of them, as sentences."""

from collections.abc import Mapping
from typing import Any, get_type_hints


def hints_of(written: Any) -> Mapping[str, Any]:
    """The annotations of a function or class, as types. Raises TypeError, which names what they refer to in vain."""
    try:
        return get_type_hints(written, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{written.__qualname__}: its annotations name {error.name!r}, which its module does not have when it "
            "runs; import it, and not below `if TYPE_CHECKING:`"
        ) from error


def refusal(place: str, annotation: Any) -> str:
    """That pydantic knows no way to validate such a type.  place: whose type it is."""
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return (
        f"{place} has the type {name}, which can't be checked; use one that pydantic validates, such as int, str, "
        "bytes, datetime, an enum, a dataclass or a model"
    )
