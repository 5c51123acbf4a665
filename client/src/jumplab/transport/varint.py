"""Numbers as protobuf writes them, for code that writes its messages by hand."""


def varint(number: int) -> bytes:
    """A protobuf varint of a number that is not negative."""
    if number <= 0x7F:
        return bytes((number,))
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
