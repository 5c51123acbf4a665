"""What `import jumplab` offers, and the one tree of errors."""

import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

import jumplab
from jumplab import errors

STRATEGIES = ["ANY_STATE", "AsyncStrategy", "AsyncUBootLinux", "Step", "Strategy", "UBootLinux", "probe", "way"]
LEASING = ["AsyncBoard", "Board", "Leased", "LeasedAsyncBoard", "LeasedBoard", "attach", "lease", "local"]
ERRORS = [
    "BadArguments",
    "BadRequest",
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
    "StrategyError",
    "StrategyInvalid",
    "StreamReset",
    "TransitionFailed",
    "TransportError",
    "Unreachable",
]
_WHERE_ERRORS_ARE = (
    "client.errors",
    "driver.errors",
    "drivers.console.errors",
    "private_files",
    "strategies.errors",
    "transport.errors",
)
_WHAT_TO_DO = ("fix", "lease again", "report", "retry")


def test_the_public_names_are_these() -> None:
    assert sorted(jumplab.__all__) == sorted([*LEASING, *STRATEGIES, *ERRORS, "__version__"])
    assert dir(jumplab) == sorted(jumplab.__all__)
    assert all(hasattr(jumplab, name) for name in jumplab.__all__)
    assert jumplab.__version__ == version("jumplab")


def test_every_error_of_the_library_is_offered() -> None:
    classes = [
        each
        for home in _WHERE_ERRORS_ARE
        for each in vars(import_module(f"jumplab.{home}")).values()
        if isinstance(each, type) and issubclass(each, jumplab.JumplabError)
    ]
    assert {each.__name__ for each in classes} == set(ERRORS)
    assert all(getattr(jumplab, each.__name__) is each for each in classes)


def test_the_tree_is_drawn_as_it_is_and_says_what_to_do() -> None:
    drawn = re.findall(
        r"^    ([│ ├└─]*)(\w+) *(.*)$", (errors.__doc__ or "").split("JumplabError\n", 1)[1], re.MULTILINE
    )
    above = ["JumplabError"]
    for branches, name, meaning in drawn:
        depth = len(branches) // 4
        above = [*above[:depth], name]
        error = getattr(jumplab, name)
        assert getattr(jumplab, above[depth - 1]) in error.__bases__, name
        assert meaning.startswith((*_WHAT_TO_DO, "jumplab.")), name
    assert sorted(["JumplabError", *(name for _, name, _ in drawn)]) == ERRORS


def test_the_exporters_errors_are_of_the_same_root() -> None:
    from jumplab_exporter.errors import ExporterError

    assert issubclass(ExporterError, jumplab.JumplabError)


def test_nothing_is_loaded_before_it_is_used() -> None:
    script = "import sys; before = set(sys.modules); import jumplab; print(*sorted(set(sys.modules) - before))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == ["jumplab"]


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(AttributeError, match="module 'jumplab' has no attribute 'leese'"):
        jumplab.leese  # type: ignore[attr-defined] # noqa: B018 - what is tried
