"""What some tests need of the machine that they run on."""

import pytest

from jumplab_exporter.drivers.board.qemu import QemuBoard


def _missing_for_qemu() -> str:
    try:
        QemuBoard().command()
    except FileNotFoundError as error:
        return str(error)
    return ""


needs_qemu = pytest.mark.skipif(bool(_missing_for_qemu()), reason=_missing_for_qemu() or "it is there")
