"""The relay: joins the two streams of a session's number and copies messages between them.

It knows nothing of what they carry, nothing of leases but what a stream token says, and never touches Kubernetes.
"""
