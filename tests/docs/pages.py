"""The examples of a page: its indented blocks."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]


def blocks(page: str, section: str = "") -> list[str]:
    """The indented blocks of a page, or of one section of it, without their indentation."""
    text = (ROOT / page).read_text()
    if section:
        text = text.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return indented_blocks(text)


def indented_blocks(text: str) -> list[str]:
    """The indented blocks of a text, without their indentation."""
    found = re.findall(r"(?:^(?: {4}.*)?\n)*^ {4}.*\n", text, re.MULTILINE)
    return [dedent(block).strip("\n") + "\n" for block in found]


def block(page: str, begin: str) -> str:
    """The block that begins with these characters."""
    return next(each for each in blocks(page) if each.startswith(begin))


def variables(page: str) -> set[str]:
    """The environment variables of Jumpstarter and Jumplab that a page names."""
    return set(re.findall(r"\b(?:JMP|JUMPSTARTER|JUMPLAB)_[A-Z_]+\b", (ROOT / page).read_text()))
