"""Mistakes in interfaces, drivers and settings: each is one sentence that names the class and the method."""

from __future__ import annotations

import asyncio
import enum
import functools
import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from jumplab.driver import ByteStream, Driver, DriverInterface, errors, stream
from jumplab.drivers.power import PowerInterface
from jumplab.testing import serve


class Dimmer(DriverInterface):
    @abstractmethod
    async def dim(self, percent: int, *, slowly: bool = False) -> int: ...


class Counter(DriverInterface):
    @abstractmethod
    def count(self, to: int) -> AsyncIterator[int]: ...


class Pipe(DriverInterface):
    @abstractmethod
    @stream
    async def join(self, stream: ByteStream) -> int: ...


class Untyped(DriverInterface):
    @abstractmethod
    async def anything(self): ...  # type: ignore[no-untyped-def] # the mistake


def interface(method: Any, *, name: str = "method", client: Any = "") -> type[Driver]:
    """A driver of an interface that has this method."""
    contract: Any = type("Contract", (DriverInterface,), {name: method, "client": client, "__module__": __name__})
    return type("It", (contract, Driver), {"__module__": __name__})


def driver(of: Any, **methods: Any) -> type[Driver]:
    return type("It", (of, Driver), {"__module__": __name__, **methods})


async def without_annotation(self, level): ...  # type: ignore[no-untyped-def] # the mistake
async def of_a_lock(self: Any) -> asyncio.Lock: ...  # type: ignore[empty-body]
async def of_nothing(self: Any, x: NoSuchType) -> None: ...  # type: ignore[name-defined] # noqa: F821
async def of_stars(self: Any, *levels: int) -> None: ...
async def of_keywords(self: Any, **levels: int) -> None: ...
async def fine(self: Any) -> None: ...
def plain(self: Any) -> int: ...  # type: ignore[empty-body]
async def level(self: Any, level: int) -> int: ...  # type: ignore[empty-body]
async def levels(self: Any, percent: int, level: int) -> int: ...  # type: ignore[empty-body]
async def only_by_place(self: Any, percent: int, /) -> int: ...  # type: ignore[empty-body]


async def yielding(self: Any, percent: int) -> AsyncIterator[int]:
    yield percent


async def returning(self: Any, to: int) -> list[int]:
    return list(range(to))


@dataclass
class Blob:
    data: bytes


async def of_bytes(self: Any, blob: Blob) -> None: ...


CONTRACTS: list[tuple[type[Driver], str]] = [
    (interface(plain), "plain: a method of an interface is `async def`, or returns an AsyncIterator"),
    (interface(staticmethod(fine)), "Contract.method is a staticmethod, which clients can't call; write `async def me"),
    (interface(property(plain)), "Contract.method is a property, which clients can't call"),
    (
        interface(without_annotation),
        "without_annotation: argument level has no annotation; write its type, as in",
    ),
    (interface(of_stars), "of_stars: *levels can't travel; name each argument"),
    (interface(of_keywords), "of_keywords: **levels can't travel; name each argument"),
    (interface(of_a_lock), "of_a_lock: its result has the type Lock, which can't be checked; use one that pydantic"),
    (interface(of_nothing), "of_nothing: its annotations name 'NoSuchType', which its module does not have"),
    (interface(of_bytes), "of_bytes: a model in it has bytes; so that they can travel, give a model model_config"),
    (interface(stream(fine)), "fine is a byte stream, and has no argument for it; write `async def fine(self, stream:"),
    (interface(fine, name="open"), f"{__name__}.Contract.open has a name that drivers or clients use for something"),
    (interface(fine, name="description"), "Contract.description has a name that drivers or clients use"),
    (interface(fine, client="Client"), f"{__name__}.Contract.client must be the import path of a client class as a"),
    (interface(fine, client="acme:Client"), "and not 'acme:Client'"),
    (interface(fine, client=Dimmer), f"and not <class '{__name__}.Dimmer'>"),
]
DRIVERS: list[tuple[type[Driver], str]] = [
    (
        driver(Dimmer, dim=level),
        "It.dim does not take percent and wants level, unlike Dimmer.dim; give it the",
    ),
    (driver(Dimmer, dim=levels), "It.dim wants level, unlike Dimmer.dim"),
    (driver(Dimmer, dim=fine), "It.dim does not take percent, unlike Dimmer.dim"),
    (driver(Dimmer, dim=only_by_place), "It.dim does not take percent"),
    (driver(Dimmer, dim=yielding), "It.dim yields, and Dimmer.dim returns one result; give it no `yield`"),
    (driver(Dimmer, dim=3), "It.dim is 3, and its interface has a method of that name; rename it"),
    (
        driver(Counter, count=returning),
        "It.count returns once, and Counter.count is a streaming call; give it a",
    ),
    (driver(Pipe, join=lambda self, stream: None), "It.join is a byte stream's method, which is awaited; write `async"),
    (driver(Dimmer, dim=returning, __aenter__=plain), "It.dim does not take percent"),
    (driver(Untyped, anything=fine, __aenter__=plain), "It.__aenter__ is awaited; write `async def __aenter__`"),
    (driver(Untyped, anything=fine, check=plain), "It.check is awaited; write `async def check`"),
]


@pytest.mark.parametrize(("kind", "sentence"), [*CONTRACTS, *DRIVERS], ids=lambda each: str(each)[:50])
def test_a_mistake_is_one_sentence_before_anything_is_called(kind: type[Driver], sentence: str) -> None:
    with pytest.raises(errors.DriverFailed) as refused, serve(it=kind()):
        pass
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_was_not_written_is_named() -> None:
    with pytest.raises(errors.DriverDefect, match=r"test_mistakes\.It lacks is_on, off of its interface; write each"):
        driver(PowerInterface, on=fine)()


@pytest.mark.parametrize(("given", "sentence"), [(driver(Dimmer, dim=level), "is a class"), (object(), "is no driver")])
def test_what_is_no_driver_is_refused(given: Any, sentence: str) -> None:
    with pytest.raises(errors.DriverFailed, match=sentence), serve(it=given):
        pass


class Volts(BaseModel):
    most: int

    @field_validator("most")
    @classmethod
    def not_too_many(cls, most: int) -> int:
        if most > 5:
            raise ValueError("more than 5 V would burn it")
        return most


def with_setting(annotation: Any, name: str = "setting") -> type[Driver]:
    return driver(Dimmer, dim=levels, __annotations__={name: annotation})


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (with_setting(asyncio.Lock), "the setting setting has the type Lock, which can't be checked"),
        (with_setting("NoSuchType"), "It: its annotations name 'NoSuchType'"),
        (with_setting(int, "children"), "the setting children has a name that each driver uses for something else"),
        (with_setting(str, "log"), "the setting log has a name"),
        (with_setting(int, "dim"), "the setting dim is also a method of its interface; rename it"),
        (with_setting(Volts), "It: setting.most: more than 5 V would burn it; its settings are: setting"),
    ],
)
def test_a_setting_that_can_not_be_is_named(kind: type[Driver], sentence: str) -> None:
    with pytest.raises(errors.DriverError) as refused:
        kind(setting={"most": 9})
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def leaving(*_: Any, **__: Any) -> None:
    raise SystemExit("bye")


async def leaving_at_once(*_: Any, **__: Any) -> None:
    raise SystemExit(3)


async def of_no_type(self: Any) -> Any:
    return object()


def none(self: Any, to: int) -> None: ...


def unawaited(self: Any, stream: ByteStream) -> None: ...


unawaited.__wrapped__ = Pipe.join  # type: ignore[attr-defined] # as functools.wraps leaves it


def join(pipe: Any) -> None:
    with pipe.open("join") as opened:
        opened.send_end()
        opened.result()


CALLS: dict[str, Callable[[Any], Any]] = {
    "anything": lambda it: it.anything(), "count": lambda it: list(it.count(3)), "join": join,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "call", "sentence"),
    [
        (driver(Untyped, anything=of_no_type), "anything", "Untyped.anything returned what can't travel"),
        (driver(Untyped, anything=leaving), "anything", "its code has called sys.exit('bye')"),
        (driver(Untyped, anything=leaving_at_once), "anything", "its code has called sys.exit(3)"),
        (driver(Counter, count=none), "count", f"{__name__}.It.count must give its items by `yield`, or return them"),
        (driver(Pipe, join=unawaited), "join", f"{__name__}.It.join must be `async def`"),
    ],
)
def test_what_a_method_does_wrong_is_a_sentence_and_others_go_on(kind: Any, call: str, sentence: str) -> None:
    with serve(it=kind(), other=driver(Untyped, anything=fine)()) as board:
        with pytest.raises(errors.CallFailed) as failed:
            CALLS[call](board.it)
        assert sentence in str(failed.value)
        assert board.other.anything() is None


def test_a_set_up_that_leaves_the_process_fails_alone() -> None:
    it = driver(Untyped, anything=fine, __aenter__=leaving_at_once)()
    with pytest.raises(errors.DriverFailed, match=r"its code has called sys\.exit\(3\)"), serve(it=it):
        pass


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator, as many write it: what it returns does not look like a coroutine function."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


async def dimmed(self: Any, percent: int, *, slowly: bool = False) -> int:
    return percent


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_decorated_method_works(exclusive: bool) -> None:
    with serve(it=driver(Dimmer, dim=logged(dimmed), exclusive=exclusive)()) as board:
        assert board.it.dim(30) == 30


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Note(BaseModel):
    at: datetime


@dataclass
class Packed:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    data: bytes


class Everything(DriverInterface):
    async def note(self, value: Note) -> Note:
        return value

    async def file(self, value: Path = Path("/dev/null")) -> Path:
        assert isinstance(value, Path)
        return value

    async def pause(self, value: timedelta = timedelta(seconds=3)) -> timedelta:
        return value

    async def colour(self, value: Colour = Colour.RED) -> Colour:
        assert isinstance(value, Colour)
        return value

    async def raw(self, value: bytes = b"\xff\x00") -> bytes:
        assert isinstance(value, bytes)
        return value

    async def packed(self, value: Packed) -> Packed:
        assert isinstance(value, Packed)
        return value

    async def odd(self, value: set[int]) -> set[int]:
        return value

    async def measured(self, value: float) -> float:
        return value


MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "value", "result"),
    [
        ("note", Note(at=MOMENT), {"at": "2026-01-02T00:00:00Z"}),
        ("note", {"at": MOMENT}, {"at": "2026-01-02T00:00:00Z"}),
        ("file", Path("/x"), "/x"),
        ("pause", timedelta(seconds=5), "PT5S"),
        ("pause", "5s", "PT5S"),
        ("colour", Colour.BLUE, "blue"),
        ("raw", b"\xff\xfe", "__4="),
        ("packed", {"data": b"\xff"}, {"data": "_w=="}),
        ("odd", {1}, [1]),
        ("measured", float("inf"), float("inf")),
    ],
)
def test_values_that_json_does_not_have_travel_without_a_client_class(method: str, value: Any, result: Any) -> None:
    with serve(it=driver(Everything)()) as board:
        assert getattr(board.it, method)(value) == result


def test_a_measurement_that_is_none_comes_back() -> None:
    with serve(it=driver(Everything)()) as board:
        measured = board.it.measured(float("nan"))
    assert math.isnan(measured)


def test_what_has_no_form_at_all_names_the_method() -> None:
    with serve(it=driver(Everything)()) as board, pytest.raises(errors.BadArguments, match="note: Unable to serialize"):
        board.it.note(object())
