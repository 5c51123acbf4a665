"""Digital outputs of the lab host."""
