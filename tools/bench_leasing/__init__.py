"""How fast leases are given, `make bench-leasing`: on a real kube-apiserver, with simulated exporters that confirm.

Every figure comes from the run, and stands beside its limit and, where its script is at hand, beside labgrid's figure.
docs/benchmarks-development.md says what each figure is, docs/growing.md what they mean for a lab that grows.
"""
