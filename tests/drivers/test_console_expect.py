"""What `expect` finds, from which byte on, and how long it takes."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab.control_sequences import (
    CleanText,
    ControlSequenceFilter,
    printable,
    without_control_sequences,
)
from jumplab.driver.errors import BadArguments
from jumplab.drivers.console.errors import ConsoleTimeout
from jumplab.drivers.console.patterns import Patterns, Search
from jumplab.drivers.console.unread import LIMIT_BYTES, Unread
from jumplab.session.client import ClientClasses, attach
from jumplab.testing import serve_async
from tests.drivers.consoles import SpokenConsole
from tests.session.links import hosted, linked

LONG = 240
"""Seconds; a bound that only a hang reaches."""
NOT_COMING = 0.2

BACKTRACKING = r"(x+x+)+y"
"""A pattern that takes longer than anybody waits, on a line of x."""


@pytest.mark.parametrize(
    ("said", "pattern", "found"),
    [
        ("Grüße → ❯ ".encode(), "Gr[öü]", "Grü"),
        ("Grüße → ❯ ".encode(), "[→❯]", "Grüße →"),
        ("xGröy z".encode(), r"xGr\wy", "xGröy"),
        (b"\xff\xfe=> ", "=> ", "\ufffd\ufffd=> "),
        (b"a\r\nb", "a\r\nb", "a\r\nb"),
        (b"a\r\nb", r"a\r\nb", "a\r\nb"),
        (b"U-Boot 2023", re.compile("u-boot", re.IGNORECASE), "U-Boot"),
        (b"U-Boot 2023", "(?i)u-boot", "U-Boot"),
        (b"a\nlogin: ", re.compile("^login", re.MULTILINE), "a\nlogin"),
        (b"one\ntwo", re.compile("one.two", re.DOTALL), "one\ntwo"),
        (b"\xff\xfe=> ", rb"\xff.", b"\xff\xfe"),
        ("Grüße".encode(), "Grü".encode(), "Grü".encode()),
    ],
)
async def test_one_pattern_has_one_meaning(said: bytes, pattern: object, found: object) -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(said)
        matched = await board.console.expect(pattern, LONG)
        assert matched == found
        assert isinstance(matched, type(found))


async def test_a_character_is_never_torn() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        for byte in "❯ ".encode():
            console.say(bytes([byte]))
            await asyncio.sleep(0)
        assert await board.console.expect("❯", LONG) == "❯"


async def test_of_several_patterns_the_earliest_match_counts_and_is_told() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"ok: 17 of 20; FAILED: fan; ")
        found = await board.console.expect([r"FAILED: (?P<what>\w+)", r"ok: (\d+) of (\d+)"], LONG)
        assert (found.which, found.groups(), found.before) == (1, ("17", "20"), "")
        found = await board.console.expect([r"FAILED: (?P<what>\w+)", r"ok: (\d+) of (\d+)"], LONG)
        assert (found.which, found.group("what"), found.groupdict()) == (0, "fan", {"what": "fan"})
        assert (found.before, found.group(0)) == ("; ", "FAILED: fan")


@pytest.mark.parametrize(
    "pattern", ["(", "[", "*", rb"(", ["=> ", "("], ["a", b"b"], [], "", None, 3, r"(?P<a>x)(?P<a"]
)
async def test_a_wrong_pattern_is_refused_at_once(pattern: object) -> None:
    async with serve_async(console=SpokenConsole()) as board:
        with pytest.raises(BadArguments):
            await board.console.expect(pattern, LONG)


async def test_a_pattern_that_takes_for_ever_ends_in_time_and_keeps_nobody_waiting() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"x" * 5000)
        steps = 0

        async def others() -> None:
            nonlocal steps
            while True:
                await board.console.state()
                steps += 1

        working = asyncio.create_task(others())
        with pytest.raises(ConsoleTimeout, match="did not come from console within 1 s"):
            await board.console.expect(BACKTRACKING, 1.0)
        working.cancel()
        assert steps > 20
        console.say(b"=> ")
        assert (await board.console.expect("=> ", LONG)).endswith("=> ")


class CountingPattern:
    """A pattern that counts how many characters it was given to look through."""

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern
        self.characters = 0

    def search(self, text: str, start: int, **options: Any) -> Any:
        self.characters += len(text) - start
        return self._pattern.search(text, start, **options)


async def test_what_was_looked_through_is_not_looked_through_again() -> None:
    unread, search = Unread(), Search(Patterns("login: "))
    counting = search.patterns.compiled[0] = CountingPattern(search.patterns.compiled[0])
    for _ in range(250):
        unread.append(b"x" * 4093 + b"log")
        assert await search.take(unread, LONG) is None
    assert counting.characters < 250 * 4096 * 1.01
    unread.append(b"in: ")
    assert (await search.take(unread, LONG) or "").endswith("xlogin: ")


pieces_of_text = st.lists(st.text("ab=> \r\n", max_size=6), max_size=8)


@given(
    pieces_of_text,
    st.sampled_from(["=> ", "a+b", "(?s)a.*b|=", "b$", r"(?<=a)b", r"a\b", "(?m)^=", "a(?=b)", "ab|ba=", "[^a]b"]),
)
async def test_a_search_in_pieces_finds_what_a_search_of_all_finds(pieces: list[str], pattern: str) -> None:
    unread, search, whole = Unread(), Search(Patterns(pattern)), ""
    for piece in pieces:
        unread.append(piece.encode())
        whole += piece
        found = await search.take(unread, LONG)
        expected = re.search(pattern, whole)
        if expected is None:
            assert found is None
        else:
            assert found == whole[: expected.end()]
            assert unread.start_offset == expected.end()
            return


@given(st.lists(st.binary(max_size=8), max_size=8), st.integers(0, 40))
def test_taken_text_and_taken_bytes_are_the_same_bytes(pieces: list[bytes], characters: int) -> None:
    unread, whole = Unread(100), b"".join(pieces)
    for piece in pieces:
        unread.append(piece)
    text = unread.text
    assert unread.take_text(characters) == text[:characters]
    assert unread.data == whole[unread.start_offset - 100 :]
    assert unread.text == text[characters:]


def test_bytes_that_nobody_takes_are_dropped_and_counted() -> None:
    unread = Unread()
    unread.append(b"x" * (2 * LIMIT_BYTES))
    assert len(unread) == LIMIT_BYTES
    assert unread.start_offset == unread.dropped_bytes == LIMIT_BYTES


def test_a_line_of_ours_has_no_place_in_the_console() -> None:
    unread = Unread()
    unread.append(b"abc")
    unread.interrupt("[gap]", 100)
    unread.append(b"def")
    assert unread.take_bytes(2) == b"ab"
    assert unread.start_offset == 2
    assert unread.take_bytes(7) == b"c[gap]d"
    assert unread.start_offset == 101


SEQUENCES = [
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[?2004h",
    "\x1b[6n",
    "\x1b]0;a title\x07",
    "\x1b]8;;x\x1b\\",
    "\x1b(B",
    "\x1bM",
    "\x07",
]


@given(st.lists(st.sampled_from([*SEQUENCES, "a", "=> ", "\r\n", "ü"]), max_size=12), st.data())
def test_control_sequences_are_removed_however_they_come(parts: list[str], data: st.DataObject) -> None:
    text, clean = "".join(parts), "".join(part for part in parts if part not in SEQUENCES)
    assert without_control_sequences(text) == clean
    cleaned = CleanText(text)
    assert cleaned.text == clean
    end = data.draw(st.integers(0, len(clean)))
    assert without_control_sequences(text[: cleaned.original_index(end)]) == clean[:end]
    encoded, given, filtered = text.encode(), b"", ControlSequenceFilter()
    while encoded:
        size = data.draw(st.integers(1, len(encoded)))
        given, encoded = given + filtered.feed(encoded[:size]), encoded[size:]
    assert given + filtered.flush() == clean.encode()


async def test_a_leases_own_session_reads_from_the_leases_begin() -> None:
    console = SpokenConsole()
    async with hosted(console=console) as host, linked(host) as link:
        console.say(b"said in beforeLease\n")
        async with attach(link, classes=ClientClasses(unsafe=True), from_lease_begin=True) as session:
            assert await session.root.console.expect("beforeLease", LONG) == "said in beforeLease"


async def test_every_other_session_reads_from_where_it_has_attached_not_from_its_first_use() -> None:
    console = SpokenConsole()
    async with hosted(console=console) as host, linked(host) as link:
        console.say(b"=> old\n")
        async with attach(link, classes=ClientClasses(unsafe=True), from_lease_begin=False) as session:
            console.say(b"=> new\n")
            assert await session.root.console.expect("=> .*\n", LONG) == "=> new\n"
            assert await session.root.console.expect("=> .*\n", LONG, since="lease") == "=> old\n"
            assert await session.root.console.expect("=> .*\n", LONG, since="attach") == "=> new\n"
            assert await session.root.console.expect("=> .*\n", LONG, since=7) == "=> new\n"
            assert await session.root.console.expect("=> .*\n", LONG, since=-7) == "=> new\n"
            with pytest.raises(BadArguments, match="set one with `mark"):
                await session.root.console.expect("=> ", LONG, since="mark")
            with pytest.raises(BadArguments, match='since is "lease"'):
                await session.root.console.expect("=> ", LONG, since="yesterday")


async def test_flush_forgets_what_was_said_and_a_mark_is_exact() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        console.say(b"old => ")
        await board.console.expect("old", LONG)
        await board.console.flush()
        with pytest.raises(ConsoleTimeout):
            await board.console.expect("=> ", NOT_COMING)
        console.say(b"one ")
        assert await board.console.mark() == 11
        console.say(b"two ")
        assert await board.console.expect("two ", LONG) == "one two "
        assert await board.console.expect("o ", LONG, since="mark") == "two "


async def test_text_in_another_encoding() -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        await board.console.decode_as("latin-1")
        console.say("Grüße\n".encode("latin-1"))
        assert await board.console.expect("Grüße", LONG) == "Grüße"
        await board.console.send("ü")
        assert await console.heard(1) == b"\xfc"
        for wrong in ("nonsense", "utf-16", "hex"):
            with pytest.raises(BadArguments, match="can't be decoded as"):
                await board.console.decode_as(wrong)


@pytest.mark.parametrize("limit", ["100ms", "0.1s", timedelta(milliseconds=100), 0.1])
async def test_a_time_limit_is_seconds_or_a_duration(limit: object) -> None:
    async with serve_async(console=SpokenConsole()) as board:
        with pytest.raises(ConsoleTimeout, match="within 0.1 s"):
            await board.console.expect("=> ", limit)


@pytest.mark.parametrize("limit", ["10", "soon", "-1s", -1, float("nan"), float("inf"), None, True, timedelta(0)])
async def test_a_wrong_time_limit_is_refused_before_anything_is_typed(limit: object) -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        for ask in (board.console.expect("=> ", limit), board.console.run("version", "=> ", limit)):
            with pytest.raises(BadArguments, match="timeout: .*; give seconds as a number, or a duration"):
                await ask
    assert console.typed == b""


@given(st.text(st.sampled_from("\x00\x07\x08\t\n\r\x1b[]0m;\x7f\x9bä=> "), max_size=30))
def test_what_is_printed_has_no_control_characters_but_tabs_and_line_ends(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", printable(text))
    plain = "".join(character for character in text if character in "]0m;[ä=> \t\n")
    assert printable(plain) == plain
