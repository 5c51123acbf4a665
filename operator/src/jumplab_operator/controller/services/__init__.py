"""The three gRPC services: for exporters (`controller`), for clients (`client`), for sessions (`session`).

They turn messages into calls of `controller.lab.Lab` and back. Never here: a decision about a lease.
"""
