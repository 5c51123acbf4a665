"""Label selectors in kubectl's -l syntax: `board=x`, `board!=x`, `rev in (1,2)`, `rev notin (1,2)`, `has`, `!has`."""

from collections.abc import Sequence

from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.label_selectors import SelectorTooLarge, TextRequirement, UnreadableSelector, parse_label_selector
from jumplab_operator.resources import LabelSelector, Requirement

_QUOTED_CHARACTERS = 200
_OPERATORS = {"in": "In", "notin": "NotIn", "exists": "Exists", "absent": "DoesNotExist"}


def parse_selector(text: str) -> LabelSelector:
    """The selector that `text` writes; an empty one matches everything. Raises BadRequest."""
    labels: dict[str, str] = {}
    requirements: list[Requirement] = []
    for asked in _parsed(text):
        value = asked.values[0] if asked.operator == "in" and len(asked.values) == 1 else None
        # An equality that contradicts another one must stay: the selector then matches nothing.
        if value is not None and labels.setdefault(asked.key, value) == value:
            continue
        requirements.append(_requirement(asked))
    return LabelSelector(match_labels=labels, match_expressions=requirements)


def _parsed(text: str) -> Sequence[TextRequirement]:
    try:
        return parse_label_selector(text)
    except SelectorTooLarge as error:
        raise BadRequest(str(error)) from error
    except UnreadableSelector as error:
        example = "write it as for kubectl -l: board=x,rev in (1,2)"
        raise BadRequest(f'{error}, in the selector "{text[:_QUOTED_CHARACTERS]}"; {example}') from error


def _requirement(asked: TextRequirement) -> Requirement:
    operator = _OPERATORS.get(asked.operator)
    if operator is None:
        raise BadRequest(f'"{asked.operator}" can\'t be used to select exporters and leases; compare with = or in')
    return Requirement(key=asked.key, operator=operator, values=list(asked.values))
