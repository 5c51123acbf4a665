"""Bytes that no honest peer sends, at each door of each program: a refusal, and no traceback in its log."""
