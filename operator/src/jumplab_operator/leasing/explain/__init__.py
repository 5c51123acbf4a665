"""Why a lease waits, its position in its queue, and its expected begin.

`waiting` makes the pending reason of a lease out of its `blockers`, `pending_reasons` phrases it, `queue_position` and
`forecast` find position and time, `explain` goes through all exporters. Start with `waiting`.

Never here: a change of what was decided. This room reads index and result of a cycle.
"""
