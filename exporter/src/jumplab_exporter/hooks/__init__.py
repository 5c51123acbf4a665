"""Scripts that run around a lease, and what they say.

The room runs a hook and tells how it ended; what a failure leads to is the lifecycle's decision.
"""
