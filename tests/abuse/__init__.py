"""Attacks on a control plane: that the suite finds what is broken, and short runs of it."""
