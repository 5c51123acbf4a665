"""Tables as lines of text.

No cell is ever cut. Output for a program has every column. In a terminal that is too narrow, the last column is wrapped
where it is prose, and otherwise columns go, from the right, but never the name.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from jumplab.control_sequences import printable

_GAP = 3
_NARROWEST_PROSE = 20


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's title.  is_prose: its cells may be wrapped."""

    title: str
    is_prose: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a table shows, each with its width.  omitted: the titles of those that did not fit.

    line_width: to what the last column is wrapped; None: it isn't.
    """

    widths: tuple[int, ...]
    omitted: tuple[str, ...] = ()
    line_width: int | None = None

    def lines(self, cells: Sequence[str]) -> list[str]:
        """A row's lines; only the last cell of it ever has more than one."""
        shown = [one_line(cell) for cell in cells[: len(self.widths)]]
        indent = sum(self.widths[:-1]) + _GAP * (len(self.widths) - 1)
        last = [shown[-1]]
        if self.line_width is not None and len(shown[-1]) > self.line_width - indent:
            last = _wrapped(shown[-1], self.line_width - indent)
        before = [cell.ljust(width) for cell, width in zip(shown[:-1], self.widths[:-1], strict=True)]
        first = (" " * _GAP).join([*before, last[0]]).rstrip()
        return [first, *(f"{' ' * indent}{more}" for more in last[1:])]


def lay_out(headings: Sequence[Heading], rows: Sequence[Sequence[str]], width: int | None, *, at_least: int) -> Layout:
    """The layout of a table.  width: the terminal's; None for a program.  at_least: the number of columns that never
    go, however narrow it is: then the terminal breaks the lines."""
    widths = [
        max(len(heading.title), *(len(one_line(row[number])) for row in rows), 0)
        for number, heading in enumerate(headings)
    ]
    if width is None:
        return Layout(tuple(widths))
    shown = len(headings)
    while not _fits(widths[:shown], width):
        if headings[shown - 1].is_prose and width - _total([*widths[: shown - 1], 0]) >= _NARROWEST_PROSE:
            return Layout(tuple(widths[:shown]), _titles(headings[shown:]), width)
        if shown <= at_least:
            break
        shown -= 1
    return Layout(tuple(widths[:shown]), _titles(headings[shown:]))


def one_line(cell: str) -> str:
    """A cell without line breaks and control characters."""
    return " ".join(printable(cell).split())


def _titles(headings: Sequence[Heading]) -> tuple[str, ...]:
    return tuple(heading.title for heading in headings)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _fits(widths: Sequence[int], width: int) -> bool:
    return _total(widths) <= width


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a text, broken at spaces, or after the commas of a list of labels; a word is never broken."""
    spaced = text if " " in text else text.replace(",", ", ")
    lines = textwrap.wrap(spaced, width, break_long_words=False, break_on_hyphens=False)
    return lines if " " in text else [line.replace(", ", ",") for line in lines]
