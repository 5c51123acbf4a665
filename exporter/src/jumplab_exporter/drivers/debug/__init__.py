"""Debug ports: what stands between a client's GDB and a stub or a probe on the lab host."""
