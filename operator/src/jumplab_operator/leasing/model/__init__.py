"""The facts that the scheduler looks at, and the rules that stand once for everybody.

`facts` are small extracts of the custom resources; `decisions` are what comes out. Between them are the rules:
selectors, access policies, times, ranking, usage, reservations, health. Start with `facts`.

Never here: an index, a search over many leases, or a sentence for people.
"""
