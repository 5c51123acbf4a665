"""The pytest plugin: fixtures for a board, its lease and its strategy, and markers (docs/pytest.md).

Every run of pytest loads this module. So it imports the rest of Jumplab when a test wants a board, and not before.
"""

import inspect
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jumplab.testing import asked_boards, short_tracebacks
from jumplab.testing.asked_boards import AskedBoard

if TYPE_CHECKING:
    from jumplab.strategies.aio import AsyncStrategy
    from jumplab.strategies.plain import Strategy
    from jumplab.testing.console_records import ConsoleRecord
    from jumplab.testing.held_boards import BoardLease, HeldBoard

_HELD = "_jumplab_held"
_MARKED_CLASS = "_jumplab_marked_class"
_DURING_TEST = "_jumplab_during_test"
_IN_STATE = "_jumplab_in_state"

_record: pytest.StashKey["ConsoleRecord"] = pytest.StashKey()
_known = pytest.StashKey[dict[AskedBoard, AskedBoard]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options that say where the board comes from, and what is done around each test."""
    asked_boards.add_options(parser)
    group = parser.getgroup("jumplab")
    group.addoption(
        "--jumplab-console-log",
        metavar="FOLDER",
        type=Path,
        help="write what the consoles say during each test into a file of this folder",
    )
    group.addoption("--jumplab-power-off", action="store_true", help="switch the board's supplies off after each test")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker, and makes the fixtures that the installed asyncio plugins can run."""
    config.addinivalue_line("markers", asked_boards.MARKER)
    config.addinivalue_line("markers", asked_boards.STATE_MARKER)
    config.stash[_known] = {}
    asked_boards.scope_of(config)
    asked_boards.asked_of(config)  # a wrong option is told before anything is collected
    folder: Path | None = config.getoption("--jumplab-console-log")
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pytest.UsageError(f"--jumplab-console-log {folder} can't be made: {error.strerror}") from error
    if _has_asyncio(config):
        from jumplab.testing.async_boards import asyncio_fixtures

        config.pluginmanager.register(asyncio_fixtures(), "jumplab-asyncio")
    if config.pluginmanager.hasplugin("anyio"):
        from jumplab.testing.async_boards import AnyioFixtures

        config.pluginmanager.register(AnyioFixtures(), "jumplab-anyio")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, obj: object) -> None:
    """Tests whose marker names a state use the board, whatever else they use."""
    use = pytest.mark.usefixtures(_HELD, _MARKED_CLASS, _IN_STATE)
    if _names_state(collector.own_markers) and use.mark not in collector.own_markers:
        collector.add_marker(use)
    if inspect.isfunction(obj):
        marks = getattr(obj, "pytestmark", [])
        if _names_state(marks) and use.mark not in marks:
            use(obj)


def _names_state(marks: Iterable[pytest.Mark]) -> bool:
    return any(each.name == "board_state" for each in marks)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A marker's board is the parameter of the fixtures below, since a board outlives its test."""
    if _HELD not in metafunc.fixturenames:
        return
    marker, config = asked_boards.marker_of(metafunc.definition), metafunc.config
    scope = asked_boards.scope_of(config)
    if (marker.selector or marker.members) and asked_boards.asked_of(config) is None:
        asked = asked_boards.asked_by(marker, config)
        # pytest keeps a fixture while its parameter is the same object.
        same = config.stash[_known].setdefault(asked, asked)
        metafunc.parametrize(_HELD, [same], indirect=True, ids=[pytest.HIDDEN_PARAM], scope=scope)
    if marker.board is not None and _MARKED_CLASS in metafunc.fixturenames:
        metafunc.parametrize(_MARKED_CLASS, [marker.board], indirect=True, ids=[pytest.HIDDEN_PARAM], scope=scope)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Around each test with a board there is a fixture, entered as soon as the board is there.

    It comes before the test's own fixtures, which may use the board, and behind those that are for several tests. So
    does the one that brings the board into the state of the test's marker, which may stand at one of its parameters.
    """
    if not isinstance(item, pytest.Function):
        return
    names, definitions = item.fixturenames, item._fixtureinfo.name2fixturedefs
    ours = (_DURING_TEST, _IN_STATE)
    wanted = [_DURING_TEST] if _HELD in names else []
    if _IN_STATE in names or item.get_closest_marker("board_state") is not None:
        wanted.append(_IN_STATE)
    for name in wanted:
        if name in names:
            names.remove(name)
        for_one_test = (
            each
            for each in names
            if each not in ours and each in definitions and definitions[each][-1].scope == "function"
        )
        before = next((names.index(each) for each in for_one_test), len(names))
        if name == _DURING_TEST:
            before = min(names.index(_HELD) + 1, before)
        names.insert(before, name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows of an error the test's own frames, and what the consoles said."""
    if call.excinfo is not None and not item.config.getoption("fulltrace", False):
        short_tracebacks.shorten(call.excinfo.value)
        call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)
    report = yield
    record = item.stash.get(_record, None)
    if record is not None and (report.failed or report.when != "setup"):
        texts = record.texts()
        named = {"console" if len(texts) == 1 else f"console {path}": text for path, text in texts.items()}
        if report.failed or report.when == "call":
            report.sections += named.items()
        kept = [each for each in item.user_properties if each[0] not in named]
        item.user_properties = report.user_properties = [*kept, *named.items()]
    return report


@pytest.fixture(scope=asked_boards.fixture_scope)
def _jumplab_held(request: pytest.FixtureRequest) -> "Iterator[HeldBoard]":
    """What a lease has, for as long as `jumplab_scope` says."""
    asked = getattr(request, "param", None) or asked_boards.asked_of(request.config)
    if asked is None:
        pytest.skip("no board: name one with --jumplab-lease SELECTOR, or --jumplab-exporter-config FILE")
    from jumplab.testing.held_boards import open_board

    with ExitStack() as stack:
        with _ending_the_run(request):
            held = stack.enter_context(open_board(asked))
        yield held
        with _in_a_sentence():
            stack.close()


@pytest.fixture(scope=asked_boards.fixture_scope)
def _jumplab_marked_class(request: pytest.FixtureRequest) -> type | None:
    """The board's class that a test's marker names."""
    return getattr(request, "param", None)


@pytest.fixture(scope=asked_boards.fixture_scope)
def board(request: pytest.FixtureRequest, _jumplab_held: "HeldBoard", _jumplab_marked_class: type | None) -> Any:
    """The leased board: an instance of the class that jumplab_board names, else the client of all its drivers."""
    with _ending_the_run(request):
        return _jumplab_held.board(_boards_of(request.config, _jumplab_marked_class))


@pytest.fixture(scope=asked_boards.fixture_scope)
def strategy(
    request: pytest.FixtureRequest, _jumplab_held: "HeldBoard", _jumplab_marked_class: type | None
) -> "Strategy[Any, Any]":
    """The strategy of the leased board: an instance of the class that jumplab_strategy names."""
    from jumplab.testing.held_strategies import plain_strategy

    config = request.config
    with _ending_the_run(request, "strategy"):
        boards = _boards_of(config, _jumplab_marked_class)
        return plain_strategy(_jumplab_held, asked_boards.strategies_of(config), boards)


@pytest.fixture
def async_strategy(
    request: pytest.FixtureRequest, _jumplab_held: "HeldBoard", async_board: Any
) -> "AsyncStrategy[Any, Any]":
    """The strategy of the leased board for asyncio, in the event loop of the test."""
    from jumplab.testing.held_strategies import async_strategy

    with _ending_the_run(request, "strategy"):
        return async_strategy(_jumplab_held, asked_boards.strategies_of(request.config), async_board)


@pytest.fixture(scope=asked_boards.fixture_scope)
def lease(_jumplab_held: "HeldBoard") -> "BoardLease":
    """The lease of the board: its name, its exporter and its end."""
    return _jumplab_held.lease


@pytest.fixture
def async_board(request: pytest.FixtureRequest, _jumplab_held: "HeldBoard") -> Any:
    """The leased board for asyncio, attached in the event loop of the test (pytest-asyncio or anyio)."""
    from jumplab.testing.async_boards import ANYIO_FIXTURE, asyncio_fixture_of

    config, plugins = request.config, request.config.pluginmanager
    fixture = ""
    if plugins.hasplugin("anyio") and "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
        if (backend if isinstance(backend, str) else backend[0]) != "asyncio":
            pytest.skip("async_board runs in asyncio alone; let anyio_backend be asyncio")
        fixture = ANYIO_FIXTURE
    elif _has_asyncio(config):
        marker = request.node.get_closest_marker("asyncio")
        asked = marker.kwargs.get("loop_scope") if marker else None
        fixture = asyncio_fixture_of(asked or config.getini("asyncio_default_test_loop_scope") or "function")
    if not fixture:
        pytest.fail("async_board needs pytest-asyncio 0.26 or later, or anyio and a test marked anyio", pytrace=False)
    with _ending_the_run(request):
        return request.getfixturevalue(fixture)


@pytest.fixture
def _jumplab_during_test(request: pytest.FixtureRequest, _jumplab_held: "HeldBoard") -> Iterator[None]:
    """Skips a test that wants another board; else begins a record of the consoles, and ends it behind the test."""
    from jumplab.testing.console_records import ConsoleRecord, switch_off

    config, node = request.config, request.node
    with _in_a_sentence():
        if why := _jumplab_held.mismatch(asked_boards.marker_of(node)):
            pytest.skip(f"the run's board is not the test's: {why}")
    with _ending_the_run(request):
        record = ConsoleRecord.begun(_jumplab_held)
    node.stash[_record] = record
    node.user_properties += [("lease", _jumplab_held.lease.name), ("exporter", _jumplab_held.lease.exporter)]
    yield
    try:
        if config.getoption("--jumplab-power-off"):
            with _in_a_sentence():
                switch_off(_jumplab_held)
    finally:
        record.finish()
        if folder := config.getoption("--jumplab-console-log"):
            _write(record, folder, node.nodeid)


@pytest.fixture
def _jumplab_in_state(request: pytest.FixtureRequest) -> None:
    """Brings the board into the state that the test's marker names. A parameter of the test may have none."""
    config = request.config
    with _ending_the_run(request, "strategy"):
        state = asked_boards.state_of(request.node)
    if state is None:
        return
    held = request.getfixturevalue(_HELD)
    request.getfixturevalue(_DURING_TEST)
    marked_class = request.getfixturevalue(_MARKED_CLASS)
    from jumplab.testing.held_strategies import transition_of

    with _ending_the_run(request, "strategy"):
        transition = transition_of(held, asked_boards.strategies_of(config), _boards_of(config, marked_class))
    with _in_a_sentence():
        transition(state)


def _boards_of(config: pytest.Config, marked: type | None) -> list[type]:
    """The classes that the board may be of: the marker's, the run's, that of the strategy."""
    from jumplab.testing.held_strategies import boards_of

    strategies = asked_boards.strategies_of(config)
    return [*([marked] if marked else []), *asked_boards.classes_of(config), *boards_of(strategies)]


def _write(record: "ConsoleRecord", folder: Path, node_id: str) -> None:
    try:
        record.write(folder, node_id)
    except OSError as error:
        pytest.fail(f"the console's log in {folder} can't be written: {error.strerror}", pytrace=False)


def _has_asyncio(config: pytest.Config) -> bool:
    """Whether there is a pytest-asyncio whose loops have scopes: version 0.26 or later."""
    try:
        config.getini("asyncio_default_test_loop_scope")
    except (KeyError, ValueError):
        return False
    return config.pluginmanager.hasplugin("asyncio")


@contextmanager
def _ending_the_run(request: pytest.FixtureRequest, lacking: str = "board") -> Iterator[None]:
    """Where there is no board, one test says why, and the run ends: the others could only repeat it."""
    from jumplab.errors import JumplabError

    try:
        yield
    except (JumplabError, pytest.UsageError) as error:
        request.session.shouldfail = f"there is no {lacking}: see the error above"
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    """An error of Jumplab, outside of a test's own code, is its sentence alone."""
    from jumplab.errors import JumplabError

    try:
        yield
    except JumplabError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
