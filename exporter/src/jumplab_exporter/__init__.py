"""The exporter: serves a board's drivers to whoever leases it, one lease after another.

The room holds the exporter's configuration, its connection to the controller, the state machine of its life, its hooks,
and the implementations of drivers. It never decides who gets a lease, and it never imports the client or the operator.
"""
