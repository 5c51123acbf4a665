"""What is plugged in and out."""

from collections.abc import Callable, Iterator, Sequence

from jumplab_exporter.discovery.host import GpioChip, SdMux, SerialPort, Thing, UsbHub


def changes(look: Callable[[], Sequence[Thing]], pause: Callable[[], None]) -> Iterator[str]:
    """A line for each thing that comes or goes, for ever.  look: finds what is there.  pause: between two looks."""
    before = {title_of(thing) for thing in look()}
    while True:
        pause()
        now = {title_of(thing) for thing in look()}
        yield from (f"- {title}" for title in sorted(before - now))
        yield from (f"+ {title}" for title in sorted(now - before))
        before = now


def title_of(thing: Thing) -> str:
    """A thing on one line. What is attached to a hub, or in a mux, comes and goes by itself."""
    match thing:
        case SerialPort(name=name, usb=usb):
            return f"serial port {name}" + (f" ({usb.title})" if usb else "")
        case GpioChip(device=device, label=label):
            return f"GPIO chip {device}" + (f" ({label})" if label else "")
        case SdMux(usb=usb, card=card):
            return f"SD mux {usb.title}" + (f", its card is {card}" if card else ", without a card")
        case UsbHub(usb=usb, ports=ports):
            return f"USB hub {usb.location} ({usb.title}), {ports} ports"
