"""Buttons of a device, pressed by the lab host."""
