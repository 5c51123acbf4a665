"""Errors of a driver's method as messages of the wire, and back."""

from jumplab.driver import errors
from jumplab.errors import JumplabError
from jumplab.protocol.v1.session_pb2 import CallError
from jumplab.session.scrubbing import scrubbed_text
from jumplab.system_errors import system_sentence

_KINDS: dict[type[errors.DriverError], CallError.Kind.ValueType] = {
    errors.NotExported: CallError.KIND_NOT_FOUND,
    errors.BadArguments: CallError.KIND_BAD_ARGUMENTS,
    errors.DriverFailed: CallError.KIND_DRIVER_FAILED,
    errors.CallCancelled: CallError.KIND_CANCELLED,
    errors.SessionEnded: CallError.KIND_SESSION_ENDED,
}
_MEANINGS = {kind: meaning for meaning, kind in _KINDS.items()}

_RAISED: tuple[tuple[type[BaseException], type[errors.CallFailed]], ...] = (
    (NotImplementedError, errors.CallUnsupported),
    (ValueError, errors.CallRefused),
    (TimeoutError, errors.CallTimedOut),
    (ConnectionError, errors.CallDisconnected),
    (OSError, errors.CallBroken),
)
_BUILT_IN = {raised.__name__: meaning for raised, meaning in _RAISED}


class LoopBlocked(BaseException):
    """Raised in code of a driver that blocks its exporter's event loop, to end that. The sentence says where.

    No Exception: code that goes on at any error of its device must not go on at this one.
    """


def is_explained(error: BaseException) -> bool:
    """Whether an error's sentence says all: it is about the device, the call or the configuration.

    Anything else is a fault of the driver's code, for which its author needs the traceback.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(is_explained(each) for each in error.exceptions)
    return isinstance(error, (JumplabError, *(raised for raised, _ in _RAISED)))


def sentence_of(error: BaseException) -> str:
    """What an error of a driver's code says; what it is, where it says nothing."""
    if isinstance(error, SystemExit):
        return f"its code has called sys.exit({'' if error.code is None else repr(error.code)})"
    if not isinstance(error, (Exception, BaseExceptionGroup, LoopBlocked)):
        return f"its code has raised {type(error).__name__}" + (f": {error}" if str(error) else "")
    if isinstance(error, OSError):
        return system_sentence(error)
    return str(error) or type(error).__name__


def to_call_error(error: BaseException) -> CallError:
    """The error as the client gets it: its kind, the name of its class, its sentence without credentials in URLs."""
    for meaning, kind in _KINDS.items():
        if isinstance(error, meaning):
            return CallError(kind=kind, type=type(error).__name__, message=scrubbed_text(str(error)))
    name = error.type if isinstance(error, errors.CallFailed) else type(error).__name__
    base = next((raised.__name__ for raised, _ in _RAISED if isinstance(error, raised)), "")
    type_name = name if name == base or not base else f"{base}:{name}"
    return CallError(kind=CallError.KIND_DRIVER, type=type_name, message=scrubbed_text(sentence_of(error)))


def to_driver_error(error: CallError, path: str, method: str) -> errors.DriverError:
    """The error that a call of `method` on the driver at `path` ends with."""
    meaning = _MEANINGS.get(error.kind)
    if meaning is not None:
        return meaning(error.message)
    base, _, name = error.type.rpartition(":")
    failed = _BUILT_IN.get(base or name, errors.CallFailed)
    return failed(f"{path}.{method}: {error.message}", type=name)
