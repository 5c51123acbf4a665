"""Shells: on the lab host, and on the device."""
