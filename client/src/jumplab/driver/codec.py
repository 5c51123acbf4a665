"""How arguments and results of one method travel: JSON bytes, by the method's annotations.

Integers are exact, bytes are base64, dates and durations are ISO 8601 (durations as `10m` are taken, too), models are
objects. Arguments are an object by name, so that a method may gain optional arguments without breaking older clients.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NotRequired, Required, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from jumplab.driver import errors
from jumplab.driver.durations import reading_durations
from jumplab.validation import explain_validation

_WIRE = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", extra="forbid")


class Codec:
    """The codec of one method.

    function: the interface's method.  skip: how many leading parameters don't travel (`self`, the ByteStream).
    result: the annotation of what travels back.
    """

    def __init__(self, function: Callable[..., Any], *, skip: int, result: Any) -> None:
        self.name = function.__name__
        parameters = list(inspect.signature(function).parameters.values())[skip:]
        self._signature = inspect.Signature(parameters)
        hints = _hints(function, parameters)
        self._parameters = {name: _adapter(hint) for name, hint in hints.items()}
        self._arguments = TypeAdapter[dict[str, Any]](_arguments_type(function.__name__, parameters, hints))
        self._result = _adapter(result)

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
        """What the method returned (or one item of it), as it travels. Raises TypeError where it isn't as annotated."""
        try:
            return self._result.serializer.to_json(self._result.validator.validate_python(value))
        except ValidationError as error:
            problems = explain_validation(error, value)
            raise TypeError(f"{self.name} returned what its interface does not promise: {problems}") from error

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
        if '"format": "binary"' in json.dumps((arguments, result)):
            raise TypeError(
                f"{self.name}: a model in it has bytes; so that they can travel, give it "
                'model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")'
            )
        return {"arguments": arguments, "result": result}


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _hints(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{function.__qualname__}: *{parameter.name} can't travel; name each argument")
        if parameter.name not in hints:
            raise TypeError(f"{function.__qualname__}: argument {parameter.name} has no annotation")
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


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=None if _configures_itself(annotation) else _WIRE)


def _configures_itself(annotation: Any) -> bool:
    """Whether pydantic refuses a configuration from outside: models, dataclasses, typed dictionaries have theirs."""
    return inspect.isclass(annotation) and (
        hasattr(annotation, "model_fields")
        or hasattr(annotation, "__dataclass_fields__")
        or hasattr(annotation, "__total__")
    )
