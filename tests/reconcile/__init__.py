"""The operator against real API servers: what tests assert is what the API says."""
