"""One tree of errors, whose names are all in `jumplab` too.

Each message is a sentence for a person: which thing, what is wrong with it, what to do. The words on the right say what
a program or its author can do: retry, lease again, fix something, or report it.

    JumplabError
    ├── ClientError                  jumplab.client.errors: leases and the user's configuration
    │   ├── ConfigurationError       fix: the file, the variable or the argument that it names
    │   ├── BoardMismatch            fix: the board's class, or lease an exporter that fits it
    │   ├── LeaseFailed              lease again, or something else
    │   │   ├── LeaseUnsatisfiable   fix: nothing that exists can satisfy the lease
    │   │   ├── LeaseInvalid         fix: the lease contradicts itself
    │   │   └── LeaseEnded           lease again: it was released, expired, or was taken away
    │   ├── LeaseNotOwn              fix: the lease is another client's
    │   └── LeaseNotReady            retry: the time given to wait is over
    ├── TransportError               jumplab.transport.errors: reaching the controller, the router, the exporter
    │   ├── Unreachable              retry: nothing answers, or the connection was lost
    │   │   └── CertificateRejected  fix: something answers that isn't trusted
    │   └── Refused                  fix: the other end answered no; the message is its reason
    │       ├── NotAuthenticated     fix: get a new token
    │       ├── NotAllowed           fix: the caller may not do this
    │       ├── NotFound             fix: what was named isn't there
    │       ├── NotPossibleNow       retry: the state of the thing forbids it
    │       └── BadRequest           fix: what was asked makes no sense
    ├── NotWritten                   jumplab.private_files: fix: the place of a file for its owner alone (OSError)
    ├── StrategyError                jumplab.strategies.errors: between the states of a board
    │   ├── StrategyInvalid          fix: the strategy's class, or the place where it is used
    │   ├── NoSuchState              fix: the name of the state; the message lists those that there are
    │   ├── NoWayThere               fix: declare the way that is missing
    │   ├── TransitionFailed         retry: a way failed; the next transition begins with a way from any state
    │   ├── BoardPanicked            report: the board said that it can't go on
    │   └── LoginFailed              fix: the user and the password of the strategy
    └── DriverError                  jumplab.driver.errors: a call, a stream, a driver
        ├── ConfigurationInvalid     fix: the driver's configuration
        ├── DriverDefect             fix: the driver's class, which its author mends
        ├── BadArguments             fix: the call; nothing was done
        ├── NotExported              fix: the session has no such driver or method
        ├── InterfaceMismatch        fix: update the older one of client and exporter
        ├── ClientNotAllowed         fix: allow the client class
        ├── ClientMissing            fix: install the package of the client class
        │   └── ClientDefect         fix: the client class is there and does not work; its author mends it
        ├── DriverFailed             report: the driver did not start; the lab's administrator sees why
        ├── CallFailed               report: the device or its driver failed; `type` names what was raised
        │   ├── CallUnsupported      fix: the driver can't do this (NotImplementedError)
        │   ├── CallRefused          fix: a value that the driver can't use (ValueError)
        │   ├── CallTimedOut         retry: the device did not answer in time (TimeoutError)
        │   ├── CallDisconnected     retry: the driver lost its device (ConnectionError)
        │   └── CallBroken           report: the lab host's system refused something (OSError)
        ├── CallCancelled            retry: somebody cancelled the call
        ├── SessionEnded             lease again: the lease is over
        ├── SessionLost              lease again: enter `lease` or `attach` anew; the call's outcome is unknown
        ├── StreamReset              retry: the peer gave the byte stream up
        └── ConsoleError             jumplab.drivers.console.errors
            ├── ConsoleTimeout       retry: what was expected did not come in time (TimeoutError)
            ├── ConsoleClosed        lease again: the console ended before it came
            ├── ConsoleGap           retry: bytes were dropped; the next read goes on behind them
            ├── ConsoleRestarted     retry: the exporter's process was replaced; the next read begins at 0
            ├── OutputIncomplete     fix: bytes of a command's output were lost; write what is long to a file
            └── ConsoleInUse         retry: another client has the exclusive right to write

Any other exception out of Jumplab is a bug: report it, with its traceback. `jumplab_exporter.errors` are what the
exporter's own program says, of the same root.
"""


class JumplabError(Exception):
    """Anything that Jumplab raises on purpose."""

    exit_status = 1
    """With which a program ends; 2 for a usage, a configuration or a file that is to be corrected."""
