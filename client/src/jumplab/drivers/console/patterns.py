"""Patterns for `expect`: they mean one thing, and are looked for within a time limit."""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jumplab.driver.errors import BadArguments
from jumplab.drivers.console.unread import Unread

if TYPE_CHECKING:
    import regex

TextPattern = str | re.Pattern[str]
BytesPattern = bytes | re.Pattern[bytes]
S = TypeVar("S", str, bytes)

# How long a search may hold the event loop; what takes longer goes on in a thread, where it holds nobody.
_AT_ONCE_SECONDS = 0.005
_FLAGS = ("ASCII", "IGNORECASE", "MULTILINE", "DOTALL", "VERBOSE", "UNICODE")


class _Match(Generic[S]):
    """The common part of TextMatch and BytesMatch, beside their text.

    which: the index of the pattern that was found, in the order given.  before: what came before the match.
    """

    which: int
    before: S
    _match: "regex.Match[S]"

    def group(self, *groups: int | str) -> Any:
        """Groups of the match, as re.Match.group gives them; 0 is the match itself."""
        return self._match.group(*groups)

    def groups(self) -> tuple[Any, ...]:
        """All groups of the match, from 1 on; None for those that took no part."""
        return self._match.groups()

    def groupdict(self) -> dict[str, Any]:
        """The named groups of the match."""
        return self._match.groupdict()

    def _filled(self, match: "regex.Match[S]", which: int, before: S) -> None:
        self._match, self.which, self.before = match, which, before


class TextMatch(_Match[str], str):
    """The device's output up to the end of a match, as text."""


class BytesMatch(_Match[bytes], bytes):
    """The device's output up to the end of a match, as bytes."""


class Patterns:
    """One pattern or several, all of them text or all of them bytes.

    words: how a message names them.
    """

    def __init__(self, patterns: TextPattern | BytesPattern | Sequence[TextPattern] | Sequence[BytesPattern]) -> None:
        """Raises BadArguments where one is no regular expression, and where there is none."""
        given: list[Any] = list(patterns) if isinstance(patterns, list | tuple) else [patterns]
        if not given:
            raise BadArguments("expect needs a pattern; the list that it was given is empty")
        sources = [each.pattern if isinstance(each, re.Pattern) else each for each in given]
        for source in sources:
            if not isinstance(source, str | bytes):
                raise BadArguments(f"a pattern is text, bytes or a compiled one, not {source!r}")
            if not source:
                raise BadArguments("an empty pattern is found whatever the device says; give what it should say")
        if len({type(source) for source in sources}) > 1:
            raise BadArguments("patterns are all text or all bytes; the list that was given has both")
        self.is_text = isinstance(sources[0], str)
        self.words = " or ".join(f'"{each}"' if isinstance(each, str) else repr(each) for each in sources)
        self.compiled = [_compiled(each) for each in given]


def _compiled(pattern: TextPattern | BytesPattern) -> "regex.Pattern[Any]":
    import regex

    source, flags = pattern, 0
    if isinstance(pattern, re.Pattern):
        source = pattern.pattern
        wanted = [name for name in _FLAGS if pattern.flags & getattr(re, name)]
        flags = sum(int(getattr(regex, name)) for name in wanted)
    try:
        return regex.compile(source, flags | regex.VERSION0)
    except regex.error as error:
        raise BadArguments(f"{source!r} is no regular expression: {error}") from error


class Search:
    """Looks for patterns in what a console says, as it comes; nothing is looked at twice that can't be of a match."""

    def __init__(self, patterns: Patterns) -> None:
        self.patterns = patterns
        self._starts = [0] * len(patterns.compiled)
        self._dropped = 0
        self._in_thread = False

    async def take(self, unread: Unread, seconds: float) -> TextMatch | BytesMatch | None:
        """Takes all up to the end of the earliest match; None where there is none yet.

        seconds: how long it may take at most. Raises TimeoutError. Cancelling lets go of the search.
        """
        if unread.dropped_bytes != self._dropped:
            self._starts, self._dropped = [0] * len(self._starts), unread.dropped_bytes
        found = await self.find(unread.text if self.patterns.is_text else unread.data, seconds)
        return None if found is None else _taken(unread, *found, is_text=self.patterns.is_text)

    async def find(self, text: str | bytes, seconds: float) -> "tuple[regex.Match[Any], int] | None":
        """The earliest match in a text, and the index of its pattern; None where there is none yet.

        text: it begins as the one of the last time did. The rest is as for `take`.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        best: tuple[Any, int] | None = None
        for which, pattern in enumerate(self.patterns.compiled):
            match = await self._found(pattern, text, which, deadline)
            if match is not None and (best is None or match.start() < best[0].start()):
                best = (match, which)
        return best

    async def _found(self, pattern: "regex.Pattern[Any]", text: Any, which: int, deadline: float) -> Any:
        match = await self._searched(pattern, text, self._starts[which], deadline)
        if match is None:
            self._starts[which] = len(text)
        elif match.partial:
            self._starts[which], match = match.start(), None
        return match

    async def _searched(self, pattern: "regex.Pattern[Any]", text: Any, start: int, deadline: float) -> Any:
        left = deadline - asyncio.get_running_loop().time()
        if not self._in_thread:
            try:
                return pattern.search(text, start, partial=True, timeout=max(0.0, min(left, _AT_ONCE_SECONDS)))
            except TimeoutError:
                self._in_thread = True
            left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise TimeoutError
        return await asyncio.to_thread(pattern.search, text, start, partial=True, timeout=left, concurrent=True)


def _taken(unread: Unread, match: Any, which: int, *, is_text: bool) -> TextMatch | BytesMatch:
    if is_text:
        text = TextMatch(unread.take_text(match.end()))
        text._filled(match, which, text[: match.start()])
        return text
    data = BytesMatch(unread.take_bytes(match.end()))
    data._filled(match, which, data[: match.start()])
    return data
