"""Services that the lab host reaches over its network."""
