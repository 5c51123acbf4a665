"""The benchmark of sessions, `make bench-sessions`: beside Jumpstarter's figures, and beside what the machine can do.

Work and measures are those of `tools.bench`; here each is done five times, right beside the peer, and the medians are
compared. docs/benchmarks-development.md says what each figure is.
"""
