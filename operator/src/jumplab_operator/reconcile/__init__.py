"""The operator at work: one reconciler for each kind reads the cluster as it is and writes what is decided.

Five rooms, each of which imports only those after it: `composition` (all the parts put together), `reconcilers`
(one module a kind), `scheduling` (keeps the scheduler fed), `lease_steps` (the steps that reconcilers are made of),
`context` (what every step works with). Start with `reconcilers.lease`.

Level-based: each reconcile looks at the object store and at who is connected, never at what has just happened, and
may run at any time, twice, or after a crash. Who gets what is decided in `jumplab_operator.leasing`, never here;
the gRPC services see the lab through `jumplab_operator.controller.lab` alone.
"""
