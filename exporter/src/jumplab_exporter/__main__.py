"""`python -m jumplab_exporter` is `jumplab-exporter`."""

from jumplab_exporter.main import main

main(prog_name="jumplab-exporter")
