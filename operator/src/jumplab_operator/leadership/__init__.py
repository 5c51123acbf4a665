"""Which of several operators decides: the one that holds a coordination Lease, which it renews; the others stand by.

It knows nothing of the lab. `election.leading` composes it: `record` is the Lease, `candidate` competes for it, `fence`
keeps one that is not sure of its lead from writing, `pod` has the Service send exporters and clients to the one that
leads.
"""
