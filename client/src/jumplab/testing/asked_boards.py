"""What a run of pytest, or a test's marker, asks for. It imports nothing of Jumplab: every run of pytest reads it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import pytest

SCOPES = ("session", "module", "function")
STATE_MARKER = "board_state(state): the state that the run's strategy brings the board into before the test"
MARKER = "board(selector, board=None, *, exporters=None): a board with these labels, or several by names of your own"


@dataclass(frozen=True, slots=True)
class AskedBoard:
    """A board that is asked for, or several.

    selector, exporter: of one board.  members: for several, the name of each and its selector or `@EXPORTER`.
    lease: of a lease that exists already: it is used, and must fit the rest.  exporter_config: an exporter's file whose
    drivers are used without a controller, in place of a lease.  The others: as of `jumplab.lease`.
    """

    selector: str = ""
    exporter: str = ""
    members: tuple[tuple[str, str], ...] = ()
    lease: str = ""
    exporter_config: str = ""
    client: str | None = None
    duration: str = "30m"
    max_duration: str | None = None
    wait: str | None = None
    name: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def names_a_board(self) -> bool:
        """Whether it says which board."""
        return bool(self.selector or self.exporter or self.members)


@dataclass(frozen=True, slots=True)
class BoardMarker:
    """The arguments of `@pytest.mark.board`."""

    selector: str = ""
    members: tuple[tuple[str, str], ...] = ()
    board: type | None = None


def add_options(parser: pytest.Parser) -> None:
    """The options and settings that say where the board comes from, and how long it is held."""
    group = parser.getgroup("jumplab")
    text = [
        ("lease", "SELECTOR", "lease a board by these labels (board=x,rev=2), as the fixture `board`"),
        ("exporter", "NAME", "lease this exporter"),
        ("client", "NAME", "name of the client configuration; default: the current one"),
        ("wait", "DURATION", "stop waiting for the lease after this time; default: as the configuration says"),
        ("name", "NAME", "name of the new lease; default: a generated name"),
    ]
    for name, metavar, what in text:
        group.addoption(f"--jumplab-{name}", metavar=metavar, help=what)
    group.addoption(
        "--jumplab-exporter-config",
        metavar="FILE",
        help="use the drivers of this exporter's configuration file, without a controller",
    )
    group.addoption("--jumplab-duration", metavar="DURATION", default="30m", help="duration of the lease; default: 30m")
    group.addoption(
        "--jumplab-max",
        metavar="DURATION",
        help="extend the lease while the run lasts, up to this duration; default: it is not extended",
    )
    group.addoption(
        "--jumplab-member",
        metavar="NAME=WHAT",
        action="append",
        help="one of several boards: a selector, or @EXPORTER; repeat it for each (ini: jumplab_exporters)",
    )
    group.addoption(
        "--jumplab-tag", metavar="KEY=VALUE", action="append", help="label for the new lease; repeat it for each"
    )
    group.addoption(
        "--jumplab-strategy",
        metavar="MODULE:CLASS",
        action="append",
        help="class of the fixture `strategy`, or of `async_strategy` (ini: jumplab_strategy)",
    )
    group.addoption(
        "--jumplab-board",
        metavar="MODULE:CLASS",
        action="append",
        help="class of the fixture `board`, and of `async_board` if it is an AsyncBoard (ini: jumplab_board)",
    )
    group.addoption("--jumplab-scope", choices=SCOPES, help="how long a board is held; default: session")
    parser.addini("jumplab_board", "MODULE:CLASS of a Board, or of an AsyncBoard, one a line", "linelist", [])
    parser.addini("jumplab_strategy", "MODULE:CLASS of a Strategy, or of an AsyncStrategy, one a line", "linelist", [])
    parser.addini(
        "jumplab_exporters",
        "several boards in place of one: NAME=SELECTOR or NAME=@EXPORTER, one a line",
        "linelist",
        [],
    )
    parser.addini("jumplab_scope", "how long a board is held: session, module or function", default="session")


def scope_of(config: pytest.Config) -> Any:
    """How long a board is held. Raises UsageError."""
    scope = config.getoption("--jumplab-scope") or config.getini("jumplab_scope")
    if scope not in SCOPES:
        raise pytest.UsageError(f'jumplab_scope is "{scope}"; write one of {", ".join(SCOPES)}')
    return scope


def fixture_scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ARG001 - pytest's names
    """`scope_of`, as pytest asks for a fixture's scope."""
    return scope_of(config)


def asked_of(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> AskedBoard | None:
    """What the run asks for; None where it asks for no board. Raises UsageError."""
    if file := config.getoption("--jumplab-exporter-config"):
        for other in ("lease", "exporter", "member"):
            if config.getoption(f"--jumplab-{other}"):
                raise pytest.UsageError(
                    f"--jumplab-{other} and --jumplab-exporter-config exclude each other; leave out one"
                )
        return AskedBoard(exporter_config=file)
    asked = replace(
        _plainly_of(config),
        selector=config.getoption("--jumplab-lease") or "",
        exporter=config.getoption("--jumplab-exporter") or "",
        members=_members(config.getoption("--jumplab-member") or ()),
        lease=environment.get("JUMPLAB_LEASE", ""),
    )
    if not asked.names_a_board:
        asked = replace(asked, members=_members(config.getini("jumplab_exporters")))
    return asked if asked.names_a_board or asked.lease else None


def asked_by(marker: BoardMarker, config: pytest.Config) -> AskedBoard:
    """What a test's marker asks for, in a run that asks for no board itself."""
    return replace(_plainly_of(config), selector=marker.selector, members=marker.members)


def marker_of(node: pytest.Item) -> BoardMarker:
    """The nearest marker of a test; an empty one where it has none. Raises UsageError where it is wrong."""
    marker = node.get_closest_marker("board")
    if marker is None:
        return BoardMarker()
    try:
        return _read_marker(*marker.args, **marker.kwargs)
    except TypeError as error:
        raise pytest.UsageError(
            f'{node.nodeid}: its marker `board` is wrong ({error}); write board("board=x"), board("board=x", Class) '
            'or board(exporters={"dut": "board=x", "peer": "@bench-3"})'
        ) from error


def state_of(node: pytest.Item) -> Any:
    """The state that a test's nearest marker names; None where it has none. Raises UsageError."""
    marker = node.get_closest_marker("board_state")
    if marker is None:
        return None
    if len(marker.args) != 1 or marker.kwargs or marker.args[0] is None:
        raise pytest.UsageError(f'{node.nodeid}: its marker `board_state` is wrong; write board_state("shell")')
    return marker.args[0]


def classes_of(config: pytest.Config) -> list[type]:
    """The boards' classes that the run names, imported. Raises UsageError."""
    paths = config.getoption("--jumplab-board") or config.getini("jumplab_board")
    return [_imported(path, "board") for path in paths]


def strategies_of(config: pytest.Config) -> list[type]:
    """The strategies' classes that the run names, imported. Raises UsageError."""
    paths = config.getoption("--jumplab-strategy") or config.getini("jumplab_strategy")
    return [_imported(path, "strategy") for path in paths]


def _plainly_of(config: pytest.Config) -> AskedBoard:
    name = config.getoption("--jumplab-name")
    if name and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
        name = f"{name}-{worker}"  # each worker has a lease of its own
    return AskedBoard(
        client=config.getoption("--jumplab-client"),
        duration=config.getoption("--jumplab-duration"),
        max_duration=config.getoption("--jumplab-max"),
        wait=config.getoption("--jumplab-wait"),
        name=name,
        tags=_tags(config.getoption("--jumplab-tag") or ()),
    )


def _tags(pairs: Iterable[str]) -> tuple[tuple[str, str], ...]:
    tags: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals or key in tags:
            raise pytest.UsageError(f'--jumplab-tag: "{pair}" is no tag, or names one twice; write it as build=1234')
        tags[key] = value
    return tuple(tags.items())


def _members(pairs: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """NAME=WHAT pairs; the selector in WHAT has more = in it."""
    members: dict[str, str] = {}
    for pair in pairs:
        name, equals, what = (part.strip() for part in pair.partition("="))
        if not name or not equals or not what or name in members:
            raise pytest.UsageError(
                f'"{pair}" is not a member, or names one twice; write it as dut=board=x or peer=@bench-3'
            )
        members[name] = what
    return tuple(members.items())


def _read_marker(
    selector: str = "", board: type | None = None, *, exporters: Mapping[str, str] | None = None
) -> BoardMarker:
    if not isinstance(selector, str):
        raise TypeError(f"the selector is {selector!r}, not a string")
    if board is not None and not isinstance(board, type):
        raise TypeError(f"the board is {board!r}, not a class")
    if exporters is not None and not isinstance(exporters, Mapping):
        raise TypeError(f"exporters is {exporters!r}, not a dict")
    if not all(isinstance(text, str) for pair in (exporters or {}).items() for text in pair):
        raise TypeError(f"exporters is {exporters!r}, and not strings by name")
    if exporters and selector:
        raise TypeError("a selector and exporters exclude each other")
    return BoardMarker(selector, tuple((exporters or {}).items()), board)


def _imported(path: str, kind: str) -> type:
    module, _, name = path.partition(":")
    if not module or not name:
        raise pytest.UsageError(f'the {kind}\'s class is "{path}"; write it as package.module:Class')
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(
            f"the {kind}'s class \"{path}\" can't be imported ({error}); correct the path, or put its folder into the "
            "setting `pythonpath`"
        ) from error
    if not isinstance(found, type):
        raise pytest.UsageError(f'the {kind}\'s class "{path}" is no class')
    return found
