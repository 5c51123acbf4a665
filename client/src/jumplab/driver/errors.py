"""What goes wrong with drivers, split by what the caller can do.

    DriverError
    ├── ConfigurationInvalid    fix the driver's configuration
    ├── DriverDefect            mend the driver's class
    ├── BadArguments            fix the call: nothing was done
    ├── NotExported             fix the call: no such driver or method in this session
    ├── InterfaceMismatch       client and exporter speak different versions: update the older one
    ├── ClientNotAllowed        allow the client class, or go without it
    ├── ClientMissing           install the package of the client class
    │   └── ClientDefect        … or mend the class: it is there, and does not work
    ├── DriverFailed            the driver did not start: see the exporter
    ├── CallFailed              the driver's own code raised; `type` names what
    │   ├── CallUnsupported     … NotImplementedError
    │   ├── CallRefused         … ValueError
    │   ├── CallTimedOut        … TimeoutError
    │   ├── CallDisconnected    … ConnectionError
    │   └── CallBroken          … OSError
    ├── CallCancelled           somebody cancelled it
    ├── SessionEnded            the lease is over: lease again
    ├── SessionLost             the connection is gone and the outcome unknown: attach again
    └── StreamReset             the peer gave the byte stream up

The five kinds of CallFailed are also the built-in exception that they stand for.
"""

from jumplab.errors import JumplabError


class DriverError(JumplabError):
    """The root of this tree."""


class ConfigurationInvalid(DriverError):
    """A driver's configuration can't be used; the message lists every key that is wrong."""


class DriverDefect(DriverError, TypeError):
    """The driver's code is not as its interface or the framework wants it; the message says what its author mends."""


class BadArguments(DriverError):
    """The arguments don't fit the method's signature. Nothing was done."""

    exit_status = 2


class NotExported(DriverError):
    """The session has no such driver, or the driver exports no such method."""

    exit_status = 2


class InterfaceMismatch(DriverError):
    """Client and exporter know different versions of an interface."""


class ClientNotAllowed(DriverError):
    """The report asks for a client class from a package that the user does not allow."""


class ClientMissing(DriverError):
    """The client class that the report asks for can't be imported here."""


class ClientDefect(ClientMissing):
    """The client class that the report asks for does not work; the message says what its author mends."""


class DriverFailed(DriverError):
    """The driver did not start, so nothing of it can be called."""


class CallFailed(DriverError):
    """The driver's code raised.  type: the class name of what it raised."""

    def __init__(self, message: str, *, type: str = "Exception") -> None:  # noqa: A002 - the field's name on the wire
        super().__init__(message)
        self.type = type


class CallUnsupported(CallFailed, NotImplementedError):
    """The driver can't do this."""


class CallRefused(CallFailed, ValueError):
    """The driver found a value that it can't use."""


class CallTimedOut(CallFailed, TimeoutError):
    """The device did not answer in time."""


class CallDisconnected(CallFailed, ConnectionError):
    """The driver lost its device."""


class CallBroken(CallFailed, OSError):
    """The operating system of the lab host refused something."""

    def __str__(self) -> str:
        return str(self.args[0])


class CallCancelled(DriverError):
    """The call was cancelled before it was done."""


class SessionEnded(DriverError):
    """The lease has ended."""


class SessionLost(DriverError):
    """The connection to the exporter is gone; whether the call was carried out is unknown."""


class StreamReset(DriverError):
    """The peer gave the byte stream up; the message has its reason."""
