"""A token that was replaced: new calls need the new one, and what is open has to show it; leases stay."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import jumplab
from jumplab.client.config import ClientConfig
from jumplab.client.config_files import load_client
from jumplab.driver import errors
from jumplab.transport.errors import NotAuthenticated
from tests.kube.processes import Process
from tests.lab.homes import NAMESPACE
from tests.lab.lab import Lab, condition
from tests.lab.test_revocation import at_work, read_until_cut, use_once, use_until_refused, watch_until_refused
from tests.lab.test_short_path import at_the_socket

pytestmark = pytest.mark.nightly  # each waits for the seconds in which the new token may be shown


@pytest.fixture(params=["through the router", "by the short path"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, lab: Lab) -> str:
    if request.param == "by the short path":
        monkeypatch.delenv("JUMPLAB_ALWAYS_ROUTE")
    return str(request.param)


def rotate(lab: Lab, kind: str, name: str, file: Path, *options: str) -> str:
    """The administrator's command, with the file that gets the new token; what it says."""
    said = lab.ci.run("jumplab", "admin", "rotate", kind, name, "-n", NAMESPACE, "--out", file, *options)
    assert said.status == 0, said.err
    return said.err


def on_file(lab: Lab, name: str) -> tuple[ClientConfig, Path]:
    """A new client whose configuration is read from a file."""
    file = lab.folder / f"{name}.yaml"
    file.write_text(lab.client(name).to_yaml())
    return load_client(environment={"JMP_CLIENT_CONFIG": str(file)}), file


def until_dialled_again(exporter: Process, root: Any) -> None:
    """Uses the board until its session has come by another connection."""
    attached = "a client is attached"
    exporter.wait_until(lambda: root.board.power.is_on() and exporter.output().count(attached) > 1, "a reconnection")


def test_sessions_show_the_new_token_and_go_on(lab: Lab, path: str) -> None:
    number = path[0]
    bench, name, lease = f"bench-new-{number}", f"renewed-{number}", f"renewed-{number}"
    exporter = lab.exporter(bench)
    config, file = on_file(lab, name)
    old = ClientConfig.model_validate(config.model_dump())
    lab.lease(lease, board=bench, client=name)
    lab.until_ready(lease)
    with jumplab.attach(lease, client=config) as root:
        root.board.power.on()
        assert (len(at_the_socket(exporter)) > 1) == (path == "by the short path")
        rotate(lab, "client", name, file)
        until_dialled_again(exporter, root)
        root.board.console.expect("autoboot")  # said before: nothing was lost
    with pytest.raises(NotAuthenticated, match="was replaced; use the new one"):
        use_once(old)
    use_once(config)
    assert condition(lab.get("leases", lease), "Ready")["status"] == "True"
    lab.release(lease)
    lab.until_available(bench)


def test_what_shows_the_old_token_alone_ends_with_a_sentence_and_the_lease_stays(lab: Lab, path: str) -> None:
    number = path[0]
    bench, name, lease = f"bench-old-{number}", f"late-{number}", f"late-{number}"
    lab.exporter(bench)
    config = lab.client(name)
    lab.lease(lease, board=bench, client=name)
    lab.until_ready(lease)
    with contextlib.suppress(errors.DriverError), jumplab.attach(lease, client=config) as root:
        root.board.power.on()
        work = lambda: use_until_refused(root), lambda: read_until_cut(root), lambda: watch_until_refused(config, lease)
        with at_work(*work) as ends:
            lab.until_used(lease)
            rotate(lab, "client", name, lab.folder / f"{name}-new.yaml")
            for end in ends:
                end.result()
        with pytest.raises(errors.SessionEnded, match="was replaced; use the new one"):
            root.board.power.is_on()
    assert condition(lab.get("leases", lease), "Ready")["status"] == "True"
    lab.release(lease)
    lab.until_available(bench)


def test_an_exporter_reads_its_new_token_from_its_file(lab: Lab) -> None:
    exporter = lab.exporter("bench-rotated")
    config = lab.folder / "bench-rotated.yaml"
    lab.lease("kept-rotated", board="bench-rotated")
    lab.until_ready("kept-rotated")
    with jumplab.attach("kept-rotated", client=lab.config, reconnect_within="4m") as root:
        root.board.power.on()
        elsewhere = lab.folder / "bench-rotated-new.yaml"
        rotate(lab, "exporter", "bench-rotated", elsewhere)
        sentence = "was replaced; use the new one"  # by the end of an open call, or by the refusal of a new one
        exporter.wait_until(lambda: sentence in exporter.output(), "a refusal")
        rotate(lab, "exporter", "bench-rotated", config)
        assert root.board.power.is_on()
        root.board.console.expect("autoboot")
    assert condition(lab.get("leases", "kept-rotated"), "Ready")["status"] == "True"
    lab.release("kept-rotated")
    lab.until_available("bench-rotated")


def test_the_old_token_is_accepted_until_the_overlap_ends(lab: Lab) -> None:
    """It waits for that end."""
    lab.exporter("bench-overlap")
    config = lab.client("overlap")
    lab.lease("overlap", board="bench-overlap", client="overlap")
    lab.until_ready("overlap")
    with contextlib.suppress(errors.DriverError), jumplab.attach("overlap", client=config) as root:
        root.board.power.on()
        said = rotate(lab, "client", "overlap", lab.folder / "overlap-new.yaml", "--overlap", "20s")
        assert "the old one ends in 20s" in said
        use_once(config)
        assert root.board.power.is_on()
        with at_work(lambda: use_until_refused(root)) as (end,):
            end.result(timedelta(minutes=4).total_seconds())
        with pytest.raises(errors.SessionEnded, match="was replaced; use the new one"):
            root.board.power.is_on()
    with pytest.raises(NotAuthenticated):
        use_once(config)
    lab.release("overlap")
    lab.until_available("bench-overlap")
