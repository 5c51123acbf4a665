"""Cuts tracebacks where a test's own code ends: what Jumplab does inside says nothing about the test."""

import sys
from types import TracebackType

# We, and what we run on.
_MACHINERY = {"jumplab", "google", "grpc", "pydantic", "regex", "uvloop", "yaml", *sys.stdlib_module_names}


def shorten(error: BaseException) -> None:
    """Cuts the traceback of every error of Jumplab in an exception, its causes and its groups, and drops what caused it
    within Jumplab."""
    errors = sys.modules.get("jumplab.errors")
    if errors is not None:
        _shorten(error, errors.JumplabError, set())


def _shorten(error: BaseException, ours: type[BaseException], seen: set[int]) -> None:
    if id(error) in seen:
        return
    seen.add(id(error))
    if isinstance(error, ours) or _is_unknown_name(error):
        error.__traceback__ = _cut(error.__traceback__)
        if error.__cause__ is not None and _is_of_test(error.__cause__):
            error.__cause__.__traceback__ = _from_test_on(error.__cause__.__traceback__)
        else:
            error.__cause__ = None  # this suppresses the context too
            error.__suppress_context__ = not _is_of_test(error.__context__)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            _shorten(each, ours, seen)
    for behind in (error.__cause__, error.__context__):
        if behind is not None:
            _shorten(behind, ours, seen)


def _is_unknown_name(error: BaseException) -> bool:
    """Whether it is what a client says of a driver or a method that there is not."""
    traceback = error.__traceback__ if isinstance(error, AttributeError) else None
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and _is_machinery(traceback) and traceback.tb_frame.f_code.co_name == "__getattr__"


def _cut(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback up to the last frame that is neither ours nor of what we run on; all of it where there is none."""
    frames = []
    following = traceback
    while following is not None:
        frames.append(following)
        following = following.tb_next
    while frames and _is_machinery(frames[-1]):
        frames.pop()
    cut = None
    for frame in reversed(frames):
        cut = TracebackType(cut, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return cut or traceback


def _from_test_on(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is neither ours nor of what we run on: we may have called it."""
    while traceback is not None and _is_machinery(traceback):
        traceback = traceback.tb_next
    return traceback


def _is_of_test(error: BaseException | None) -> bool:
    """Whether code that is not ours took part in raising it."""
    traceback = None if error is None else error.__traceback__
    while traceback is not None:
        if not _is_machinery(traceback):
            return True
        traceback = traceback.tb_next
    return False


def _is_machinery(traceback: TracebackType) -> bool:
    return str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0] in _MACHINERY
