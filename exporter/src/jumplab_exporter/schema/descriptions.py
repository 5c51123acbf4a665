"""What a docstring says of each setting: `name: words;  other, third: words`, as drivers and models have it."""

import inspect
import re
from collections.abc import Collection, Mapping

_START = r"(?:^|(?<=  )|(?<=\n))"


def text_of(described: type) -> str:
    """A class's docstring, each paragraph on one line."""
    paragraphs = (inspect.getdoc(described) or "").split("\n\n")
    return "\n\n".join(re.sub(r"\s*\n\s*", " ", paragraph) for paragraph in paragraphs)


def descriptions_of(described: type, names: Collection[str]) -> Mapping[str, str]:
    """What the docstring says of these names; those of which it says nothing are not there."""
    if not names:
        return {}
    one = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    heading = re.compile(rf"{_START}((?:{one})(?:, (?:{one}))*): ")
    found: dict[str, str] = {}
    for paragraph in (inspect.getdoc(described) or "").split("\n\n"):
        headings = list(heading.finditer(paragraph))
        ends = [*(each.start() for each in headings[1:]), len(paragraph)][: len(headings)]
        for each, end in zip(headings, ends, strict=True):
            words = " ".join(paragraph[each.end() : end].split()).rstrip(";")
            for name in each[1].split(", "):
                found.setdefault(name, words)
    return found
