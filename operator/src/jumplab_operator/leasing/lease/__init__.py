"""The life of one lease: is its spec valid, is it over, what do its conditions say, may it be longer or another's.

Start with `validation` for what is refused, `expiry` for what ends a lease, `conditions` for what its status says.

Never here: a comparison with other waiting leases. That is the scheduler's.
"""
