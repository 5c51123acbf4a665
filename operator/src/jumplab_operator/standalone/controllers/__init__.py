"""What changes the store, and what follows from a change: deletion, garbage collection, the end of namespaces and
Events.

Start with `mutations`, through which every write goes. Never here: HTTP.
"""
