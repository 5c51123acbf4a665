"""Patterns of people who write tests, and what devices say: found, not found, or not found in time."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from jumplab.control_sequences import ControlSequenceFilter, printable, without_control_sequences
from jumplab.driver.errors import BadArguments
from jumplab.drivers.console.patterns import Patterns, Search
from tests.fuzz import FUZZED

PARTS = st.sampled_from(
    ["a", "b", ".", "*", "+", "?", "(a|b)", "(", ")", "[", "]", "[a-z]", "{2}", "{9,1}", "{99999999}", "\\", "\\d",
     "\\1", "(?P<n>a)", "(?P=n)", "(?i)", "(?", "|", "^", "$", "(a+)+", "(?<=a)", "(?R)", "\\p{L}", "\\N{x}", "\n",
     "\x00", "é"]
)  # fmt: skip
SOURCES = st.one_of(st.lists(PARTS, max_size=8).map("".join), st.text(max_size=12))
SAID = st.one_of(
    st.lists(st.sampled_from(["a", "b", "ab\n", "=> ", "1", "é", "\x1b[0m"]), max_size=30).map("".join),
    st.text(max_size=30),
)
SEARCH_SECONDS = 0.02


@FUZZED
@given(st.lists(st.one_of(SOURCES, SOURCES.map(str.encode)), max_size=3), SAID)
def test_any_pattern_is_looked_for_or_refused(sources: list[str | bytes], said: str) -> None:
    look(sources, said)


def look(sources: list[str | bytes], said: str) -> None:
    """Looks for patterns in a text, as it comes: half of it, then all."""
    with suppress(BadArguments):
        asyncio.run(_look(Patterns(sources), said))  # type: ignore[arg-type] # a mix is refused


async def _look(patterns: Patterns, said: str) -> None:
    search = Search(patterns)
    with suppress(TimeoutError):
        for text in (said[: len(said) // 2], said):
            found = await search.find(text if patterns.is_text else text.encode(), SEARCH_SECONDS)
            if found is not None:
                assert found[0].end() <= len(text.encode())
                return


@FUZZED
@given(st.text("ab=> \n", min_size=1, max_size=4), st.lists(st.text("ab=> \n", max_size=6), max_size=6))
def test_words_that_come_in_pieces_are_found_where_they_stand(word: str, pieces: list[str]) -> None:
    async def play() -> None:
        search, said = Search(Patterns(re.escape(word))), ""
        for piece in pieces:
            said += piece
            found = await search.find(said, 240)
            assert (found is None) == (word not in said)
            if found is not None:
                assert found[0].start() == said.index(word)
                return

    asyncio.run(play())


SPOKEN = st.lists(
    st.sampled_from(
        [b"\x1b", b"[", b"0;1m", b"]0;title", b"\x07", b"\x1b\\", b"P", b"text", b"\r\n", b"\x9b", b"\xff", b"(B"]
    ),
    max_size=20,
)


@FUZZED
@given(SPOKEN, st.lists(st.integers(0, 60), max_size=5))
def test_control_sequences_go_wherever_the_pieces_are_cut(spoken: list[bytes], cuts: list[int]) -> None:
    said = b"".join(spoken)
    whole = ControlSequenceFilter()
    expected = whole.feed(said) + whole.flush()
    pieces, heard, before = ControlSequenceFilter(), b"", 0
    for cut in sorted({*(each for each in cuts if each < len(said)), len(said)}):
        heard += pieces.feed(said[before:cut])
        before = cut
    assert heard + pieces.flush() == expected


@FUZZED
@given(st.one_of(st.text(max_size=40), SPOKEN.map(lambda parts: b"".join(parts).decode("latin-1"))))
def test_nothing_that_steers_a_terminal_is_printed(text: str) -> None:
    shown = printable(text)
    assert not [each for each in shown if (ord(each) < 32 and each not in "\t\n") or 127 <= ord(each) < 160]
    assert printable(shown) == shown
    assert len(without_control_sequences(text)) <= len(text)
