"""The facts that the scheduler looks at, and the rules that stand once for everybody.

`facts` are small extracts of the custom resources; `decisions` and `cycle_result` are what comes out. Between them are
the rules: selectors, access policies, times and lengths, ranking, usage, reservations, health. Start with `facts`.

Never here: an index, or a search over many leases.
"""
