"""A reset driver for Jumplab, and a simulator of its device."""
