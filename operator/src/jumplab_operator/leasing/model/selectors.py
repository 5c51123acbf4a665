"""Label selectors, with the meaning that Kubernetes gives them (labels and selectors, set-based requirements)."""

from collections.abc import Mapping

from jumplab_operator.resources import LabelSelector, Requirement

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether all that the selector asks for holds. An empty selector matches everything; NotIn matches absence.

    A requirement that `selector_problem` would name matches nothing.
    """
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.value_set
        case "NotIn":
            return bool(requirement.values) and value not in requirement.value_set
        case "Exists":
            return not requirement.values and value is not None
        case "DoesNotExist":
            return not requirement.values and value is None
        case _:
            return False


def mismatch(selector: LabelSelector, labels: Mapping[str, str]) -> str | None:
    """The first thing that the selector asks for and that does not hold, in words; None where all does."""
    for key, value in sorted(selector.match_labels.items()):
        if key not in labels:
            return f"it has no label {key}"
        if labels[key] != value:
            return f"its {key} is {labels[key]}, not {value}"
    failing = (each for each in selector.match_expressions if not _holds(each, labels))
    return next((f"it is not {_describe_requirement(each)}" for each in failing), None)


def selector_problem(selector: LabelSelector) -> str | None:
    """What is wrong with the selector, in words; None when nothing is."""
    problems = (_requirement_problem(requirement) for requirement in selector.match_expressions)
    return next((problem for problem in problems if problem), None)


def _requirement_problem(requirement: Requirement) -> str | None:
    if requirement.operator not in _OPERATORS:
        return f'"{requirement.operator}" is not an operator; use {", ".join(_OPERATORS)}'
    takes_values = requirement.operator in ("In", "NotIn")
    if takes_values and not requirement.values:
        return f"{requirement.operator} on {requirement.key} needs at least one value"
    if not takes_values and requirement.values:
        return f"{requirement.operator} on {requirement.key} takes no values"
    return None


def is_empty(selector: LabelSelector) -> bool:
    """Whether it asks for nothing."""
    return not selector.match_labels and not selector.match_expressions


def describe(selector: LabelSelector) -> str:
    """The selector as kubectl's -l takes it: `board=imx8,rev in (a,b),!broken`. Equal texts mean equal selectors."""
    parts = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    parts += [_describe_requirement(requirement) for requirement in selector.match_expressions]
    return ",".join(parts)


def _describe_requirement(requirement: Requirement) -> str:
    values = ",".join(requirement.values)
    match requirement.operator:
        case "Exists":
            return requirement.key
        case "DoesNotExist":
            return f"!{requirement.key}"
        case operator:
            return f"{requirement.key} {operator.lower()} ({values})"
