"""What boards need, and what they say."""

from __future__ import annotations

PROMPT = r"=> $"
QEMU_BOARD = {"board": {"type": "board/qemu"}}
