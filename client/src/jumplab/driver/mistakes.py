"""Mistakes of a driver's author that Python lets pass, as sentences for whoever has written it."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import PydanticUserError

from jumplab.driver.client import AsyncDriverClient
from jumplab.driver.driver import Driver
from jumplab.driver.interface import DriverInterface, Method, MethodKind, interfaces_of, methods_of
from jumplab.driver.plain import DriverClient

_IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_FRAMEWORK = ("__aenter__", "__aexit__", "check")
"""What the framework awaits, besides the methods of interfaces."""


def unbuilt(driver: Any) -> str:
    """Why the object is no driver: a class, or of one whose `__init__` leaves Driver's out; or empty."""
    if isinstance(driver, type):
        return f"{_path(driver)} is a class; give a driver, {driver.__name__}(…) with its settings"
    if not isinstance(driver, Driver):
        return f"{driver!r} is no driver; its class has to name Driver behind its interface"
    if hasattr(driver, "log") and hasattr(driver, "children"):
        return ""
    return (
        f"{_path(type(driver))}.__init__ does not call Driver's; write super().__init__(**configuration) as its first "
        "line, with **configuration among its arguments"
    )


def mistake_of(driver: type[Driver]) -> str:
    """What has to be mended before drivers of this class can be used; or empty."""
    key: Any = driver  # what a cache takes for hashable
    return _mistake_of(key)


@cache
def _mistake_of(driver: Any) -> str:
    return _no_interface(driver) or _contract_mistake(driver) or next(_implementation_mistakes(driver), "")


def _no_interface(driver: type[Driver]) -> str:
    """That nothing of the driver could be called, where its class names no interface; or empty."""
    if interfaces_of(driver):
        return ""
    name = driver.__name__
    return (
        f"{_path(driver)} names no interface, and only an interface's methods can be called; write "
        f"class {name}(PowerInterface, Driver), with the one of jumplab.drivers that fits in PowerInterface's place, "
        "or a DriverInterface of your own"
    )


def _contract_mistake(driver: type[Driver]) -> str:
    """Why the interfaces of a driver class can't be exported; or empty."""
    try:
        for interface in interfaces_of(driver):
            _check_interface(interface)
        for method in methods_of(driver).values():
            method.schema()
    except (TypeError, PydanticUserError) as error:
        return f"its interface can't be exported: {' '.join(str(error).split())}"
    return ""


def _check_interface(interface: type[DriverInterface]) -> None:
    """Raises TypeError where clients could not be made for it."""
    path: Any = interface.client
    if not isinstance(path, str) or (path and not _IMPORT_PATH.fullmatch(path)):
        raise TypeError(
            f"{_path(interface)}.client must be the import path of a client class as a text, such as "
            f'"acme.clients.AcmeClient", and not {path!r}'
        )
    for name in methods_of(interface):
        if name in _taken():
            raise TypeError(
                f"{_path(interface)}.{name} has a name that drivers or clients use for something else; rename it"
            )


@cache
def _taken() -> set[str]:
    """Names that an interface's methods can't have. `check` may: a contract's own goes before the health check."""
    names = {*dir(Driver), *dir(AsyncDriverClient), *dir(DriverClient), "children", "log"}
    return {name for name in names if not name.startswith("_")} - {"check"}


def _implementation_mistakes(driver: type[Driver]) -> Iterator[str]:
    """Where the class's methods are not what its interfaces, and the framework, call."""
    methods = methods_of(driver)
    for name, method in methods.items():
        function = getattr(driver, name)
        place = f"{_path(driver)}.{name}"
        if not callable(function):
            yield f"{place} is {function!r}, and its interface has a method of that name; rename it"
        elif mistake := _kind_mistake(method, function) or _arguments_mistake(driver, method, function):
            yield f"{place} {mistake}"
    for name in _FRAMEWORK:
        if name not in methods and _is_plain(getattr(driver, name)):
            yield f"{_path(driver)}.{name} is awaited; write `async def {name}`"


def _kind_mistake(method: Method, function: Any) -> str:
    """Where a method gives one result and its interface says many, or the other way round."""
    yields = inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)
    if method.kind is not MethodKind.STREAMING and yields:
        return f"yields, and {method.function.__qualname__} returns one result; give it no `yield`"
    if method.kind is MethodKind.STREAMING and inspect.iscoroutinefunction(function):
        return f"returns once, and {method.function.__qualname__} is a streaming call; give it a `yield` for each item"
    if method.kind is MethodKind.STREAM and _is_plain(function):
        return "is a byte stream's method, which is awaited; write `async def`"
    return ""


def _arguments_mistake(driver: type[Driver], method: Method, function: Any) -> str:
    """Where a method can't be called as its interface says. It may lack arguments that are optional there."""
    if not inspect.isfunction(function) or isinstance(inspect.getattr_static(driver, method.name), staticmethod):
        return ""
    parameters = list(inspect.signature(function).parameters.values())
    stays = 2 if method.kind is MethodKind.STREAM else 1
    if any(each.kind is each.VAR_POSITIONAL for each in parameters[:stays]):
        stays = 0
    elif len(parameters) < stays:
        return f"takes too few arguments; write them as {method.function.__qualname__} has them"
    takes = {each.name: each for each in parameters[stays:] if each.kind is not each.POSITIONAL_ONLY}
    offered = method.arguments()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        missing: list[str] = []
    else:
        missing = [name for name, required in offered.items() if required and name not in takes]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    unknown = [
        each.name
        for each in parameters[stays:]
        if each.kind not in variable and each.default is each.empty and each.name not in offered
    ]
    if not missing and not unknown:
        return ""
    lacks = f"does not take {', '.join(missing)}" if missing else ""
    wants = f"wants {', '.join(unknown)}" if unknown else ""
    said = " and ".join(filter(None, (lacks, wants)))
    return f"{said}, unlike {method.function.__qualname__}; give it the interface's arguments, by their names"


def _is_plain(function: Any) -> bool:
    """Whether a call gives no awaitable. Of a decorated function nothing is known."""
    return inspect.isfunction(function) and not inspect.iscoroutinefunction(function) and not _is_wrapper(function)


def _is_wrapper(function: Any) -> bool:
    return hasattr(function, "__wrapped__")


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
