"""What pydantic found wrong, as a sentence for the person who wrote it; for client, exporter and operator alike.

    endpoint: is missing; tls.cert: is not known; remove it or correct its spelling; retries: must be at most 5, not 7

Each problem is there, with the path of its key, and with its line where the file is at hand. Our own validators raise
ValueError with what follows the path.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

if TYPE_CHECKING:  # what only reads JSON loads no YAML
    from jumplab.yaml_documents import YamlDocument

_EXACT = {
    "missing": "is missing",
    "extra_forbidden": "is not known; remove it or correct its spelling",
    "json_invalid": "is not JSON: {error}",
    "none_required": "must be null",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must match {pattern}",
    "date_past": "must be a date in the past",
    "date_future": "must be a date in the future",
    "datetime_past": "must be in the past",
    "datetime_future": "must be in the future",
    "timezone_naive": "must be a date and time without a zone",
    "is_instance_of": "must be of the type {class}",
    "union_tag_invalid": "must have {discriminator} as one of {expected_tags}",
    "url_scheme": "must be a URL that begins with {expected_schemes}",
}
_FAMILIES = {
    "int": "must be a whole number",
    "float": "must be a number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "fraction": "must be a number",
    "bool": "must be true or false",
    "string_type": "must be text",
    "string_unicode": "must be text in UTF-8",
    "bytes_type": "must be bytes in base64",
    "bytes_invalid": "must be bytes in base64",
    "dict": "must be a mapping",
    "frozen_dict": "must be a mapping",
    "mapping": "must be a mapping",
    "model": "must be a mapping",
    "dataclass": "must be a mapping",
    "list": "must be a list",
    "tuple": "must be a list",
    "named_tuple": "must be a list",
    "arguments": "must be a list",
    "set_type": "must be a list",
    "frozen_set": "must be a list",
    "iterable": "must be a list",
    "datetime": "must be a date and time, as 2026-08-01T14:30:00Z",
    "timezone": "must be a date and time with its zone, as 2026-08-01T14:30:00Z",
    "date": "must be a date, as 2026-08-01",
    "time_delta": "must be a duration, as 1h30m",
    "time": "must be a time of day, as 14:30",
    "url_type": "must be a URL, as http://relay.example.com",
    "url_parsing": "must be a URL, as http://relay.example.com",
    "url_syntax": "must be a URL, as http://relay.example.com",
    "uuid": "must be a UUID",
    "path": "must be a path",
}
"""By the beginning of an error's type; the first that fits."""

_LENGTHS = ("string_too_short", "string_too_long", "bytes_too_short", "bytes_too_long", "too_short", "too_long")
_SECRET = re.compile(r"token|secret|password|credential|key$", re.IGNORECASE)
_LONGEST_VALUE_CHARACTERS = 60
_PLAIN = (Mapping, list, tuple, str, bytes, int, float, type(None))
_FOUND = re.compile(r", not .*$")


def explain_validation(error: ValidationError, found: Any = None, path_prefix: str = "") -> str:
    """All problems as one line: `PATH: PROBLEM; PATH: PROBLEM`.

    found: what was validated, so that paths have keys of it alone, and not the names of the types that were tried.
    path_prefix: what all paths begin with. Values that may be secret are not shown.
    """
    return "; ".join(_problems(error, found, lambda keys: _path(path_prefix, keys)).values())


def explain_document(
    error: ValidationError, found: Any, document: "YamlDocument", variables: Mapping[tuple[str, ...], str]
) -> tuple[list[str], list[str]]:
    """The problems of a file, each with its line, and those of the variables that take the place of its settings.

    found: what was validated: the document's content, with what the variables say.
    variables: which variable has set what is at these keys, and below them.
    """

    def variable_of(keys: Sequence[int | str]) -> str:
        return next((name for path, name in variables.items() if tuple(keys[: len(path)]) == path), "")

    of_file = _problems(error, found, lambda keys: "" if variable_of(keys) else _path("", keys), document)
    of_variables = _problems(error, found, variable_of)
    return [text for place, text in of_file.items() if place], [text for place, text in of_variables.items() if place]


def _problems(
    error: ValidationError,
    found: Any,
    place_of: Callable[[Sequence[int | str]], str],
    document: "YamlDocument | None" = None,
) -> dict[str, str]:
    """A text for each place that has problems, with its line in the document if there is one."""
    phrases: dict[str, list[str]] = {}
    lines: dict[str, str] = {}
    for fault in error.errors(include_url=False):
        keys = _keys(fault["loc"], found, fault["type"])
        place = place_of(keys)
        phrase = _unquoted(fault, keys, place, document) or _phrase(fault, place)
        if phrase not in phrases.setdefault(place, []):
            phrases[place].append(phrase)
        lines[place] = f" (line {document.line_of(keys)})" if document else ""
    return {
        place: (f"{place}: {_joined(each)}" if place else _joined(each)) + lines[place]
        for place, each in phrases.items()
    }


def _unquoted(fault: Any, keys: Sequence[int | str], place: str, document: "YamlDocument | None") -> str:
    """What is said of a value that would be text in quotes; empty where it is none."""
    written = document.written(keys) if document is not None and fault["type"] == "string_type" else ""
    if not written:
        return ""
    if _SECRET.search(place.rpartition(".")[2]):
        return "must be text; write it in quotes"
    return f'must be text, and YAML reads {written} as {yaml_kind(fault["input"])}; write it in quotes: "{written}"'


def yaml_kind(value: Any) -> str:
    """What YAML has made of a scalar that is no text, in words."""
    if isinstance(value, bool) or value is None:
        return f"the boolean {str(value).lower()}" if isinstance(value, bool) else "null"
    if isinstance(value, date):
        return "a date"
    return "a number" if isinstance(value, int | float) else "something else"


def _keys(location: Sequence[int | str], found: Any, kind: str) -> list[int | str]:
    """The keys of a location; what pydantic puts between them for each type of a union is left out."""
    if found is None:
        return list(location)
    keys: list[int | str] = []
    for index, part in enumerate(location):
        lacking = kind == "missing" and index == len(location) - 1
        if _has(found, part):
            found = found[part]
            keys.append(part)
        elif lacking or not isinstance(found, _PLAIN):
            keys.append(part)
    return keys


def _has(found: Any, part: int | str) -> bool:
    if isinstance(found, list | tuple):
        return isinstance(part, int) and part < len(found)
    return isinstance(found, Mapping) and part in found


def _path(path_prefix: str, keys: Sequence[int | str]) -> str:
    path = path_prefix
    for key in keys:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else key
    return path


def _phrase(fault: Any, path: str) -> str:
    kind, context = fault["type"], fault.get("ctx") or {}
    if kind in ("value_error", "assertion_error"):
        return " ".join(str(fault["msg"]).partition(", ")[2].split())
    if kind in _LENGTHS:
        return _length_phrase(fault, context)
    if kind in ("literal_error", "enum"):
        phrase = f"must be {str(context['expected']).replace(chr(39), chr(34))}"
    elif kind in _EXACT:
        phrase = _EXACT[kind].format(**context)
    else:
        family = next((phrase for start, phrase in _FAMILIES.items() if kind.startswith(start)), "")
        phrase = family or re.sub(r"^.*? should (not )?", r"must \1", fault["msg"])
    return phrase + _but_found(fault["input"], path) if phrase.startswith("must") else phrase


def _length_phrase(fault: Any, context: Mapping[str, Any]) -> str:
    unit = {"string": "characters", "bytes": "bytes"}.get(fault["type"].partition("_")[0], "entries")
    if "min_length" in context:
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} {unit}, not {len(fault['input'])}"
    return f"must have at most {context['max_length']} {unit}, not {len(fault['input'])}"


def _but_found(value: Any, path: str) -> str:
    text = _value_text(value)
    secret = isinstance(value, str | int | float) and _SECRET.search(path.rpartition(".")[2])
    return "" if secret or not text else f", not {text}"


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST_VALUE_CHARACTERS else value[:_LONGEST_VALUE_CHARACTERS] + "…"
        return '"' + " ".join(short.split()) + '"'
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return str(value)[:_LONGEST_VALUE_CHARACTERS]
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else ""


def _joined(phrases: Sequence[str]) -> str:
    """What a union's types ask for, as one."""
    if len(phrases) == 1 or not all(phrase.startswith("must be ") for phrase in phrases):
        return ", or ".join(phrases)
    found = next((end for phrase in phrases if (end := _FOUND.search(phrase))), None)
    wanted = [_FOUND.sub("", phrase).removeprefix("must be ") for phrase in phrases]
    return f"must be {' or '.join(wanted)}{found[0] if found else ''}"
