"""docs/troubleshooting.md: each sentence that it quotes is one that a program says."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text()
SENTENCES = [
    sentence
    for cell in re.findall(r"^\| (`.*?) \| ", PAGE, re.MULTILINE)
    for sentence in re.findall(r"`([^`]+)`", cell)
    if " " in sentence
]
SOURCES = ("client/src", "exporter/src", "operator/src")
_SHORTEST_PIECE = 4


@cache
def literals() -> str:
    """All texts in the sources; the values within them are `…`, and so is what lies between two texts."""
    found = []
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    parts = [str(it.value) if isinstance(it, ast.Constant) else "…" for it in node.values]
                    found.append("".join(parts))
    return "\0".join(found)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_quoted_sentence_is_said_by_a_program(sentence: str) -> None:
    pieces = [piece for piece in re.split("…", sentence) if len(piece.strip(' ";,.:()')) >= _SHORTEST_PIECE]
    assert pieces, "a sentence of values alone says nothing"
    missing = [piece for piece in pieces if piece.strip(' ";,') not in literals()]
    assert not missing


def test_the_page_has_its_sentences() -> None:
    assert len(SENTENCES) > 30
