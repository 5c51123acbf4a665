"""The examples of a page: its fenced and its indented blocks.

A fenced block begins with its language; words behind that are for the tests, and no reader sees them:

    ```sh helm        shell commands; a test replaces, or leaves out, those marked "helm", and says why
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)*^ {4}.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """An example.  language, mark: of a fenced block, else empty;  before: the paragraph before it."""

    page: str
    line: int
    language: str
    mark: str
    text: str
    before: str
    section: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def all_blocks(page: str) -> list[Block]:
    """The blocks of a page in their order."""
    text = (ROOT / page).read_text()
    found = [(match, True) for match in _FENCED.finditer(text)]
    masked = _FENCED.sub(lambda match: re.sub(r"[^\n]", "x", match[0]), text)
    found += [(match, False) for match in _INDENTED.finditer(masked) if _is_apart(masked, match.start())]
    return [_block(page, text, match, fenced) for match, fenced in sorted(found, key=lambda each: each[0].start())]


def _is_apart(text: str, begin: int) -> bool:
    """Whether there is an empty line before it: what follows a paragraph or a list item directly goes on with it."""
    return text[begin] == "\n" or text[:begin].endswith("\n\n") or begin == 0


def _block(page: str, text: str, match: re.Match[str], fenced: bool) -> Block:
    language, _, mark = match["info"].partition(" ") if fenced else ("", "", "")
    content = match["text"] if fenced else text[match.start() : match.end()]
    earlier = _FENCED.sub(lambda fence: "\n" * fence[0].count("\n"), text[: match.start()])
    paragraphs = [each for each in re.split(r"\n{2,}", earlier.strip("\n")) if each and not each.startswith("    ")]
    headings = re.findall(r"^#{2,} (.*)$", earlier, re.MULTILINE)
    return Block(
        page,
        earlier.count("\n") + 1,
        language,
        mark,
        dedent(content).strip("\n") + "\n",
        paragraphs[-1] if paragraphs else "",
        headings[-1] if headings else "",
    )


def blocks(page: str, section: str = "") -> list[str]:
    """The texts of a page's blocks, or of those of one section of it, without their indentation."""
    sections = (ROOT / page).read_text().split("\n## ")
    inside = [each.partition("\n")[0] for each in sections[1:]]
    assert not section or section in inside, f"{page} has no section {section!r}"
    if not section:
        return [each.text for each in all_blocks(page)]
    begin = len("\n## ".join(sections[: inside.index(section) + 1]).splitlines())
    end = begin + len(sections[inside.index(section) + 1].splitlines()) + 1
    return [each.text for each in all_blocks(page) if begin < each.line <= end]


def indented_blocks(text: str) -> list[str]:
    """The indented blocks of a text, without their indentation."""
    found = re.findall(r"(?:^(?: {4}.*)?\n)*^ {4}.*\n", text, re.MULTILINE)
    return [dedent(block).strip("\n") + "\n" for block in found]


def block(page: str, begin: str) -> str:
    """The block that begins with these characters."""
    return next(each for each in blocks(page) if each.startswith(begin))


def pages() -> list[str]:
    """All pages that a user or a developer reads."""
    return ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def variables(page: str) -> set[str]:
    """The environment variables of Jumpstarter and Jumplab that a page names."""
    return set(re.findall(r"\b(?:JMP|JUMPSTARTER|JUMPLAB)_[A-Z_]+\b", (ROOT / page).read_text()))
