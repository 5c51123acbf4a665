"""The life of one lease: whether its spec is valid, its end, its conditions, and its edits.

Start with `validation` for refusals, `expiry` for endings, `conditions` for its status.

Never here: a comparison with other waiting leases. That is the scheduler's.
"""
