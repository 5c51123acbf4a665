"""Lease a board and hold it as if it were on the desk.

    with jumplab.lease("board=qemu-arm64", duration="30m") as board:
        board.power.cycle()
        board.console.expect("=> ")

The names here are what test authors need: leases, typed boards, strategies, and every error that they may want to catch
(`jumplab.errors` draws the tree). They are loaded at first use. Driver authors find theirs in `jumplab.driver`.
"""

# Without `typing`: whatever imports Jumplab runs this, and `j` is done in the time that `typing` takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jumplab.client.boards import AsyncBoard, Board
    from jumplab.client.errors import (
        BoardMismatch,
        ClientError,
        ConfigurationError,
        LeaseEnded,
        LeaseFailed,
        LeaseInvalid,
        LeaseNotOwn,
        LeaseNotReady,
        LeaseUnsatisfiable,
    )
    from jumplab.client.leased import Leased, LeasedAsyncBoard, LeasedBoard
    from jumplab.client.leasing import attach, lease
    from jumplab.client.local import local
    from jumplab.driver.errors import (
        BadArguments,
        CallBroken,
        CallCancelled,
        CallDisconnected,
        CallFailed,
        CallRefused,
        CallTimedOut,
        CallUnsupported,
        ClientDefect,
        ClientMissing,
        ClientNotAllowed,
        ConfigurationInvalid,
        DriverDefect,
        DriverError,
        DriverFailed,
        InterfaceMismatch,
        NotExported,
        SessionEnded,
        SessionLost,
        StreamReset,
    )
    from jumplab.drivers.console.errors import (
        ConsoleClosed,
        ConsoleError,
        ConsoleGap,
        ConsoleInUse,
        ConsoleRestarted,
        ConsoleTimeout,
        OutputIncomplete,
    )
    from jumplab.errors import JumplabError
    from jumplab.private_files import NotWritten
    from jumplab.strategies.aio import AsyncStrategy
    from jumplab.strategies.errors import (
        BoardPanicked,
        LoginFailed,
        NoSuchState,
        NoWayThere,
        StrategyError,
        StrategyInvalid,
        TransitionFailed,
    )
    from jumplab.strategies.plain import Strategy
    from jumplab.strategies.record import Step
    from jumplab.strategies.uboot_linux_aio import AsyncUBootLinux
    from jumplab.strategies.uboot_linux_plain import UBootLinux
    from jumplab.strategies.ways import ANY_STATE, probe, way
    from jumplab.transport.errors import (
        BadRequest,
        CertificateRejected,
        NotAllowed,
        NotAuthenticated,
        NotFound,
        NotPossibleNow,
        Refused,
        TransportError,
        Unreachable,
    )

    __version__: str

__all__ = [
    "ANY_STATE",
    "AsyncBoard",
    "AsyncStrategy",
    "AsyncUBootLinux",
    "BadArguments",
    "BadRequest",
    "Board",
    "BoardMismatch",
    "BoardPanicked",
    "CallBroken",
    "CallCancelled",
    "CallDisconnected",
    "CallFailed",
    "CallRefused",
    "CallTimedOut",
    "CallUnsupported",
    "CertificateRejected",
    "ClientDefect",
    "ClientError",
    "ClientMissing",
    "ClientNotAllowed",
    "ConfigurationError",
    "ConfigurationInvalid",
    "ConsoleClosed",
    "ConsoleError",
    "ConsoleGap",
    "ConsoleInUse",
    "ConsoleRestarted",
    "ConsoleTimeout",
    "DriverDefect",
    "DriverError",
    "DriverFailed",
    "InterfaceMismatch",
    "JumplabError",
    "LeaseEnded",
    "LeaseFailed",
    "LeaseInvalid",
    "LeaseNotOwn",
    "LeaseNotReady",
    "LeaseUnsatisfiable",
    "Leased",
    "LeasedAsyncBoard",
    "LeasedBoard",
    "LoginFailed",
    "NoSuchState",
    "NoWayThere",
    "NotAllowed",
    "NotAuthenticated",
    "NotExported",
    "NotFound",
    "NotPossibleNow",
    "NotWritten",
    "OutputIncomplete",
    "Refused",
    "SessionEnded",
    "SessionLost",
    "Step",
    "Strategy",
    "StrategyError",
    "StrategyInvalid",
    "StreamReset",
    "TransitionFailed",
    "TransportError",
    "UBootLinux",
    "Unreachable",
    "__version__",
    "attach",
    "lease",
    "local",
    "probe",
    "way",
]

_NAMES_OF = {
    "jumplab.errors": "JumplabError",
    "jumplab.private_files": "NotWritten",
    "jumplab.client.boards": "AsyncBoard Board",
    "jumplab.strategies.aio": "AsyncStrategy",
    "jumplab.strategies.plain": "Strategy",
    "jumplab.strategies.record": "Step",
    "jumplab.strategies.uboot_linux_aio": "AsyncUBootLinux",
    "jumplab.strategies.uboot_linux_plain": "UBootLinux",
    "jumplab.strategies.ways": "ANY_STATE probe way",
    "jumplab.client.leased": "Leased LeasedAsyncBoard LeasedBoard",
    "jumplab.client.leasing": "attach lease",
    "jumplab.client.local": "local",
    "jumplab.client.errors": """
        BoardMismatch ClientError ConfigurationError LeaseEnded LeaseFailed LeaseInvalid LeaseNotOwn LeaseNotReady
        LeaseUnsatisfiable
    """,
    "jumplab.driver.errors": """
        BadArguments CallBroken CallCancelled CallDisconnected CallFailed CallRefused CallTimedOut CallUnsupported
        ClientDefect ClientMissing ClientNotAllowed ConfigurationInvalid DriverDefect DriverError DriverFailed
        InterfaceMismatch NotExported SessionEnded SessionLost StreamReset
    """,
    "jumplab.drivers.console.errors": """
        ConsoleClosed ConsoleError ConsoleGap ConsoleInUse ConsoleRestarted ConsoleTimeout OutputIncomplete
    """,
    "jumplab.strategies.errors": """
        BoardPanicked LoginFailed NoSuchState NoWayThere StrategyError StrategyInvalid TransitionFailed
    """,
    "jumplab.transport.errors": """
        BadRequest CertificateRejected NotAllowed NotAuthenticated NotFound NotPossibleNow Refused TransportError
        Unreachable
    """,
}
_HOMES = {name: module for module, names in _NAMES_OF.items() for name in names.split()}


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name == "__version__":
        return import_module("importlib.metadata").version("jumplab")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
