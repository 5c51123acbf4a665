"""Switches of a device's supply."""
