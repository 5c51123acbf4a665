"""Decides which lease gets which exporter and until when.

Five rooms, each of which imports only those after it: `scheduler` (the admission cycle), `lease` (what one lease's
spec, status and end follow from), `explain` (why a lease waits, and for how long), `cache` (the indexes that make a
change cheap), `model` (the facts, and the rules that all the others share). Start with `scheduler.scheduler`.

Everything here follows from what it is given, the time included: no I/O, no clock, no randomness. The decisions are
written by `jumplab_operator.reconcile`.
"""
