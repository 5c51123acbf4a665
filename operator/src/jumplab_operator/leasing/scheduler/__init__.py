"""Who gets which exporter: one admission cycle over the leases that wait.

`plan` takes the changes and gives the decisions; `admission_cycle` is one pass over a namespace, the first in rank
first; `gangs` are leases of several exporters, all or none; `preemption` chooses the spot leases that are ended for
others, with `preemption_simulation` to find out whether that would help. Start with `plan`.

Never here: I/O, or the time of day but as an argument.
"""
