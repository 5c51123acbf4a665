"""The errors between a user and a lease, by what the user can do about them.

    ClientError
    ├── ConfigurationError      fix a configuration file, an environment variable or an argument
    ├── BoardMismatch           correct the board's class, or lease an exporter that fits it
    ├── LeaseFailed             lease again, or lease something else
    │   ├── LeaseUnsatisfiable  nothing that exists can satisfy the lease
    │   ├── LeaseInvalid        the lease contradicts itself
    │   └── LeaseEnded          it was released, it expired, or it was taken away
    ├── LeaseNotOwn             ask its holder: the lease is another client's
    └── LeaseNotReady           wait longer: the time given to wait is over

Beside these, what the controller refuses and what keeps it from answering are `jumplab.transport.errors`, and what
drivers raise are `jumplab.driver.errors`. Every message names the thing, what is wrong with it, and what to do.
"""

from jumplab.errors import JumplabError


class ClientError(JumplabError):
    """Anything that leasing raises on purpose."""


class ConfigurationError(ClientError):
    """A configuration file, an environment variable or an argument is wrong."""

    exit_status = 2


class BoardMismatch(ClientError):
    """The leased exporter doesn't have what the board's class declares; the message lists every difference."""


class LeaseFailed(ClientError):
    """A lease that will never be, or is no longer, ready."""


class LeaseUnsatisfiable(LeaseFailed):
    """Nothing that exists can satisfy the lease."""


class LeaseInvalid(LeaseFailed):
    """The lease's own fields contradict each other."""


class LeaseEnded(LeaseFailed):
    """The lease was released, expired, or was taken away."""


class LeaseNotOwn(ClientError):
    """Another client is the holder of the lease."""


class LeaseNotReady(ClientError):
    """The lease was not ready within the time that the caller gave."""
