"""What can go wrong in an exporter.

ExporterError
├── ConfigurationError     the configuration file is missing, unreadable or wrong; exit status 2
│   └── AlreadyRunning     another process serves this configuration
├── RequestRefused         the running exporter does not do now what a command asks of it; exit status 1
├── DriverUnknown          a driver type that isn't there; the exporter goes on without that driver
└── Stopped                the exporter can't or shall not go on; exit status 1
"""

from jumplab.errors import JumplabError


class ExporterError(JumplabError):
    """A sentence for the person who runs the exporter."""


class ConfigurationError(ExporterError):
    """The configuration file is missing, unreadable or wrong: edit it and start again."""

    exit_status = 2


class AlreadyRunning(ConfigurationError):
    """Another process serves the same configuration file."""


class RequestRefused(ExporterError):
    """The running exporter does not do now what a command asks of it."""


class DriverUnknown(ExporterError):
    """A driver type that no package offers."""


class Stopped(ExporterError):
    """The controller will not have this exporter, or a hook asked for its end."""
