"""Whole virtual boards: supply, console and disk together."""
