"""The operator's real handlers in a world that goes wrong in every way it can, on virtual time."""
