"""Disks and other storage that a device uses."""
