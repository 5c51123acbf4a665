"""Strategies: pure paths, virtual boards, and Linux on QEMU."""
