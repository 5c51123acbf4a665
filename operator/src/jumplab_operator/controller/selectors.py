"""Label selectors in kubectl's -l syntax: `board=x`, `board!=x`, `rev in (1,2)`, `rev notin (1,2)`, `has`, `!has`."""

import re

from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.resources import LabelSelector, Requirement

_KEY = r"(?P<key>[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?)"
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_EQUALITY = re.compile(rf"{_KEY}\s*(?P<operator>==|!=|=)\s*(?P<value>[^\s=!]*)")
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_PRESENCE = re.compile(rf"(?P<absent>!?)\s*{_KEY}")
_BETWEEN_REQUIREMENTS = re.compile(r",(?![^(]*\))")


def parse_selector(text: str) -> LabelSelector:
    """The selector that `text` writes; an empty one matches everything. Raises BadRequest."""
    labels: dict[str, str] = {}
    requirements: list[Requirement] = []
    for part in _BETWEEN_REQUIREMENTS.split(text) if text.strip() else ():
        requirement = _parse_requirement(part.strip(), text)
        values = requirement.values
        # An equality that contradicts another one must stay: the selector then matches nothing.
        if requirement.operator == "In" and len(values) == 1 and labels.get(requirement.key, values[0]) == values[0]:
            labels[requirement.key] = values[0]
        else:
            requirements.append(requirement)
    return LabelSelector(match_labels=labels, match_expressions=requirements)


def _parse_requirement(part: str, text: str) -> Requirement:
    if match := _EQUALITY.fullmatch(part):
        operator = "NotIn" if match["operator"] == "!=" else "In"
        return Requirement(key=match["key"], operator=operator, values=[_checked(match["value"], text)])
    if match := _SET.fullmatch(part):
        values = [_checked(value.strip(), text) for value in match["values"].split(",")]
        return Requirement(key=match["key"], operator="NotIn" if match["operator"] == "notin" else "In", values=values)
    if match := _PRESENCE.fullmatch(part):
        return Requirement(key=match["key"], operator="DoesNotExist" if match["absent"] else "Exists")
    raise BadRequest(
        f'"{part}" in the selector "{text}" can\'t be read; write it as for kubectl -l: board=x,rev in (1,2)'
    )


def _checked(value: str, text: str) -> str:
    if _VALUE.fullmatch(value) is None:
        raise BadRequest(f'"{value}" in the selector "{text}" is no value of a label')
    return value
