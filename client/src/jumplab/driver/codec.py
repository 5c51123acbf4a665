"""How arguments and results of one method travel: JSON bytes, by the method's annotations.

Integers are exact, bytes are base64, dates and durations are ISO 8601 (durations as `10m` are taken, too), models are
objects. Arguments are an object by name, so that a method may gain optional arguments without breaking older clients.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NotRequired, Required

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict

from jumplab.driver import errors
from jumplab.driver.annotations import hints_of, refusal
from jumplab.driver.durations import reading_durations
from jumplab.validation import explain_validation

_WIRE = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants", extra="forbid")


class Codec:
    """The codec of one method.

    function: the interface's method.  skip: how many leading parameters don't travel (`self`, the ByteStream).
    result: the annotation of what travels back.
    """

    def __init__(self, function: Callable[..., Any], *, skip: int, result: Any) -> None:
        self.name = function.__name__
        self._place = function.__qualname__
        parameters = list(inspect.signature(function).parameters.values())[skip:]
        self._signature = inspect.Signature(parameters)
        hints = _hints(function, parameters)
        place = f"{self._place}: argument"
        self._parameters = {name: _adapter(hint, f"{place} {name}") for name, hint in hints.items()}
        self._arguments = TypeAdapter[dict[str, Any]](_arguments_type(function.__name__, parameters, hints))
        self._result = _adapter(result, f"{self._place}: its result")

    def encode_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """The call's arguments as they travel. Raises BadArguments."""
        try:
            bound = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise errors.BadArguments(f"{self.name}: {error}; its arguments are {self._signature}") from error
        return b"{%s}" % b",".join(self._encoded(name, value) for name, value in bound.items())

    def decode_arguments(self, data: bytes) -> dict[str, Any]:
        """The arguments by name. Raises BadArguments."""
        try:
            arguments: dict[str, Any] = self._arguments.validator.validate_json(data, strict=True)
        except ValidationError as error:
            problems = explain_validation(error, _parsed(data))
            raise errors.BadArguments(f"{self.name}: {problems}; its arguments are {self._signature}") from error
        return arguments

    def encode_result(self, value: Any) -> bytes:
        """What the method returned (or one item of it), as it travels. Raises DriverDefect where it isn't that."""
        try:
            return self._result.serializer.to_json(self._result.validator.validate_python(value))
        except ValidationError as error:
            problems = explain_validation(error, value)
            raise errors.DriverDefect(
                f"{self._place} returned what its interface does not promise: {problems}"
            ) from error
        except PydanticSerializationError as error:
            raise errors.DriverDefect(
                f"{self._place} returned what can't travel ({error}); annotate its result in the interface, and "
                "return that"
            ) from error

    def decode_result(self, data: bytes) -> Any:
        """What the method returned. Raises InterfaceMismatch where this side expects something else."""
        try:
            return self._result.validator.validate_json(data)
        except ValidationError as error:
            problems = explain_validation(error, _parsed(data))
            raise errors.InterfaceMismatch(
                f"{self.name} answered what this client does not know: {problems}"
            ) from error

    def _encoded(self, name: str, value: Any) -> bytes:
        adapter = self._parameters[name]
        try:
            return b'"%s":%s' % (name.encode(), adapter.dump_json(adapter.validate_python(value)))
        except ValidationError as error:
            problems = explain_validation(error, value, name)
            raise errors.BadArguments(f"{self.name}: {problems}; its arguments are {self._signature}") from error

    def schema(self) -> dict[str, Any]:
        """The JSON schemas of the arguments and the result, for the report.

        Raises TypeError where a model has bytes that would travel as text.
        """
        return self._schema

    @cached_property
    def _schema(self) -> dict[str, Any]:
        arguments, result = self._arguments.json_schema(), self._result.json_schema(mode="serialization")
        each = [adapter.json_schema() for adapter in self._parameters.values()]  # a dataclass alone is not as in a call
        if '"format": "binary"' in json.dumps((arguments, result, each)):
            config = 'ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")'
            raise TypeError(
                f"{self._place}: a model in it has bytes; so that they can travel, give a model model_config = "
                f"{config}, and a dataclass or TypedDict __pydantic_config__ = {config}"
            )
        return {"arguments": arguments, "result": result}


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _hints(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    hints = hints_of(function)
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise TypeError(f"{function.__qualname__}: {stars}{parameter.name} can't travel; name each argument")
        if parameter.name not in hints:
            raise TypeError(
                f"{function.__qualname__}: argument {parameter.name} has no annotation; write its type, as in "
                f"{parameter.name}: int"
            )
    return {parameter.name: reading_durations(hints[parameter.name]) for parameter in parameters}


def _arguments_type(name: str, parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> Any:
    """The type of the arguments' object: it validates them together, so that each one that is wrong is told."""
    required = {parameter.name for parameter in parameters if parameter.default is parameter.empty}
    make: Any = TypedDict
    arguments = make(
        f"{name}_arguments",
        {name: (Required if name in required else NotRequired)[hint] for name, hint in hints.items()},
    )
    arguments.__pydantic_config__ = _WIRE
    return arguments


def _adapter(annotation: Any, place: str) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=None if _configures_itself(annotation) else _WIRE)
    except PydanticSchemaGenerationError as error:
        raise TypeError(refusal(place, annotation)) from error


def _configures_itself(annotation: Any) -> bool:
    """Whether pydantic refuses a configuration from outside: models, dataclasses, typed dictionaries have theirs."""
    return inspect.isclass(annotation) and (
        hasattr(annotation, "model_fields")
        or hasattr(annotation, "__dataclass_fields__")
        or hasattr(annotation, "__total__")
    )
