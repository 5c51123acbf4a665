"""The root of every error that Jumplab raises on purpose.

    JumplabError
    ├── jumplab.driver.errors      DriverError: a call, a stream or a driver's configuration
    ├── jumplab.transport.errors   TransportError: reaching the controller, the router, the exporter
    ├── jumplab.client.errors      ClientError: leases and the user's configuration
    └── jumplab.private_files      NotWritten: a file for its owner alone

Each message is a sentence for a person: which thing, what is wrong with it, what to do.
"""


class JumplabError(Exception):
    """Anything that Jumplab raises on purpose."""
