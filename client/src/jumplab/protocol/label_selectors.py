"""Label selectors in kubectl's -l syntax, by the grammar of Kubernetes, read in one pass and within bounds.

    board=x    board==x    board!=x    rev in (1,2)    rev notin (1,2)    has    !has    rev>1    rev<9

Each requirement is looked at for every object, so that not only the text has its bound.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

LONGEST_TEXT = 8_192
MOST_REQUIREMENTS = 64
MOST_VALUES = 1_000
"""Of one requirement."""
LONGEST_KEY = 317
"""A prefix of 253 characters, a slash and a name of 63."""
LONGEST_VALUE = 63

Operator = Literal["in", "notin", "exists", "absent", ">", "<"]

ALL_OPERATORS: Collection[Operator] = get_args(Operator)
SELECTING: Collection[Operator] = ("in", "notin", "exists", "absent")
"""The operators by which exporters and leases are selected."""

_QUOTED_CHARACTERS = 200
_CHARACTERS = "use up to 63 letters, digits, - _ and ., with a letter or digit first and last"
_EXAMPLE = "write it as for kubectl -l: board=x,rev in (1,2)"
_TOKEN = re.compile(r"[^\s=!<>(),]+|==|!=|[=!<>(),]")
_SYMBOLS = ("==", "!=", "=", "!", "<", ">", "(", ")", ",")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_PREFIX = 253
_LONGEST_NAME = 63
_END = ""


@dataclass(frozen=True, slots=True)
class TextRequirement:
    """One requirement. `key=value` is `in` with one value, `key!=value` is `notin`; "exists" and "absent" have none."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


class UnreadableSelector(ValueError):
    """The text is no label selector; the message says what is wrong, in Kubernetes' words.

    plain: the same in plain words.
    """

    def __init__(self, message: str, plain: str) -> None:
        super().__init__(message)
        self.plain = plain


class SelectorTooLarge(UnreadableSelector):
    """The text exceeds a bound; the message says which, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, message)


def parse_label_selector(text: str) -> Sequence[TextRequirement]:
    """The requirements that a text writes; none for an empty one. Raises UnreadableSelector."""
    check_length(text)
    return _Parser(_TOKEN.findall(text)).requirements()


def selector_problem(text: str, operators: Collection[str] = SELECTING) -> str | None:
    """A sentence on what is wrong with a text, or with its use of an operator that is not among these; None where all
    is well."""
    try:
        asked = parse_label_selector(text)
    except SelectorTooLarge as error:
        return str(error)
    except UnreadableSelector as error:
        return f'{error.plain}, in the selector "{text[:_QUOTED_CHARACTERS]}"; {_EXAMPLE}'
    other = next((each.operator for each in asked if each.operator not in operators), None)
    return f'"{other}" can\'t be used to select exporters and leases; compare with = or in' if other else None


def label_problem(key: str, value: str) -> str | None:
    """A sentence on what keeps a label from being one; None where nothing does."""
    if not _is_key(key):
        return f"\"{_brief(key)}\" can't be a label's key; {_CHARACTERS}, and perhaps a prefix such as example.com/"
    return None if not value or _is_value(value) else f'"{_brief(value)}" can\'t be the value of "{key}"; {_CHARACTERS}'


def check_length(text: str) -> None:
    """Raises SelectorTooLarge for a text that is too long to be read."""
    if len(text) > LONGEST_TEXT:
        raise SelectorTooLarge(
            f"the selector has {len(text)} characters, the limit is {LONGEST_TEXT}; use a shorter selector"
        )


def check_count(requirements: Sequence[object]) -> None:
    """Raises SelectorTooLarge for more requirements than a selector may have."""
    if len(requirements) > MOST_REQUIREMENTS:
        raise SelectorTooLarge(f"the selector has more than {MOST_REQUIREMENTS} requirements; select by fewer labels")


class _Parser:
    """Goes through the tokens of one text."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def requirements(self) -> list[TextRequirement]:
        found: list[TextRequirement] = []
        if not self._tokens:
            return found
        wanted = "!, identifier, or 'end of string'"
        while True:
            if self._next in ("", *_SYMBOLS) and self._next != "!":
                raise _found(self._next, wanted, "a label's key")
            found.append(self._requirement())
            check_count(found)
            if self._next == _END:
                return found
            if (token := self._take()) != ",":
                raise _found(token, "',' or 'end of string'", "a comma")
            wanted = "identifier after ','"

    @property
    def _next(self) -> str:
        """The token that is not taken yet; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _take(self) -> str:
        token = self._next
        self._at += 1
        return token

    def _requirement(self) -> TextRequirement:
        if self._next == "!":
            self._take()
            return TextRequirement(self._key(), "absent")
        key = self._key()
        if self._next in (_END, ","):
            return TextRequirement(key, "exists")
        match self._take():
            case "=" | "==":
                return TextRequirement(key, "in", (self._value(),))
            case "!=":
                return TextRequirement(key, "notin", (self._value(),))
            case ("in" | "notin") as operator:
                return TextRequirement(key, operator, self._values())
            case (">" | "<") as operator:
                return TextRequirement(key, operator, (self._integer(),))
            case other:
                raise _found(other, "'=', '!=', '==', 'in', 'notin'", "=, !=, in or notin", unparsed=True)

    def _key(self) -> str:
        key = self._take()
        if key in (_END, *_SYMBOLS):
            raise _found(key, "identifier", "a label's key", unparsed=True)
        if not _is_key(key):
            raise UnreadableSelector(
                f'unable to parse requirement: invalid label key "{_brief(key)}"',
                f"\"{_brief(key)}\" can't be a label's key",
            )
        return key

    def _value(self) -> str:
        """What follows an operator: one value, which may be left out."""
        if self._next in (_END, ","):
            return ""
        value = self._take()
        if value in _SYMBOLS:
            raise _found(value, "identifier", "a label's value", unparsed=True)
        return _checked(value)

    def _integer(self) -> str:
        value = self._value()
        if not value.isdecimal():
            raise UnreadableSelector(
                "unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer",
                "> and < compare with a whole number",
            )
        return value

    def _values(self) -> tuple[str, ...]:
        """A list in parentheses. What stands between two commas may be empty, as it may for Kubernetes."""
        if (token := self._take()) != "(":
            raise _found(token, "'('", "a list in parentheses", unparsed=True)
        values = [""]
        while (taken := self._take()) != ")":
            if taken == ",":
                values.append("")
            elif taken in (_END, *_SYMBOLS) or values[-1]:
                raise _found(taken, "',' or ')'", "a comma or )", unparsed=True)
            else:
                values[-1] = _checked(taken)
        if len(values) > MOST_VALUES:
            raise SelectorTooLarge(f"a requirement has {len(values)} values, the limit is {MOST_VALUES}; name fewer")
        return tuple(values)


def _is_key(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    good_prefix = not slash or (len(prefix) <= _LONGEST_PREFIX and _PREFIX.fullmatch(prefix))
    return bool(good_prefix) and len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def _is_value(text: str) -> bool:
    return len(text) <= LONGEST_VALUE and _NAME.fullmatch(text) is not None


def _checked(value: str) -> str:
    if not _is_value(value):
        raise UnreadableSelector(
            f'unable to parse requirement: invalid label value: "{_brief(value)}"',
            f"\"{_brief(value)}\" can't be a label's value",
        )
    return value


def _found(token: str, wanted: str, plain: str, *, unparsed: bool = False) -> UnreadableSelector:
    context = "unable to parse requirement: " if unparsed else ""
    place = f'"{_brief(token)}" stands where {plain} is expected' if token else f"{plain} is missing at the end"
    return UnreadableSelector(f"{context}found '{_brief(token)}', expected: {wanted}", place)


def _brief(token: str) -> str:
    return token if len(token) <= LONGEST_KEY else f"{token[:LONGEST_KEY]}…"
