"""One reconciler for each kind: what its object should be, and the writes that bring it there.

Start with `lease`. Never here: a reconciler that calls another; what follows for other objects goes through the
work queue.
"""
