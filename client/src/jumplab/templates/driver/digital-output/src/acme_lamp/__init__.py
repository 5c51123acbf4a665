"""A digital output driver for Jumplab, and a simulator of its device."""
