"""What a console said in a lease can be read after it by the client that had it, and by nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import jumplab
from tests.lab.lab import VIRTUAL_BOARD, Lab

TWO_BOARDS = VIRTUAL_BOARD | {"spare": {"type": "board/virtual"}}


@pytest.fixture
def logging_lab(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab with an exporter, logged-a, whose lease "spoken" of client "ci" has ended, and a second client."""
    if "logged-a" not in lab.exporters:
        logs = str(tmp_path_factory.mktemp("console-logs"))
        lab.exporter("logged-a", export=VIRTUAL_BOARD, board="logged", consoleLogs={"folder": logs})
        lab.person("other", lab.client("other"))
        lab.lease("spoken", board="logged")
        lab.until_ready("spoken")
        boot(lab, "spoken")
        lab.release("spoken")
        lab.until_available("logged-a")
    yield lab
    lab.until_available("logged-a")


def boot(lab: Lab, lease: str) -> None:
    with jumplab.attach(lease, client=lab.config) as root:
        root.board.power.on()
        root.board.console.expect("stop autoboot", timeout=240)


def test_after_its_end_whoever_had_the_lease_reads_its_log_also_while_another_has_the_exporter(
    logging_lab: Lab, tmp_path: Path
) -> None:
    lab = logging_lab
    lab.lease("next", board="logged", client="other")
    lab.until_ready("next")
    read = lab.ci.run("jumplab", "console", "--log-of", "spoken")
    assert read.status == 0, read
    assert "U-Boot" in read.out
    assert read.err == ""

    file = tmp_path / "boot.log"
    written = lab.ci.run("jumplab", "console", "--log-of", "spoken", "--driver", "board.console", "--log", file)
    assert (written.status, written.out, file.read_text()) == (0, "", read.out)
    behind = lab.ci.run("jumplab", "console", "--log-of", "spoken", "--offset", "-20", "--control-sequences")
    assert behind.out
    assert read.out.endswith(behind.out[-10:])

    # It is no use of the other's lease, and the other's business only with the other's own.
    assert "firstUsedTime" not in lab.get("leases", "next")["status"]
    refused = lab.person("other").run("jumplab", "console", "--log-of", "spoken")
    assert (refused.status, refused.out) == (1, "")
    assert 'lease "spoken" belongs to client "ci", not to "other"' in refused.err
    assert lab.get("exporters", "logged-a")["status"]["leaseRef"]["name"] == "next"
    lab.release("next")


def test_an_exporter_that_was_killed_and_started_again_has_the_log(logging_lab: Lab) -> None:
    exporter = logging_lab.exporters["logged-a"]
    exporter.kill()
    logging_lab.until("exporters", "logged-a", lambda it: _is_offline(it["status"]))
    away = logging_lab.ci.run("jumplab", "console", "--log-of", "spoken")
    assert (away.status, away.out) == (1, "")
    assert 'exporter "logged-a", which has the console logs of lease "spoken", is offline' in away.err
    exporter.start()
    logging_lab.until_available("logged-a")
    assert "U-Boot" in logging_lab.ci.run("jumplab", "console", "--log-of", "spoken").out


def _is_offline(status: dict[str, object]) -> bool:
    return status["exporterStatus"] == "Offline"


def test_a_lease_that_lasts_has_its_log_until_now(logging_lab: Lab) -> None:
    logging_lab.lease("lasting", board="logged")
    logging_lab.until_ready("lasting")
    silent = logging_lab.ci.run("jumplab", "console", "--log-of", "lasting")
    assert silent.status == 1
    assert 'exporter "logged-a" has no console log of this lease: the consoles have said nothing' in silent.err
    assert "keep: 168h, size: 1 GiB" in silent.err
    boot(logging_lab, "lasting")
    assert "stop autoboot" in logging_lab.ci.run("jumplab", "console", "--log-of", "lasting").out
    logging_lab.release("lasting")


def test_a_client_made_anew_under_the_name_has_none_of_the_earlier_one_s_logs(logging_lab: Lab) -> None:
    lab = logging_lab
    config = lab.client("leaver")
    leaver = lab.person("leaver", config)
    lab.lease("left", board="logged", client="leaver")
    lab.until_ready("left")
    lab.release("left")
    lab.until_available("logged-a")
    lab.delete("clients", "leaver")
    leaver.configure(lab.client("leaver"))
    refused = leaver.run("jumplab", "console", "--log-of", "left")
    assert refused.status == 1
    assert 'was held by an earlier client of the name "leaver"' in refused.err


def test_of_several_consoles_one_is_chosen_also_in_a_gang(logging_lab: Lab, tmp_path: Path) -> None:
    lab = logging_lab
    if "logged-b" not in lab.exporters:
        lab.exporter("logged-b", export=TWO_BOARDS, consoleLogs={"folder": str(tmp_path / "logs")})
    members = [
        {"name": "one", "exporterRef": {"name": "logged-a"}},
        {"name": "two", "exporterRef": {"name": "logged-b"}},
    ]
    lab.create("Lease", "gang", {"clientRef": {"name": "ci"}, "duration": "10m", "exporters": members})
    lab.until_ready("gang")
    with jumplab.attach("gang", client=lab.config) as root:
        for board in (root.two.board, root.two.spare):
            board.power.on()
            board.console.expect("stop autoboot", timeout=240)
    lab.release("gang")
    lab.until_available("logged-b")

    def asked(*words: str) -> str:
        said = lab.ci.run("jumplab", "console", "--log-of", "gang", *words)
        assert said.status == 2, said
        return said.err

    assert "give --driver MEMBER or MEMBER.PATH, with one of: one, two" in asked()
    assert "two.board.console, two.spare.console; choose one with --driver" in asked("--driver", "two")
    assert 'no console "two.x" has a log in lease "gang"' in asked("--driver", "two.x")
    assert "U-Boot" in lab.ci.run("jumplab", "console", "--log-of", "gang", "--driver", "two.spare.console").out


def test_an_exporter_that_keeps_none_says_so(lab: Lab) -> None:
    lab.exporter("logged-c", consoleLogs={"enabled": False})
    lab.lease("unlogged", board="logged-c")
    lab.until_ready("unlogged")
    boot(lab, "unlogged")
    lab.release("unlogged")
    lab.until_available("logged-c")
    none = lab.ci.run("jumplab", "console", "--log-of", "unlogged")
    assert none.status == 1
    assert 'exporter "logged-c" keeps no console logs: its configuration file says "consoleLogs: {enabled:' in none.err


def test_what_can_t_be_read_is_a_sentence(logging_lab: Lab) -> None:
    lab = logging_lab
    missing = lab.ci.run("jumplab", "console", "--log-of", "nowhere")
    assert (missing.status, missing.out) == (1, "")
    assert re.search('no lease "nowhere" in namespace "lab"; an ended lease is deleted after a while', missing.err)
    lab.lease("hopeless", board="no-such-board", whenUnsatisfiable="Wait")
    never = lab.ci.run("jumplab", "console", "--log-of", "hopeless")
    assert 'lease "hopeless" has had no exporter' in never.err
    lab.delete("leases", "hopeless")
    for words in (["--lease", "x"], ["-l", "a=b"], ["--watch"], ["--timestamps"]):
        confused = lab.ci.run("jumplab", "console", "--log-of", "spoken", *words)
        assert confused.status == 2
        assert "--log-of reads a log and leases nothing; leave out --" in confused.err
