"""Keeps the scheduler fed and its decisions known.

`scheduler_loop` turns changes into facts, plans, and has the leases with a new decision reconciled;
`queue_positions` keeps what the first of each queue are told. Never here: a write.
"""
