"""What some tests need of the machine that they run on."""

import os
import shutil

import pytest

from jumplab_exporter.drivers.board.qemu import QemuBoard


def _missing_for_qemu() -> str:
    try:
        QemuBoard().command()
    except FileNotFoundError as error:
        return str(error)
    return ""


needs_qemu = pytest.mark.skipif(bool(_missing_for_qemu()), reason=_missing_for_qemu() or "it is there")

# Debian puts it where only root looks.
SER2NET = shutil.which("ser2net", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
needs_ser2net = pytest.mark.skipif(SER2NET is None, reason="ser2net is missing")
