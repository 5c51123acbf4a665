"""A USB hub, simulated where uhubctl is called: it prints what uhubctl 2.5 prints."""

from typing import ClassVar, Self

from jumplab_exporter.testing.programs import SimulatedProgram


class UsbHub(SimulatedProgram):
    """A hub that uhubctl finds, with 4 ports, all on.  location: of its USB 2 side;  usb3: of its other side, or none.

    sticks: whether its ports stay on whatever is asked, as those of many hubs do.
    """

    name: ClassVar[str] = "uhubctl"
    code: ClassVar[str] = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("-l")
parser.add_argument("-p", type=int)
parser.add_argument("-a", default="")
asked = parser.parse_args()
sides = (FOLDER / "sides").read_text().split()
if asked.l not in sides:
    print(f"No compatible devices detected at location {asked.l}!\\nRun with -h to get usage info.", file=sys.stderr)
    sys.exit(1)
port = FOLDER / f"off-{asked.p}"
def show(word, side):
    print(f"{word} status for hub {side} [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]")
    if asked.p <= 4:
        print(f"  Port {asked.p}: " + ("0000 off" if port.exists() else "0503 power highspeed enable connect"))
for side in sides:
    show("Current", side)
    if asked.a:
        if not (FOLDER / "sticks").exists():
            port.touch() if asked.a == "off" else port.unlink(missing_ok=True)
        print(f"Sent power {asked.a} request")
        show("New", side)
"""

    def __init__(self, location: str = "1-1", *, usb3: str = "", sticks: bool = False) -> None:
        super().__init__()
        self._sides = (location, usb3)
        self._sticks = sticks

    def __enter__(self) -> Self:
        super().__enter__()
        (self.folder / "sides").write_text(" ".join(self._sides))
        if self._sticks:
            (self.folder / "sticks").touch()
        return self

    def is_on(self, port: int) -> bool:
        """Whether a port has power."""
        return not (self.folder / f"off-{port}").exists()
