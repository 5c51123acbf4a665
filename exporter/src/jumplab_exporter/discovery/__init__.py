"""What the host has that an exporter could serve: `jumplab-exporter discover`.

`host` looks at sysfs and at the links in /dev, and opens no device: to open a serial port can reset a board. `usage`
tells what exporters that run have already. `proposal` writes a configuration of what is found, `watching` tells what
comes and goes, and `probing` alone opens devices, where the user asks for it.
"""
