"""Leases from the user's side: configuration files, the controller's client, and the life of a lease.

It never decides who gets an exporter (the operator does), never speaks to a driver itself (`jumplab.session` does), and
never prints: what a person should read reaches the caller as values, callbacks and exceptions.
"""
