"""Gives the scheduler its facts, and has its decisions carried out.

`scheduler_loop` turns changes into facts, plans, and has the leases with a new decision reconciled;
`queue_positions` finds the positions of the first of each queue. Never here: a write.
"""
