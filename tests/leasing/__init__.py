"""The pure decisions of leasing."""
