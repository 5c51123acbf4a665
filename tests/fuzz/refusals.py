"""How input may be refused."""

from __future__ import annotations

from jumplab_operator.standalone.base.errors import RequestRefused
from jumplab_operator.standalone.storage.writer import encode

_LONGEST = 5_000


def check_refusal(refusal: RequestRefused) -> None:
    """It blames the request, in a length that one reads, and can be written."""
    assert 400 <= refusal.code < 500
    assert len(refusal.message) < _LONGEST
    encode(refusal.status())


def check_words(*sentences: str) -> None:
    """Sentences that say something, in a length that one reads."""
    for sentence in sentences:
        assert 0 < len(sentence) < _LONGEST
        sentence.encode()
