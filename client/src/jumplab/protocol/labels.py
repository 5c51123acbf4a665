"""Labels of a driver's report, which name the driver and the class of its client."""

NAME_LABEL = "jumpstarter.dev/name"
CLIENT_LABEL = "jumpstarter.dev/client"
