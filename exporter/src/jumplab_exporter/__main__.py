"""`python -m jumplab_exporter` is `jumplab-exporter`."""

from jumplab_exporter.program import main

main()
