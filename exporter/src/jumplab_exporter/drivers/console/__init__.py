"""Consoles: how the bytes of a device reach any number of readers."""
