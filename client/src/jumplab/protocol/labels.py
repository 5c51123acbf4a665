"""Labels of a driver's report, which name the driver and the class of its client."""

NAME_LABEL = "jumpstarter.dev/name"
CLIENT_LABEL = "jumpstarter.dev/client"
ALIAS_LABEL = "jumplab.dev/alias-of"
"""Of a driver's report, where it is a further name of a driver: the uuid of the driver's own report."""
