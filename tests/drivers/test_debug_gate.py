"""What of a debugger's bytes gets through to a stub, without one."""

from __future__ import annotations

import pytest

from jumplab_exporter.drivers.debug.gate import Gate
from jumplab_exporter.drivers.debug.packets import LONGEST_PACKET_BYTES, PacketReader, encode


@pytest.mark.parametrize("body", [b"", b"m0,4", b"$#}*", bytes(range(256))])
def test_a_packet_is_read_as_it_was_written_in_any_pieces(body: bytes) -> None:
    reader, written = PacketReader(), encode(body)
    assert written.rfind(b"$") == 0
    pieces = [written[place : place + 1] for place in range(len(written))]
    assert [packet for piece in pieces for packet in reader.feed(piece)] == [(b"$", body)]


def test_interrupts_and_acknowledgements_pass_and_noise_does_not() -> None:
    assert Gate().feed(b"x+\x03-\x04" + encode(b"?")) == (b"+\x03-" + encode(b"?"), b"")


def test_a_wrong_checksum_is_to_be_repeated_and_does_not_pass() -> None:
    assert Gate().feed(b"$?#00") == (b"", b"-")


def test_monitor_commands_are_answered_here() -> None:
    gate = Gate()
    to_stub, answers = gate.feed(encode(b"qRcmd,00"))
    assert (to_stub, answers[:2]) == (b"", b"+$")
    assert gate.feed(b"+" + encode(b"?") + b"+") == (encode(b"?") + b"+", b"")


def test_an_endless_packet_is_refused() -> None:
    with pytest.raises(ValueError, match=f"has {LONGEST_PACKET_BYTES} bytes at most"):
        Gate().feed(b"$" + bytes(LONGEST_PACKET_BYTES + 1))


def test_it_knows_whether_the_debugger_has_detached() -> None:
    gate = Gate()
    gate.feed(encode(b"D;1"))
    assert gate.detached
    gate.feed(encode(b"c"))
    assert not gate.detached
