"""`make abuse`: attacks on the control plane, and whether its other users notice them.

`catalogue` lists the attacks. `run` plays each of them against a lab of its own: an operator with 1,024 descriptors,
two exporters with leases, and a client that goes on with its work. The attacker is a process of its own on the same
machine; it connects to loopback addresses alone, and ends by itself.
"""
