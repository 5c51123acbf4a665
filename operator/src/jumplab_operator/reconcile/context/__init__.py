"""What every reconcile works with: the cluster as last seen, who is connected, and the queue of what to look at next.

Start with `context`. Never here: a step of a lease's life.
"""
