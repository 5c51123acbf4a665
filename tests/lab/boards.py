"""What boards need, and what they say."""

from __future__ import annotations

import pytest

from jumplab_exporter.drivers.board.qemu import QemuBoard

PROMPT = r"=> $"
QEMU_BOARD = {"board": {"type": "board/qemu"}}


def missing_for_qemu() -> str:
    """What QEMU with U-Boot lacks on this machine; empty where it is there."""
    try:
        QemuBoard().command()
    except FileNotFoundError as error:
        return str(error)
    return ""


needs_qemu = pytest.mark.skipif(bool(missing_for_qemu()), reason=missing_for_qemu() or "it is there")
