"""Simulators of devices, for tests of drivers and for boards without hardware.

What is here behaves like hardware at the wire; it knows nothing of drivers.
"""
