"""Digital inputs of the lab host."""
