"""The error of a resource whose content does not fit its schema (stored before the schema, or past it)."""

from jumplab_operator.errors import OperatorError


class Unreadable(OperatorError, ValueError):
    """An object that can't be read: names the object, the field and what is wrong with it."""

    def __init__(self, kind: str, name: str, problem: str) -> None:
        super().__init__(f'{kind} "{name}" can\'t be read: {problem}')
        self.kind = kind
        self.name = name
        self.problem = problem
