"""`jumplab version`."""

from jumplab.versions import version_command

version = version_command("jumplab", "jumplab")
