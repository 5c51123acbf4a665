"""What a Kubernetes API does for us: every test here runs against the standalone server and the real one."""
