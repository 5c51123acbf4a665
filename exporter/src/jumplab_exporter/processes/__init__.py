"""Child processes that never outlive the exporter, however it dies.

The room starts and ends processes; it knows nothing of what they are for.
"""
