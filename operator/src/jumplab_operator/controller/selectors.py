"""Label selectors in kubectl's -l syntax: `board=x`, `board!=x`, `rev in (1,2)`, `rev notin (1,2)`, `has`, `!has`."""

from jumplab.protocol.label_selectors import parse_label_selector, selector_problem
from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.resources import LabelSelector, Requirement

_OPERATORS = {"in": "In", "notin": "NotIn", "exists": "Exists", "absent": "DoesNotExist"}


def parse_selector(text: str) -> LabelSelector:
    """The selector that `text` writes; an empty one matches everything. Raises BadRequest."""
    if problem := selector_problem(text):
        raise BadRequest(problem)
    labels: dict[str, str] = {}
    requirements: list[Requirement] = []
    for asked in parse_label_selector(text):
        value = asked.values[0] if asked.operator == "in" and len(asked.values) == 1 else None
        # An equality that contradicts another one must stay: the selector then matches nothing.
        if value is not None and labels.setdefault(asked.key, value) == value:
            continue
        requirements.append(Requirement(key=asked.key, operator=_OPERATORS[asked.operator], values=list(asked.values)))
    return LabelSelector(match_labels=labels, match_expressions=requirements)
