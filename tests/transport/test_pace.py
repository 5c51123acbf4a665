"""Bulk makes room for keystrokes, and takes it back."""

from jumplab.transport.links import ENVELOPE_BYTES
from jumplab.transport.pace import SMALL_BYTES, Pace


def test_bulk_goes_in_small_pieces_while_others_speak_and_in_large_ones_when_they_are_silent() -> None:
    now = 100.0
    pace = Pace(lambda: now)
    assert pace.piece_bytes == ENVELOPE_BYTES
    pace.note_sending()
    assert pace.piece_bytes == SMALL_BYTES
    now += 0.1
    assert pace.piece_bytes == SMALL_BYTES
    now += 0.2
    assert pace.piece_bytes == ENVELOPE_BYTES
