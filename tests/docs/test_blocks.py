"""Every block of every page: what it is, and that it works, or why no test runs it."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from jumplab.session.host import FailedDriver
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.driver_factory import build_drivers
from tests.charts.matrix import LAB, rendered
from tests.docs.kinds import is_python, is_yaml, kind_of
from tests.docs.lab_of_pages import LabOfPages
from tests.docs.pages import ROOT, Block, all_blocks, pages
from tests.docs.trials import ELSEWHERE, NOT_RUN, SESSIONS, Session
from tests.exporter.test_config import COMPLETE

BLOCKS = [block for page in pages() for block in all_blocks(page)]
KINDS = {"sh", "python", "yaml", "ini", "dockerfile", "text"}


def elsewhere(block: Block) -> str:
    """The test that tries a block, or empty."""
    tests = ELSEWHERE.get(block.page, {})
    return next((test for begin, test in tests.items() if block.text.startswith(begin)), "")


def excuse(block: Block) -> str:
    """Why a block is not run, or empty."""
    reasons = NOT_RUN.get(block.page, {})
    return next((why for begin, why in reasons.items() if block.text.startswith(begin)), "")


def tried_here(kind: str) -> list[Block]:
    return [block for block in BLOCKS if not elsewhere(block) and not excuse(block) and kind_of(block) == kind]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_has_a_kind_and_is_tried(block: Block) -> None:
    """A block that is neither run nor read by any test, nor excused with a reason, is a fault of this suite."""
    assert elsewhere(block) or excuse(block) or kind_of(block) in KINDS, "nobody knows what this block is"
    if not elsewhere(block) and not excuse(block):
        assert kind_of(block) in ("python", "yaml", "ini") or block.page in SESSIONS, "no test tries this block"


@pytest.mark.parametrize("page", sorted(ELSEWHERE.keys() | NOT_RUN.keys()))
def test_what_is_said_of_blocks_is_still_true(page: str) -> None:
    said = [*ELSEWHERE.get(page, {}).items(), *NOT_RUN.get(page, {}).items()]
    for begin, text in said:
        assert any(block.text.startswith(begin) for block in all_blocks(page)), f"{page} has no block {begin!r}"
        for named in re.findall(r"tests/[\w./]+\w", text):
            assert (ROOT / named).exists(), named


def test_python_can_be_read() -> None:
    assert not [block.place for block in BLOCKS if kind_of(block) == "python" and not is_python(block.text)]


def parts(block: Block) -> dict[str, Any]:
    """An exporter's file with a block in it: of its top, or of its `export`."""
    read = yaml.safe_load(block.text)
    known = {field.alias or name for name, field in ExporterConfig.model_fields.items()}
    return {**COMPLETE, **(read if read.keys() <= known else {"export": read})}


@pytest.mark.parametrize("block", tried_here("yaml"), ids=lambda block: block.place)
def test_yaml_is_an_exporter_s_and_its_drivers_can_be_built(block: Block) -> None:
    drivers = build_drivers(ExporterConfig.model_validate(parts(block)).export)
    wrong = {name: driver.reason for name, driver in drivers.items() if isinstance(driver, FailedDriver)}
    if block.page == "docs/drivers/own.md":
        wrong.clear()  # acme's package is not installed
    assert not wrong


def test_the_lab_as_code_can_be_installed() -> None:
    [text] = [block.text for block in all_blocks("docs/cluster.md") if block.text.startswith("# lab.yaml")]
    kinds = {each["kind"] for each in rendered(LAB, yaml.safe_load(text))}
    assert {"Client", "Exporter", "ExporterAccessPolicy", "Deployment", "DaemonSet"} <= kinds


def test_the_status_of_the_queue_has_these_fields() -> None:
    [text] = [block.text for block in all_blocks("docs/leasing.md") if block.text.startswith("position:")]
    definition = yaml.safe_load((ROOT / "crds/jumpstarter.dev_leases.yaml").read_text())
    [version] = definition["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert yaml.safe_load(text).keys() <= status["queue"]["properties"].keys()


def sessions() -> Iterator[tuple[str, list[Block]]]:
    """The pages with shell blocks to run in the lab of the pages, and these blocks."""
    for page in SESSIONS:
        if found := [block for block in tried_here("sh") if block.page == page]:
            yield page, found


def lines_of(block: Block) -> list[str]:
    """The commands of a block, without the comments behind them."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line for line in (re.split(r"(?:^|  +)# ", line)[0].rstrip() for line in lines) if line]


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize(("page", "found"), list(sessions()), ids=lambda value: value if isinstance(value, str) else "")
def test_the_commands_of_a_page_work(page: str, found: list[Block], page_lab: LabOfPages) -> None:
    session = SESSIONS[page]
    try:
        with page_lab.terminal(f"{page}-blocks") as terminal:
            for block in found:
                lines = lines_of(block)
                if leased := lines[0].startswith("j "):
                    terminal.run("jumplab shell -l board=demo\n")
                for number, line in enumerate(lines):
                    if session.before and (number == 0 or session.alternatives):
                        terminal.run(session.before)
                    terminal.run(with_names(line, session) + "\n")
                if leased:
                    terminal.run("exit\n")
    finally:
        page_lab.run("kubectl", "delete", "jl", "--all")  # no page keeps the boards from the next one


def with_names(line: str, session: Session) -> str:
    for name, value in session.names.items():
        line = line.replace(name, value)
    return line


def j_commands() -> dict[str, set[str]]:
    """The commands of `j` that pages name: the options that they use, by the words of their path."""
    found: dict[str, set[str]] = {}
    for line in (line for block in BLOCKS if not elsewhere(block) for line in lines_of(block)):
        text = line.partition("| ")[2] if "| j " in line else line
        if text.strip().startswith("j "):
            words = shlex.split(text)[1:]
            path = itertools.takewhile(re.compile(r"[a-z][a-z-]*$").match, words)
            options = {word.partition("=")[0] for word in words if re.match(r"--\w", word)}
            found.setdefault(" ".join(path), set()).update(options)
    return found


def test_each_j_command_exists(page_lab: LabOfPages) -> None:
    with page_lab.terminal("j-commands") as terminal:
        terminal.run("jumplab shell -l board=demo\n")
        for path, options in sorted(j_commands().items()):
            shown = terminal.run(f"j {path} --help\n")
            assert not [option for option in options if option not in shown], f"j {path}: {shown}"
        terminal.run("exit\n")


def test_a_block_of_no_kind_is_found() -> None:
    assert kind_of(Block("x.md", 1, "", "", "frobnicate the board\n", "", "")) == ""
    assert not is_yaml("- a list\n")
