"""The operator's errors: one tree, by what the reader of the sentence can do.

OperatorError
├── CannotStart             correct what was given and start again
│   ├── PortUnavailable     the address can't be listened on
│   ├── KeysUnusable        the operator's keys, or the certificate that it serves, can't be used
│   ├── NoKubeAccess        no usable way to a Kubernetes API
│   ├── DataDirInUse        another instance runs on the data directory
│   └── DataDirUnusable     the data directory can't be made, read or written
├── NotTakenOver            the control plane that runs has not taken over what was replaced: read its log
├── WrongOrder              a step of a rotation was asked for before its turn: make the one before it first
├── ApiError                the Kubernetes API did not do what was asked
│   ├── ApiRefused          it refused: correct the request, or look at the object again
│   │   ├── NameTaken       a lease of that name is there: choose another name
│   │   ├── EditRefused     the lease's state, a quota or a policy forbids the edit
│   │   └── TokenReplaced   the caller's token is not in force any more: take the new one
│   └── ApiUnreachable      it can't be reached or can't answer now: try again
│       ├── ApiFull         its disk has no room for a write: make room
│       └── NotLeading      this operator may not write now: another may lead, which does it
├── RequestRefused          the one-machine API refuses a request (`standalone.base.errors` words it)
├── Refusal                 the controller refuses a call (`controller.refusals` has one class for each gRPC code)
├── InvalidCredential       a bearer token proves nobody (`controller.credentials`)
├── InvalidStreamToken      a stream token opens nothing (`router.tokens`)
├── StreamRefused           the router doesn't join a stream (`router.switchboard`)
└── Unreadable              an object isn't what its schema says: correct the object (`resources.errors`)
"""

from jumplab.errors import JumplabError


class OperatorError(JumplabError):
    """The root of the operator's own. Each message is a sentence for a person."""


class CannotStart(OperatorError):
    """The process can't start; the message is for the person who started it."""


class PortUnavailable(CannotStart):
    """The address can't be listened on."""


class KeysUnusable(CannotStart):
    """The operator's keys, or the certificate that it serves, can't be used."""

    exit_status = 2


class NoKubeAccess(CannotStart):
    """No usable way to a Kubernetes API; the message names the file and what is wrong with it."""

    exit_status = 2


class DataDirInUse(CannotStart):
    """Another instance runs on the data directory."""


class DataDirUnusable(CannotStart):
    """The data directory can't be made, read or written."""

    exit_status = 2


class NotTakenOver(OperatorError):
    """What was replaced has been written, and the control plane that runs has not taken it over."""


class WrongOrder(OperatorError):
    """A step of a rotation was asked for before its turn; the message says what comes first."""


class ApiError(OperatorError):
    """The Kubernetes API did not do what was asked: the HTTP status code of its answer, and its sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ApiRefused(ApiError):
    """The Kubernetes API refused a request. 409: what was decided on has changed."""


class NameTaken(ApiRefused):
    """A lease of that name is there, and may not be replaced."""

    def __init__(self, message: str) -> None:
        super().__init__(409, message)


class EditRefused(ApiRefused):
    """The lease's state, a quota or a policy forbids the edit."""

    def __init__(self, message: str) -> None:
        super().__init__(422, message)


class NoSuchObject(ApiRefused):
    """The API has no such object, by its own answer. A 404 alone means less: the kind may not be served now, or
    something between answers."""

    def __init__(self, message: str) -> None:
        super().__init__(404, message)


class TokenReplaced(ApiRefused):
    """The caller's token is not in force any more."""

    def __init__(self, message: str) -> None:
        super().__init__(401, message)


class ApiUnreachable(ApiError):
    """The Kubernetes API can't be reached, or is not able to answer now."""

    def __init__(self, message: str) -> None:
        super().__init__(503, message)


class ApiFull(ApiUnreachable):
    """The disk of the Kubernetes API has no room for a write; it goes on answering what is only read."""


class NotLeading(ApiUnreachable):
    """This operator is not sure that it leads, and writes nothing. Whoever competes for the lead logs that once."""

    def __init__(self) -> None:
        super().__init__("this operator may not be the leader any more; it writes nothing until it knows")
