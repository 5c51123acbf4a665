"""The tools of every reconcile: the cluster as last seen, the connections, and the queue of objects to reconcile next.

Start with `context`. Never here: a step of a lease's life.
"""
