"""Leader election: of several operators the one with a coordination Lease, which it renews, decides; the others wait.

It knows nothing of the lab. `election.leading` composes it: `record` is the Lease, `candidate` competes for it, `fence`
keeps one that is not sure of its lead from writing, `pod` has the Service send exporters and clients to the one that
leads.
"""
