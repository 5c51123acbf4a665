"""Which lease gets which exporter: one admission cycle after each change of the facts.

`Scheduler` (one namespace) puts the changes into its index, runs an `AdmissionCycle`, and returns the decisions that
are new. A cycle has these steps, each resting on the ones before it:

1. Reservations: each lease that begins later is reserved its exporters (`cache.reservation_placement`).
2. Admission: free exporters are assigned to waiting leases, in fair order. A gang gets all or nothing; if nothing, it
   is reserved the exporters that it is going to get (`gangs`).
3. Preemption: what is left waiting may have spot leases ended (`preemption`), if a simulation shows that it helps
   (`preemption_simulation`).
4. The result is compared with the last one (`difference`): whatever differs is returned.

Invariants:

- The result follows from the facts and the time alone: it equals that of a new scheduler that is given the same facts.
- During a cycle exporters are taken and never given back. So where the first lease of a client's queue can't be served,
  none behind it can, but for one that would end before a reservation.
- Within a cycle a lease that is looked at later never takes what was reserved for one that was looked at before.
- A reservation that is in a lease's status is never moved for another lease.
- No lease is preempted in vain: the waiting lease gets the exporters, and none before it in its queue would.

Start with `scheduler`. Never here: I/O, or the time of day but as an argument.
"""
