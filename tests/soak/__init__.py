"""The soak: that it finds what grows, and a short run of it."""
