"""Servers that boards load files from."""
