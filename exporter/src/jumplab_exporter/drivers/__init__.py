"""The implementations of drivers, as <interface>/<device>.py.

A module here is imported only when a driver of it is built, and so are the libraries of its extra. Interfaces and their
clients are in jumplab.drivers; nothing here knows of leases, routers or the controller.
"""
