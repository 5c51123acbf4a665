"""The relay: joins the two streams of a session's number and copies messages between them.

It knows nothing of their content, nothing of leases but the claims of a stream token, and never touches Kubernetes.
"""
