"""The logic on the lab host."""

import inspect
import logging
from collections.abc import Mapping, MutableMapping
from functools import cache
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self, dataclass_transform, get_origin

from pydantic import BaseModel, ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError, create_model

from jumplab.driver import errors
from jumplab.driver.annotations import hints_of, refusal
from jumplab.driver.durations import reading_durations
from jumplab.driver.interface import methods_of
from jumplab.validation import explain_validation


@dataclass_transform(kw_only_default=True)
class Driver:
    """A driver: subclasses name an interface, then Driver.

    Annotated public attributes are the configuration, validated by pydantic when the driver is built; unknown keys are
    refused. Names that are not configuration begin with `_` or are annotated as ClassVar. Building touches no hardware;
    it may look at files that the configuration names.

    An instance serves one lease: `async with` sets it up and tears it down (override `__aenter__` and `__aexit__` and
    call super), and what it keeps in between is its state. A method that is a plain function runs in a thread.

    ISOLATE: True where the exporter runs the driver in a process of its own, unless its configuration says otherwise:
    for libraries that crash, leak memory or never let go of the interpreter.
    exclusive: True where calls must enter the driver one at a time.
    example_configuration: settings to show to whoever writes a configuration; without them the required ones are shown.
    description, methods_description: what the lab's administrator says of the driver and, by their names, of its
    methods, for those who lease it.
    children: further drivers below this one, by name.
    log: lines said here reach the attached clients.
    """

    ISOLATE: ClassVar[bool] = False
    exclusive: ClassVar[bool] = False
    example_configuration: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    description: str = ""
    methods_description: Mapping[str, str] = MappingProxyType({})
    children: dict[str, "Driver"]
    log: "logging.Logger | logging.LoggerAdapter[logging.Logger]"

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Raises DriverDefect where methods of its interface are missing."""
        if missing := sorted(getattr(cls, "__abstractmethods__", ())):
            raise errors.DriverDefect(
                f"{_path(cls)} lacks {', '.join(missing)} of its interface; write "
                f"{'it' if len(missing) == 1 else 'each'} into the class, as the interface has it"
            )
        return super().__new__(cls)

    def __init__(self, **configuration: Any) -> None:
        """Raises ConfigurationInvalid, which names each key that is wrong, and DriverDefect."""
        model = configuration_of(type(self))
        try:
            validated = model.model_validate(configuration)
        except ValidationError as error:
            problems = explain_validation(error, configuration)
            if not configuration and type(self).__init__ is not Driver.__init__:
                problems += "; if they are set, its __init__ has to hand them on: super().__init__(**configuration)"
            raise errors.ConfigurationInvalid(_refusal(type(self), model, problems)) from error
        for name in model.model_fields:
            setattr(self, name, getattr(validated, name))
        self.log = logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")
        self.children = _checked_children(self)

    def make_children(self) -> dict[str, "Driver"]:
        """The drivers below this one, by name; called once, when the configuration is set."""
        return {}

    def end_offset(self) -> int | None:
        """How much the driver's stream has given since the lease's begin; None for a driver that does not count it.

        A client that attaches gets it with the answer. Called while the driver is set up; must not wait.
        """
        return None

    async def check(self) -> None:
        """Looks whether the device works: called between leases, on an instance that is set up for that alone.

        Raises where it does not; the sentence is what the administrator reads. Optional; cancelled once a lease comes.
        """

    @property
    def has_check(self) -> bool:
        """Whether `check` is there to be called."""
        return type(self).check is not Driver.check

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


def _checked_children(driver: Driver) -> dict[str, Driver]:
    """The result of `make_children`. Raises TypeError where these are no drivers by name."""
    children: Any = driver.make_children()
    if isinstance(children, dict) and all(isinstance(child, Driver) for child in children.values()):
        return children
    raise errors.DriverDefect(
        f"{_path(type(driver))}.make_children must return a dict of drivers by name, not {children!r}"
    )


def configuration_of(driver: type[Driver]) -> type[BaseModel]:
    """The model of a driver class's configuration."""
    key: Any = driver  # what a cache takes for hashable
    return _configuration_of(key)


@cache
def _configuration_of(driver: Any) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    try:
        hints = hints_of(driver)
    except TypeError as error:
        raise errors.DriverDefect(str(error)) from error
    for base in reversed(driver.__mro__):
        if issubclass(base, Driver) and base is not Driver:
            for name in inspect.get_annotations(base):
                if not name.startswith("_") and get_origin(hints[name]) is not ClassVar and hints[name] is not ClassVar:
                    _check_setting(driver, name, hints[name])
                    fields[name] = (reading_durations(hints[name]), getattr(driver, name, ...))
    hidden = ConfigDict(extra="forbid", hide_input_in_errors=True)  # a secret may be where it does not belong
    return create_model(driver.__name__, __config__=hidden, **fields)


_TAKEN = frozenset({"children", "log"})
"""What the framework sets by itself, so that a setting of that name would be lost."""


def _check_setting(driver: type[Driver], name: str, annotation: Any) -> None:
    """Raises DriverDefect where no configuration could set this attribute."""
    place = f"{_path(driver)}: the setting {name}"
    if name in _TAKEN:
        raise errors.DriverDefect(f"{place} has a name that each driver uses for something else; rename it")
    if name in methods_of(driver):
        raise errors.DriverDefect(f"{place} is also a method of its interface; rename it")
    try:
        TypeAdapter(annotation)
    except PydanticSchemaGenerationError as error:
        raise errors.DriverDefect(
            f"{refusal(place, annotation)}; what is no setting has a name with an underscore before it"
        ) from error


def _refusal(driver: type[Driver], model: type[BaseModel], problems: str) -> str:
    known = ", ".join(model.model_fields) or "none"
    return f"{_path(driver)}: {problems}; its settings are: {known}"


def _path(driver: type) -> str:
    return f"{driver.__module__}.{driver.__qualname__}"


class DriverLog(logging.LoggerAdapter[logging.Logger]):
    """A driver's logger within a session: its records carry the driver's uuid and its path in the tree."""

    def __init__(self, logger: logging.Logger, driver_uuid: str, driver_path: str) -> None:
        super().__init__(logger, {"driver_uuid": driver_uuid, "driver_path": driver_path})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra: Mapping[str, Any] = kwargs.get("extra") or {}
        return msg, {**kwargs, "extra": {**(self.extra or {}), **extra}}
