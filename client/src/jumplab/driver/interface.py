"""The contract between a driver and its client, and what is derived from it."""

import asyncio
import inspect
import re
from abc import ABC
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from jumplab.driver.codec import Codec

T = TypeVar("T")

_VERSIONED = re.compile(r"(?P<name>.+?)V(?P<version>[2-9]|[1-9][0-9]+)")


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
    """One exported method. The codec is derived at first use, since only then the annotations must be importable."""

    name: str
    kind: MethodKind
    bulk: bool
    description: str
    function: Callable[..., Any]

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


def methods_of(cls: type) -> Mapping[str, Method]:
    """The exported methods of a contract, a driver class or a client class, by name."""
    return _methods_of(cls)


@cache
def _methods_of(cls: type) -> Mapping[str, Method]:
    methods: dict[str, Method] = {}
    for contract in reversed([base for base in cls.__mro__ if _is_contract(base)]):
        for name, function in vars(contract).items():
            if inspect.isfunction(function) and not name.startswith("_"):
                methods[name] = _method(name, function)
    return methods


async def called(method: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Calls another method of the driver, for a contract's default: a plain function runs in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments)
    plain: Callable[..., Any] = method
    outcome: T = await asyncio.to_thread(plain, *arguments)
    return outcome


def _is_contract(cls: type) -> bool:
    return cls is not DriverInterface and bool(cls.__dict__.get("__contract__", False))


def _method(name: str, function: Callable[..., Any]) -> Method:
    mark = getattr(function, "__jumplab_stream__", None)
    if mark:
        kind = MethodKind.STREAM
    elif _yields(function):
        kind = MethodKind.STREAMING
    else:
        kind = MethodKind.CALL
    return Method(name, kind, mark == "bulk", inspect.getdoc(function) or "", function)


def _yields(function: Callable[..., Any]) -> bool:
    """Whether the method is a streaming call. An abstract one has no `yield`, so its annotation tells."""
    if inspect.isasyncgenfunction(function):
        return True
    origin = get_origin(get_type_hints(function).get("return"))
    if inspect.isclass(origin) and issubclass(origin, AsyncIterator):
        return True
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{function.__qualname__}: an exported method is `async def`, or returns an AsyncIterator[...]")
    return False


@cache
def _codec_of(function: Callable[..., Any], kind: MethodKind) -> "Codec":
    from jumplab.driver.codec import Codec

    result = get_type_hints(function, include_extras=True).get("return", Any)
    if kind is MethodKind.STREAMING:
        result = get_args(result)[0]
    return Codec(function, skip=_not_travelling(kind), result=type(None) if result is None else result)


def _not_travelling(kind: MethodKind) -> int:
    """How many leading parameters stay where they are: `self`, and the ByteStream."""
    return 2 if kind is MethodKind.STREAM else 1
