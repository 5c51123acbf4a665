"""The distributions, as somebody without a checkout gets them, and what set-up takes from a package index."""
