"""What can go wrong in an exporter.

ExporterError
  ├── ConfigurationError       the configuration is wrong; exit status 2
  │     └── AlreadyRunning     another process serves this configuration
  ├── Refused                  the controller does not accept this exporter; exit status 1
  └── HookFailed               a hook asked for the exporter's end; exit status 1
"""


class ExporterError(Exception):
    """A sentence for the person who runs the exporter."""

    exit_status = 1


class ConfigurationError(ExporterError):
    """The configuration file is missing, unreadable or wrong: edit it and start again."""

    exit_status = 2


class AlreadyRunning(ConfigurationError):
    """Another process serves the same configuration file."""


class Refused(ExporterError):
    """The controller answered that it will not have this exporter, e.g. with its token."""


class HookFailed(ExporterError):
    """A hook with `onFailure: exit` failed."""
