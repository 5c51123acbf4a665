"""Telnet and RFC 2217 as bytes: whatever the split, and whatever the data."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.rfc2217 import COM_PORT_OPTION, ComPort, Purge
from jumplab_exporter.drivers.console.telnet import BINARY, ECHO, Subnegotiation, Telnet, TelnetError

IAC, DONT, DO, WONT, WILL, SB, SE, NOP = 255, 254, 253, 252, 251, 250, 240, 241

# Mostly the bytes that mean something: others are all alike.
special = st.sampled_from([b"\xff", b"\r", b"\n", b"\0", bytes((SE,)), bytes((SB,)), bytes((WILL,)), b",", b"a"])
data = st.lists(special | st.binary(max_size=4)).map(b"".join)
small = st.integers(0, 255)
commands = st.one_of(
    st.builds(lambda verb, option: bytes((IAC, verb, option)), st.sampled_from([WILL, WONT, DO, DONT]), small),
    st.just(bytes((IAC, NOP))),
    data.map(lambda content: bytes((IAC, SB)) + content.replace(b"\xff", b"\xff\xff") + bytes((IAC, SE))),
)
cuts = st.lists(st.integers(1, 9))


def telnet(*, binary: bool) -> Telnet:
    end = Telnet(performs=(BINARY,), accepts=(BINARY, ECHO))
    if binary:
        end.ask(perform=(BINARY,), accept=(BINARY,))
        list(end.receive(bytes((IAC, DO, BINARY, IAC, WILL, BINARY))))
    return end


def split(stream: bytes, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        yield stream[:size]
        stream = stream[size:]
    yield stream


def said(end: Telnet, pieces: Iterator[bytes]) -> tuple[bytes, list[Subnegotiation], bytes]:
    """Data, subnegotiations and answers."""
    parts = [part for piece in pieces for part in end.receive(piece)]
    text = b"".join(part for part in parts if isinstance(part, bytes))
    return text, [part for part in parts if isinstance(part, Subnegotiation)], end.pop_outgoing()


@given(data, cuts, st.booleans())
def test_data_of_any_bytes_arrives_as_it_was(typed: bytes, sizes: list[int], binary: bool) -> None:
    stream = telnet(binary=binary).encode(typed)
    assert said(telnet(binary=binary), split(stream, sizes))[0] == typed


@given(st.lists(st.tuples(commands, data)), cuts)
def test_commands_stand_between_data_however_the_stream_is_split(
    parts: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    ours = telnet(binary=True)
    kept = [(command, text) for command, text in parts if command[-1:] != bytes((BINARY,)) or command[1] == SB]
    stream = b"".join(command + text.replace(b"\xff", b"\xff\xff") for command, text in kept)
    assert said(ours, split(stream, sizes))[0] == b"".join(text for _, text in kept)


@given(st.lists(commands | data | special).map(b"".join), cuts, st.booleans())
def test_any_split_of_anything_gives_the_same(stream: bytes, sizes: list[int], binary: bool) -> None:
    whole, pieces = telnet(binary=binary), telnet(binary=binary)
    assert said(pieces, split(stream, sizes)) == said(whole, iter([stream]))
    assert pieces.encode(b"\r\xff") == whole.encode(b"\r\xff")


@given(data)
def test_a_subnegotiation_may_have_any_bytes(content: bytes) -> None:
    sender = Telnet(performs=(), accepts=())
    sender.subnegotiate(COM_PORT_OPTION, content)
    _, heard, _ = said(telnet(binary=True), iter([sender.pop_outgoing()]))
    assert heard == [Subnegotiation(COM_PORT_OPTION, content)]


def test_an_option_that_is_not_known_is_refused_once_and_one_that_is_in_force_has_no_further_answer() -> None:
    end = telnet(binary=False)
    end.pop_outgoing()
    assert said(end, iter([bytes((IAC, WILL, 31, IAC, DO, 31))]))[2] == bytes((IAC, DONT, 31, IAC, WONT, 31))
    assert said(end, iter([bytes((IAC, WILL, ECHO, IAC, WILL, ECHO))]))[2] == bytes((IAC, DO, ECHO))
    assert said(end, iter([bytes((IAC, WONT, ECHO, IAC, WONT, ECHO))]))[2] == bytes((IAC, DONT, ECHO))


@pytest.mark.parametrize("sizes", [[], [4000, 200]])
@pytest.mark.parametrize("end", [b"", bytes((IAC, SE))], ids=["without an end", "whole"])
def test_an_option_that_is_said_without_end_is_an_error_instead_of_memory(sizes: list[int], end: bytes) -> None:
    with pytest.raises(TelnetError, match="is it a telnet server"):
        said(telnet(binary=True), split(bytes((IAC, SB)) + bytes(5000) + end, sizes))


def at_a_server() -> ComPort:
    """A port whose server has agreed to all that was asked."""
    port = ComPort()
    port.negotiate()
    port.receive(bytes((IAC, DO, COM_PORT_OPTION, IAC, DO, BINARY, IAC, WILL, BINARY)))
    port.pop_outgoing()
    assert port.accepted
    assert port.negotiated
    return port


def answer(*content: int) -> bytes:
    return bytes((IAC, SB, COM_PORT_OPTION, *content, IAC, SE))


def test_what_was_sent_before_a_purge_is_confirmed_is_forgotten_and_what_follows_is_not() -> None:
    port = at_a_server()
    port.purge(Purge.BOTH)
    port.receive(b"of the lease before")
    port.receive(b", and its end" + answer(112, 3) + b"of this one")
    assert not port.purging
    assert port.pop_received() == b"of this one"


def test_a_confirmation_that_comes_when_it_is_not_waited_for_any_more_forgets_nothing() -> None:
    port = at_a_server()
    port.purge(Purge.BOTH)
    port.give_up()
    port.receive(b"of this lease" + answer(112, 3))
    assert port.pop_received() == b"of this lease"


def test_what_a_server_purges_of_what_was_typed_says_nothing_of_what_was_read() -> None:
    port = at_a_server()
    port.purge(Purge.TO_DEVICE)
    port.receive(b"the last words" + answer(112, 2))
    assert port.pop_received() == b"the last words"


def test_what_a_server_sets_otherwise_is_told_in_words() -> None:
    port = at_a_server()
    port.configure(Line(parity="even", flow_control="hardware"))
    port.receive(answer(101, 0, 0, 37, 128) + answer(102, 8) + answer(103, 1) + answer(105, 1))
    assert port.unconfirmed == ["stop_bits"]
    assert port.differences == [
        "the server sets baudrate to 9600, not to 115200",
        "the server sets parity to none, not to even",
        "the server sets flow_control to none, not to hardware",
    ]


def test_answers_about_the_modems_lines_are_no_answer_about_flow_control() -> None:
    port = at_a_server()
    port.configure(Line())
    port.receive(answer(105, 8) + answer(105, 11) + answer(106, 0) + answer(107, 48) + answer(100))
    assert port.unconfirmed == ["baudrate", "data_bits", "parity", "stop_bits", "flow_control"]
    assert port.differences == []


def test_a_server_may_suspend_what_is_sent_to_it() -> None:
    port = at_a_server()
    port.receive(answer(108))
    assert port.suspended
    port.receive(answer(109))
    assert not port.suspended


@given(st.binary() | st.lists(commands | special).map(b"".join))
def test_a_port_survives_whatever_a_server_says(stream: bytes) -> None:
    port = at_a_server()
    port.configure(Line())
    port.purge(Purge.BOTH)
    port.receive(stream)
    port.pop_outgoing()
    port.pop_received()
