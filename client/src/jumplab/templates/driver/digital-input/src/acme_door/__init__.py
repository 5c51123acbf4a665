"""A digital input driver for Jumplab, and a simulator of its device."""
