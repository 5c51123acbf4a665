"""The contract between a driver and its client, and what is derived from it."""

import asyncio
import inspect
import re
from abc import ABC
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeGuard, TypeVar, get_args, get_origin

from jumplab.driver.annotations import hints_of

if TYPE_CHECKING:
    from jumplab.driver.codec import Codec

T = TypeVar("T")

_VERSIONED = re.compile(r"(?P<name>.+?)V(?P<version>[2-9]|[1-9][0-9]+)")


_UNCALLED = (staticmethod, classmethod, property, cached_property)
"""What an interface may not have in place of a method: no call of a client could be passed on to it."""


class StateCall(NamedTuple):
    """The call that brings a driver into a state.  method: its name.  arguments: by name, as a client gives them."""

    method: str
    arguments: Mapping[str, Any] = MappingProxyType({})


class DriverInterface(ABC):  # noqa: B024 - the contracts have the abstract methods
    """A contract: typed `async` methods, all of them exported.

    A coroutine is a call, an async generator is a streaming call, a method marked with `@stream` is a byte stream. A
    method with a body is a default that drivers may override. Arguments and results are of types that pydantic can
    validate.

    A contract only grows. A change that would break it makes a `…V2` class in the same module; a driver may offer both.

    client: the import path of the DriverClient class that test authors get, empty for the generic one.
    """

    client: ClassVar[str] = ""
    __contract__: ClassVar[bool] = True
    __observing__: ClassVar[frozenset[str]] = frozenset()
    """The names of calls that only look: who makes no others does not use the lease."""
    __states__: ClassVar[Mapping[str, StateCall]] = MappingProxyType({})
    """The states that an exporter may be configured to bring the driver into, each with the call that does it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__contract__ = all(base.__dict__.get("__contract__", base is object) for base in cls.__bases__)


class MethodKind(StrEnum):
    """How a method is called."""

    CALL = "call"
    STREAMING = "streaming"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Method:
    """One exported method. The codec is derived at first use, since only then the annotations must be importable.

    observes: it only looks, see DriverInterface.__observing__.
    """

    name: str
    kind: MethodKind
    bulk: bool
    description: str
    function: Callable[..., Any]
    observes: bool = False

    @property
    def codec(self) -> "Codec":
        return _codec_of(self.function, self.kind)

    def arguments(self) -> dict[str, bool]:
        """The names of its arguments, and whether each is required."""
        parameters = list(inspect.signature(self.function).parameters.values())[_not_travelling(self.kind) :]
        return {parameter.name: parameter.default is parameter.empty for parameter in parameters}

    def schema(self) -> dict[str, Any]:
        """What the report says of the method."""
        return {"kind": self.kind.value, "bulk": self.bulk, "description": self.description, **self.codec.schema()}


def interfaces_of(cls: type) -> list[type[DriverInterface]]:
    """The contracts that a driver or client class takes part in, newest version of each first."""
    contracts = [base for base in cls.__mro__ if _is_contract(base)]
    return sorted(contracts, key=lambda contract: -version_of(contract))


def name_of(interface: type[DriverInterface]) -> str:
    """The contract's name over all its versions: the import path of the first, less a last module `interface`."""
    versioned = _VERSIONED.fullmatch(interface.__qualname__)
    home = interface.__module__.removesuffix(".interface")
    return f"{home}.{versioned['name'] if versioned else interface.__qualname__}"


def version_of(interface: type[DriverInterface]) -> int:
    """1, or the number in the class's name after `V`."""
    versioned = _VERSIONED.fullmatch(interface.__qualname__)
    return int(versioned["version"]) if versioned else 1


def states_of(cls: type) -> Mapping[str, StateCall]:
    """The states that a driver class can be brought into, by name; of two versions of a contract the newest counts."""
    return {name: call for contract in reversed(interfaces_of(cls)) for name, call in contract.__states__.items()}


def methods_of(cls: type) -> Mapping[str, Method]:
    """The exported methods of a contract, a driver class or a client class, by name."""
    return _methods_of(cls)


@cache
def _methods_of(cls: type) -> Mapping[str, Method]:
    methods: dict[str, Method] = {}
    for contract in reversed([base for base in cls.__mro__ if _is_contract(base)]):
        for name, function in vars(contract).items():
            if not name.startswith("_") and isinstance(function, _UNCALLED):
                raise TypeError(
                    f"{contract.__qualname__}.{name} is a {type(function).__name__}, which clients can't call; write "
                    f"`async def {name}(self)`, or begin its name with an underscore"
                )
            if inspect.isfunction(function) and not name.startswith("_"):
                methods[name] = _method(name, function, observes=name in contract.__observing__)
    return methods


async def called(method: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Calls another method of the driver, for a contract's default: a plain function runs in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments)
    plain: Callable[..., Any] = method
    outcome: T = await asyncio.to_thread(plain, *arguments)
    return outcome


def _is_contract(cls: type) -> TypeGuard[type[DriverInterface]]:
    return cls is not DriverInterface and bool(cls.__dict__.get("__contract__", False))


def _method(name: str, function: Callable[..., Any], *, observes: bool) -> Method:
    mark = getattr(function, "__jumplab_stream__", None)
    if mark:
        kind = MethodKind.STREAM
    elif _yields(function):
        kind = MethodKind.STREAMING
    else:
        kind = MethodKind.CALL
    return Method(name, kind, mark == "bulk", inspect.getdoc(function) or "", function, observes)


def _yields(function: Callable[..., Any]) -> bool:
    """Whether the method is a streaming call. An abstract one has no `yield`, so its annotation tells."""
    if inspect.isasyncgenfunction(function):
        return True
    origin = get_origin(hints_of(function).get("return"))
    if inspect.isclass(origin) and issubclass(origin, AsyncIterator):
        return True
    if not inspect.iscoroutinefunction(function):
        raise TypeError(
            f"{function.__qualname__}: a method of an interface is `async def`, or returns an AsyncIterator[...]; one "
            "that clients don't call has a name with an underscore before it"
        )
    return False


@cache
def _codec_of(function: Callable[..., Any], kind: MethodKind) -> "Codec":
    from jumplab.driver.codec import Codec

    result = hints_of(function).get("return", Any)
    if kind is MethodKind.STREAMING:
        result = next(iter(get_args(result)), Any)
    if kind is MethodKind.STREAM and len(inspect.signature(function).parameters) < _not_travelling(kind):
        raise TypeError(
            f"{function.__qualname__} is a byte stream, and has no argument for it; write "
            f"`async def {function.__name__}(self, stream: ByteStream)`"
        )
    return Codec(function, skip=_not_travelling(kind), result=type(None) if result is None else result)


def _not_travelling(kind: MethodKind) -> int:
    """How many leading parameters stay where they are: `self`, and the ByteStream."""
    return 2 if kind is MethodKind.STREAM else 1
