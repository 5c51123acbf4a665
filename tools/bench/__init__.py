"""The benchmark of the whole path, `make bench`: what users wait for, beside Jumpstarter's figures for the same work.

Every figure comes from the run. It measures what is installed, through what users run, and changes nothing of it; the
drivers at the end of the path do nothing, so that the path alone is measured. docs/benchmarks-development.md explains
the figures.
"""
