"""What keeps the process serving whatever the code of drivers does in it.

The room knows the event loop, threads, signals and standard streams of this process; it knows nothing of leases.
"""
