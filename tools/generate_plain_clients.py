"""Generates each standard interface's client for plain code from its asyncio client. Run by `make generate`.

A plain client's methods have the signatures and docstrings of its asyncio twin's, and wait for them. Byte streams of
the interface itself are left to `open`, which both clients have.
"""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from jumplab.driver import DriverClient
from jumplab.driver.client import AsyncDriverClient, AsyncGenericClient
from jumplab.driver.interface import MethodKind, interfaces_of, methods_of

_Function = ast.AsyncFunctionDef | ast.FunctionDef

ROOT = Path(__file__).resolve().parent.parent
DRIVERS = ROOT / "client" / "src" / "jumplab" / "drivers"


def main() -> None:
    folders = [folder for folder in sorted(DRIVERS.iterdir()) if (folder / "aio.py").exists()]
    for folder in folders:
        stand_in(f"jumplab.drivers.{folder.name}.plain")
    for folder in folders:
        module = import_module(f"jumplab.drivers.{folder.name}.aio")
        (folder / "plain.py").write_text(generated(folder.name, module))
    targets = [folder / "plain.py" for folder in folders]
    ruff = Path(sys.executable).with_name("ruff")
    subprocess.run([ruff, "format", "--quiet", *targets], check=True)
    subprocess.run([ruff, "check", "--quiet", "--fix", *targets], check=True)
    subprocess.run([ruff, "format", "--quiet", *targets], check=True)


def stand_in(name: str) -> None:
    """Lets packages import what is only about to be generated."""
    module = ModuleType(name)
    module.__getattr__ = lambda _: DriverClient  # type: ignore[method-assign] # PEP 562
    sys.modules[name] = module


def generated(name: str, module: ModuleType) -> str:
    """The text of one folder's plain.py."""
    clients = [found for found in vars(module).values() if _is_client_of(found, module)]
    bodies = "\n\n".join(_plain_class(client) for client in clients)
    twins = ", ".join(client.__name__ for client in clients)
    imports = sorted({line for client in clients for source in _sources(client) for line in _imports_of(source)})
    return (
        f'"""{_headline(module)}, for plain code. Generated from aio.py by `make generate`."""\n\n'
        + "\n".join(imports)
        + "\nfrom collections.abc import Iterator\nfrom contextlib import contextmanager\nfrom typing import ClassVar\n"
        + "\nfrom jumplab.driver import AsyncDriverClient, DriverClient, GenericClient, PlainStream\n"
        + f"from jumplab.drivers.{name}.aio import {twins}\n{_streams_of(module)}\n\n{bodies}\n"
    )


def _is_client_of(found: object, module: ModuleType) -> bool:
    return inspect.isclass(found) and issubclass(found, AsyncDriverClient) and found.__module__ == module.__name__


def _headline(module: ModuleType) -> str:
    return (module.__doc__ or "").split(", for asyncio")[0]


def _sources(client: type) -> list[ModuleType]:
    return [import_module(source.__module__) for source in (*interfaces_of(client), client)]


def _imports_of(module: ModuleType) -> list[str]:
    """The module's imports: what its annotations may need. Unused ones are dropped by ruff."""
    tree = ast.parse(inspect.getsource(module))
    return [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)] + [
        f"from {module.__name__} import {node.name}"
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not node.name.startswith("Async")
    ]


def _streams_of(module: ModuleType) -> str:
    """Imports of the plain twins of the streams that a module brings along: PlainX for X."""
    found = {name: inspect.getmodule(stream) for name, stream in vars(module).items() if inspect.isclass(stream)}
    return "".join(
        f"from {home.__name__} import Plain{name}\n"
        for name, home in found.items()
        if home is not None and hasattr(home, f"Plain{name}")
    )


def _plain_class(client: type[AsyncDriverClient]) -> str:
    plain_name = client.__name__.removeprefix("Async")
    lines = [
        f"class {plain_name}({_base_of(client)}):",
        _docstring(client, 4),
        f"    asynchronous: ClassVar[type[AsyncDriverClient]] = {client.__name__}",
        f"    _twin: {client.__name__}",
    ]
    for overloads, function in _methods(client):
        lines += ["", *map(_plain_overload, overloads), _plain_method(function)]
    return "\n".join(lines)


def _base_of(client: type[AsyncDriverClient]) -> str:
    return "GenericClient" if issubclass(client, AsyncGenericClient) else "DriverClient"


def _methods(client: type[AsyncDriverClient]) -> list[tuple[list[_Function], _Function]]:
    """What the client offers beyond every client, with its overloads: the interface's calls, then its own methods."""
    passed_on = {name for name, method in methods_of(client).items() if method.kind is not MethodKind.STREAM}
    found: dict[str, list[_Function]] = {}
    for source in (*interfaces_of(client), client):
        nodes: dict[str, list[_Function]] = {}
        # An abstract streaming call is a plain `def`, as it has no `yield`.
        kinds = ast.AsyncFunctionDef if source is client else ast.AsyncFunctionDef | ast.FunctionDef
        for node in ast.parse(inspect.getsource(source)).body[0].body:  # type: ignore[attr-defined] # it is a class
            is_public = isinstance(node, kinds) and not node.name.startswith("_")
            if is_public and (source is client or node.name in passed_on):
                nodes.setdefault(node.name, []).append(node)
        found |= nodes
    return [(nodes[:-1], nodes[-1]) for nodes in found.values()]


def _plain_overload(function: _Function) -> str:
    returns = ast.unparse(function.returns) if function.returns else "None"
    return f"    @overload\n    def {function.name}({ast.unparse(function.args)}) -> {returns}: ..."


def _plain_method(function: _Function) -> str:
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    is_context = "asynccontextmanager" in decorators
    returns = ast.unparse(function.returns) if function.returns else "None"
    arguments = ast.unparse(function.args)
    names = [argument.arg for argument in function.args.args[1:]]
    keywords = [f"{argument.arg}={argument.arg}" for argument in function.args.kwonlyargs]
    twin_call = f"self._twin.{function.name}({', '.join([*names, *keywords])})"
    lines = []
    if is_context:
        stream = _plain_stream(returns)
        returns = f"Iterator[{stream}]"
        lines.append("    @contextmanager")
        body = [f"with self._portal.entered({twin_call}) as stream:", f"    yield {stream}(stream, self._portal)"]
    elif returns.startswith("AsyncIterator["):
        returns = returns.removeprefix("Async")
        body = [f"return self._portal.iterate({twin_call})"]
    else:
        body = [f"{'' if returns == 'None' else 'return '}self._portal.run({twin_call})"]
    lines += [f"    def {function.name}({arguments}) -> {returns}:", _docstring_of(function, 8)]
    return "\n".join(lines + [f"        {line}" for line in body])


def _plain_stream(returns: str) -> str:
    """The plain twin of what a context gives: PlainStream, or that of a stream of the driver's own."""
    stream = returns.removeprefix("AsyncIterator[").removesuffix("]")
    return "PlainStream" if stream == "ResultStream" else f"Plain{stream}"


def _docstring(client: type, indent: int) -> str:
    return _quoted(inspect.getdoc(client) or "", indent)


def _docstring_of(function: _Function, indent: int) -> str:
    return _quoted(ast.get_docstring(function) or "", indent)


def _quoted(text: str, indent: int) -> str:
    margin = " " * indent
    lines = text.replace("\\", "\\\\").split("\n")
    quoted = "\n".join([lines[0], *(f"{margin}{line}" if line else "" for line in lines[1:])])
    return f'{margin}"""{quoted}{f"{chr(10)}{margin}" if len(lines) > 1 else ""}"""'


if __name__ == "__main__":
    main()
