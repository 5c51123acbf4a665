"""Why a lease waits, in words, where it stands in its queue, and when its turn is expected.

`pending_reasons` phrases the reason, `queue_position` finds the place in the queue, `forecast` the time, `explain`
tells all of it for each exporter. Start with `pending_reasons`.

Never here: a change of what was decided. This room reads and phrases.
"""
