"""SD muxes, simulated where their programs are called. Their card is a loop device, which takes root."""

import subprocess
from typing import ClassVar, Self

from jumplab_exporter.testing.programs import SimulatedProgram

_SWITCHING = """
import subprocess
def switch(side):
    (FOLDER / "side").write_text(side)
    if (FOLDER / "stuck").exists():
        return
    card = FOLDER / "card"
    card.unlink(missing_ok=True)
    loop = FOLDER / "loop"
    if loop.exists():
        subprocess.run(["losetup", "--detach", loop.read_text()], check=True)
        loop.unlink()
    content = FOLDER / "content" if side == "host" else FOLDER / "nothing"
    if side == "host" or content.exists():
        made = subprocess.run(["losetup", "--find", "--show", content], check=True, capture_output=True, text=True)
        loop.write_text(made.stdout.strip())
        card.symlink_to(loop.read_text())
"""


class _Mux(SimulatedProgram):
    def __init__(self, *, size_bytes: int = 4 << 20, reader_stays: bool = False) -> None:
        super().__init__()
        self._size_bytes = size_bytes
        self._reader_stays = reader_stays

    def __enter__(self) -> Self:
        super().__enter__()
        self._stack.callback(self._detach)
        (self.folder / "content").write_bytes(bytes(self._size_bytes))
        (self.folder / "side").write_text("dut")
        if self._reader_stays:
            (self.folder / "nothing").touch()
        self.path = str(self.folder / "card")
        return self

    @property
    def side(self) -> str:
        """Where the card is: `host`, `dut` or `off`."""
        return (self.folder / "side").read_text()

    @property
    def content(self) -> bytes:
        """What is on the card."""
        return (self.folder / "content").read_bytes()

    def stick(self) -> None:
        """From now on it says that it has switched, and does not."""
        (self.folder / "stuck").touch()

    def _detach(self) -> None:
        loop = self.folder / "loop"
        if loop.exists():
            subprocess.run(["losetup", "--detach", loop.read_text()], check=True)


class UsbSdMux(_Mux):
    """Stands for usbsdmux.  path: of the card, for the configuration;  control: of the mux.

    Its card is at the device first.  size_bytes: of the card, which is empty;  reader_stays: whether the host sees a
    reader without a medium while the card is elsewhere, as it is with most of them; else it sees nothing.
    """

    name: ClassVar[str] = "usbsdmux"
    code: ClassVar[str] = (
        _SWITCHING
        + """
control, action = sys.argv[1:]
if pathlib.Path(control) != FOLDER / "control":
    sys.exit(f"[Errno 2] No such file or directory: '{control}'")
if action == "get":
    print((FOLDER / "side").read_text())
else:
    switch(action)
"""
    )

    def __enter__(self) -> Self:
        super().__enter__()
        (self.folder / "control").touch()
        self.control = str(self.folder / "control")
        return self


class SdWire(_Mux):
    """Stands for sd-mux-ctrl, which has the SDWire `device_serial`. See UsbSdMux."""

    name: ClassVar[str] = "sd-mux-ctrl"
    device_serial: ClassVar[str] = "sd-wire_11"
    code: ClassVar[str] = (
        _SWITCHING
        + """
serial, action = sys.argv[1:]
if serial != "--device-serial=sd-wire_11":
    sys.exit("Unable to open ftdi device: device not found")
if action == "--status":
    print("SD connected to:", {"host": "TS", "dut": "DUT"}[(FOLDER / "side").read_text()])
else:
    switch({"--ts": "host", "--dut": "dut"}[action])
"""
    )
