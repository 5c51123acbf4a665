"""Decides who gets which exporter and until when: selectors, access, validation, scheduling, a lease's life.

Everything here is a pure function of what it is given, the time included: no I/O, no clock, no randomness. What it
decides, `jumplab_operator.handlers` writes.
"""
