"""Somebody who reads a page and does what it says: terminals on two machines, and a home on each."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from tests.docs.machines import Machine, bench, two_machines
from tests.docs.pages import Block
from tests.docs.terminals import Terminal

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ON_SECOND = ("4",)
"""The terminals on the second machine."""
BY_CLUSTER = ("5",)
"""The terminals that reach the cluster, which is on neither of the two."""


@dataclass
class Reader:
    """Use as a context. checkout: where terminals of the first machine begin.

    path: folders of programs on both machines;  second: variables of the second one.
    """

    folder: Path
    checkout: Path
    path: str = ""
    second: Mapping[str, str] = field(default_factory=dict)
    _open: dict[str, Terminal] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        for home in (self.home, self.second_home):
            home.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def second_home(self) -> Path:
        return self.folder / "second-home"

    def terminal(self, name: str) -> Terminal:
        """The terminal of a name, opened where it is named for the first time."""
        if name not in self._open:
            second = name in ON_SECOND
            home = self.second_home if second else self.home
            path = f"{self.path}:{_PATH}".strip(":")
            environment = {"PATH": path, "HOME": str(home), "LANG": os.environ.get("LANG", "C.UTF-8")}
            environment |= self.second if second else {}
            begin = home if second else self.checkout
            prefix = self._machines[second].prefix if name not in BY_CLUSTER else ()
            self._open[name] = self._stack.enter_context(Terminal(name, begin, environment, prefix))
        return self._open[name]

    @cached_property
    def _machines(self) -> tuple[Machine, Machine]:
        machines = self._stack.enter_context(two_machines(self.folder / "machines"))
        self._stack.enter_context(bench(machines[0]))
        return machines

    def copy_to_second(self, step: Block) -> None:
        """What `scp FILE… second.example:` of a block does; the files are those of ~/bench."""
        program, *files, target = step.text.split()
        assert (program, target) == ("scp", "second.example:"), step.place
        for each in files:
            pattern = each.replace("$checkout/", "")
            found = list((self.checkout if "$checkout" in each else self.home / "bench").glob(pattern))
            assert found or "dist" in each, f"{step.place}: there is no {each}"
            for file in found:
                shutil.copy(file, self.second_home)
