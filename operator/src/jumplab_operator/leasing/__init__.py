"""Decides who gets which exporter and until when.

Five rooms, each of which imports only those after it: `scheduler` (who gets what now), `lease` (what one lease's
spec, status and end follow from), `explain` (why a lease waits, and for how long), `cache` (the indexes that make a
change cheap), `model` (the facts, and the rules that all the others share). Start with `scheduler.plan`.

Everything here is a pure function of what it is given, the time included: no I/O, no clock, no randomness. What it
decides, `jumplab_operator.reconcile` writes.
"""
