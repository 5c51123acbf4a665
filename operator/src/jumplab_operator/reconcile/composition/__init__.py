"""Puts the operator together: which change has which objects reconciled, and the lab as the gRPC services see it.

`compose.running_lab` alone knows all the parts. Never here: a decision about an object.
"""
