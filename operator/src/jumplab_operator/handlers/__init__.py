"""The operator: kopf handlers feed a snapshot of the cluster; reconciles, one module a kind, write what is decided.

Level-based: each reconcile looks at the snapshot and at who is connected, never at what has just happened, and may run
at any time, twice, or after a crash. kopf runs in a thread and loop of its own and never writes; all writes come from
the main loop and carry the resource version that they rest on. Who gets what `jumplab_operator.leasing` decides; the
gRPC services see the lab through `jumplab_operator.controller.lab` alone. `running.running_lab` composes it.
"""
