"""The pages are in plain English: no sentence has a clause as its subject, which readers take for a question."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, pages

_CLAUSES = re.compile(
    r"(?:(?<=[.:!?] )|(?<=[.:!?]\) )|(?<=\n)|(?<=\| )|(?<=- )|(?<=\*\*))"
    r"((?:What|Who|Whoever|Whatever|So many)\b[^.?!|\n]*[.?!|\n])"
)


def prose(page: str) -> str:
    """A page's sentences, each paragraph on one line; blocks are left out."""
    text = re.sub(r"^ *```.*?^ *```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    return re.sub(r"(?<=\S)\n(?=[^\n|\-#\d])", " ", "\n".join(lines))


@pytest.mark.parametrize("page", pages())
def test_no_sentence_begins_with_a_clause(page: str) -> None:
    found = [sentence for sentence in _CLAUSES.findall(prose(page)) if not sentence.endswith("?")]
    assert not [sentence for sentence in found if not sentence.startswith("Who goes first")]


def test_a_clause_is_found() -> None:
    assert _CLAUSES.findall("All is well. What fails is told as there.\n") == ["What fails is told as there."]
