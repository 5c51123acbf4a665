"""`jumplab run`: a command with a lease of its own, as a step of a pipeline has it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from jumplab.cli.exit_status import LEASE_LOST, LEASE_NOT_YET, LEASE_REFUSED
from jumplab.client.controller import Controller, LeaseRequest
from jumplab.protocol.client_v1 import client_pb2
from tests.cli.local_files import written
from tests.cli.user import Outcome, User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import become_ended, become_pending, become_ready, config_for, set_condition
from tests.exporter.waiting import gone

OneSentence = Callable[[Outcome, int], str]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for results is made where a command is run."""
    monkeypatch.chdir(tmp_path)


async def script(user: User, text: str, *options: str, **more: str) -> Outcome:
    wanted = options or ("-l", "board=x", "--name", "demo")
    return await user.run("jumplab", "run", *wanted, "--", "sh", "-c", text, **more)


async def started(user: User, text: str, *options: str, **more: str) -> asyncio.subprocess.Process:
    """A run whose command has said `up`."""
    wanted = options or ("-l", "board=x", "--name", "demo")
    process = await user.start("jumplab", "run", *wanted, "--", "sh", "-c", text, **more)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n", await process.communicate()
    return process


async def test_a_run_leases_runs_and_releases(user: User, bench: Bench) -> None:
    ran = await script(user, "j power on && j power is-on && echo $JUMPLAB_LEASE on $JUMPLAB_EXPORTER; exit 7")
    assert (ran.status, ran.out) == (7, "true\ndemo on bench-1\n")
    assert bench.lab.released == ["demo"]
    assert ran.err.splitlines()[-1] == 'jumplab: released lease "demo" of exporter "bench-1"'


async def test_a_command_that_died_of_a_signal_has_its_status(user: User) -> None:
    assert (await script(user, "kill -9 $$")).status == 128 + signal.SIGKILL


async def test_a_run_needs_a_command(user: User, bench: Bench, one_sentence: OneSentence) -> None:
    assert "missing argument 'COMMAND...'" in one_sentence(await user.run("jumplab", "run", "-l", "board=x"), 2)
    assert bench.lab.leases == {}


async def test_a_run_in_a_lease_that_exists_leaves_it(user: User, bench: Bench, authority: Authority) -> None:
    async with Controller.connected(config_for(bench.port, authority)) as controller:
        await controller.create_lease(LeaseRequest("mine", timedelta(minutes=5), selector="board=x"))
    ran = await script(user, "echo $JUMPLAB_LEASE", "--lease", "mine")
    assert (ran.status, ran.out) == (0, "mine\n"), ran
    assert (await script(user, "echo $JUMPLAB_LEASE", "--duration=5m", JMP_LEASE="mine")).out == "mine\n"
    assert bench.lab.released == []
    assert "released" not in ran.err


async def test_a_run_chooses_as_a_shell_does(user: User, bench: Bench) -> None:
    asked: list[client_pb2.Lease] = []

    def place(lease: client_pb2.Lease) -> None:
        asked.append(lease)
        become_ready(lease)
        for member in lease.members:
            member.exporter = "namespaces/lab/exporters/bench-1"

    bench.lab.place = place
    options = ("--exporter", "bench-1", "--duration", "90m", "--tag", "ticket=4711", "--client", "ci")
    assert (await script(user, "echo $JMP_CLIENT", *options)).out == "ci\n"
    gang = await script(user, "j dut power is-on", "--member", "dut=board=x", "--member", "peer=@bench-1")
    assert (gang.status, gang.out) == (0, "false\n"), gang
    assert (asked[0].exporter_name, asked[0].duration.seconds, dict(asked[0].tags)) == (
        "bench-1",
        5400,
        {"ticket": "4711"},
    )
    assert [(it.name, it.selector, it.exporter_name) for it in asked[1].members] == [
        ("dut", "board=x", ""),
        ("peer", "", "bench-1"),
    ]
    assert gang.err.splitlines()[-1].endswith(' of exporters "bench-1" and "bench-1"')


async def test_a_shell_says_what_it_has_released(user: User) -> None:
    ran = await user.run("jumplab", "shell", "-l", "board=x", "--name", "demo", "--", "true")
    assert ran.err.splitlines()[-1] == 'jumplab: released lease "demo" of exporter "bench-1"'


@pytest.mark.parametrize(
    ("condition", "status"),
    [("Unsatisfiable", LEASE_REFUSED), ("Invalid", LEASE_REFUSED), ("Pending", LEASE_NOT_YET)],
)
async def test_a_lease_that_can_t_be_had_has_a_status_of_its_own(
    user: User, bench: Bench, condition: str, status: int
) -> None:
    bench.lab.place = lambda lease: set_condition(lease, condition, "True", "NoMatch", "no exporter matches board=x")
    ran = await script(user, "echo used", "-l", "board=x", "--wait-timeout", "1s")
    assert (ran.status, ran.out) == (status, ""), ran
    assert "no exporter matches board=x" in ran.last_line
    assert "Traceback" not in ran.err


async def test_a_controller_that_is_away_or_refuses_has_a_status_too(
    stranger: User, bench: Bench, authority: Authority, unused_tcp_port: int
) -> None:
    stranger.configure(config_for(unused_tcp_port, authority))
    assert (await script(stranger, "echo used")).status == LEASE_NOT_YET
    stranger.configure(config_for(bench.port, authority, token="wrong"))
    assert (await script(stranger, "echo used")).status == LEASE_REFUSED


async def test_wrong_usage_keeps_its_status(user: User, one_sentence: OneSentence) -> None:
    one_sentence(await script(user, "echo used", "--duration", "5m"), 2)
    one_sentence(await script(user, "echo used", "--lease", "mine", "--tag", "a=b"), 2)


async def test_where_the_lease_can_t_be_released_the_status_is_the_command_s(user: User, bench: Bench) -> None:
    bench.lab.refuse["DeleteLease"] = [(grpc.StatusCode.PERMISSION_DENIED, "client ci may not release this")]
    ran = await script(user, "exit 7")
    assert ran.status == 7
    sentence = "could not be released and lasts until it expires, or until nobody has been attached for 2m: "
    assert f'lease "demo" {sentence}' in ran.err.splitlines()[-1]
    assert 'released lease "demo"' not in ran.err


@pytest.mark.parametrize("command", ["shell", "run"])
async def test_a_lease_that_was_handed_over_is_left_to_its_new_client(user: User, bench: Bench, command: str) -> None:
    """The end of the shell neither releases it nor complains that it can't."""

    def hand_over(lease: client_pb2.Lease) -> None:
        lease.client = "namespaces/lab/clients/ann"
        refusal = (grpc.StatusCode.PERMISSION_DENIED, 'lease "demo" belongs to client "ann", not to "ci"')
        bench.lab.refuse["DeleteLease"] = [refusal]

    process = await user.start("jumplab", command, "-l", "board=x", "--name", "demo", "--", "sleep", "3600")
    assert process.stderr is not None
    while b"is ready" not in (line := await process.stderr.readline()):
        assert line
    await bench.lab.change("demo", hand_over)
    while b'belongs to client "ann"' not in (line := await process.stderr.readline()):
        assert line
    if command == "shell":  # its command goes on without the lease
        process.terminate()
    ended = await outcome_of(process)
    assert ended.status == (LEASE_LOST if command == "run" else 143)
    assert ended.err == ""


async def test_a_shell_never_drives_a_newer_lease_of_its_lease_s_name(user: User, bench: Bench) -> None:
    def replace(lease: client_pb2.Lease) -> None:
        lease.uid = "that-of-the-new-one"

    bench.lab.place = early
    command = ("--name", "demo", "-l", "board=x", "--", "sh", "-c", "j power on; echo up; read line; j power off")
    process = await user.start("jumplab", "shell", *command, typing=True)
    assert process.stdout is not None
    assert process.stderr is not None
    assert await process.stdout.readline() == b"up\n"
    await bench.lab.change("demo", replace)
    while b'"demo" has ended, and another one has its name' not in (line := await process.stderr.readline()):
        assert line
    ended = await outcome_of(process, "\n")
    assert (ended.status, ended.err) == (1, 'j: lease "demo" was replaced\n')


def early(lease: client_pb2.Lease) -> None:
    become_ready(lease)
    lease.expected_end_time.FromDatetime(datetime.now(UTC) + timedelta(hours=1))


async def test_the_command_ends_with_the_lease_and_it_is_said_why(user: User, bench: Bench) -> None:
    bench.lab.place = early
    process = await started(user, "trap 'echo cleaned up; exit 0' TERM; echo up; while :; do sleep 1; done")
    await bench.lab.change("demo", lambda it: become_ended(it, "ExporterDeleted", 'exporter "bench-1" was deleted'))
    ran = await outcome_of(process)
    assert (ran.status, ran.out) == (LEASE_LOST, "cleaned up\n"), ran
    ended = 'lease "demo" has ended: exporter "bench-1" was deleted'
    said = next(line for line in ran.err.splitlines() if ended in line)
    assert "before its time was over)" in said
    assert "(59m" in said or "(1h " in said


async def test_a_command_that_does_not_end_with_its_lease_is_killed_with_all_that_it_started(
    user: User, bench: Bench
) -> None:
    text = "trap '' TERM; sleep 3600 & echo up; echo $!; wait; wait"
    process = await started(user, text)
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    await bench.lab.change("demo", become_ended)
    ran = await outcome_of(process)
    assert ran.status == LEASE_LOST, ran
    assert "the command did not end within 10 s and is killed" in ran.err
    await gone(child)


AWAY = (grpc.StatusCode.UNAVAILABLE, "away")


async def test_a_lease_ends_too_where_the_controller_is_away_then(user: User, bench: Bench) -> None:
    """A lease of the double is to end at its begin."""
    command = ("sh", "-c", "exec sleep 3600")
    process = await user.start("jumplab", "run", "-l", "board=x", "--name", "demo", "--", *command)
    await bench.lab.watching.wait()
    bench.lab.refuse["WatchLease"] = [AWAY] * 1000
    ran = await outcome_of(process)
    assert ran.status == LEASE_LOST, ran
    assert 'lease "demo" has ended: its time is over, and the controller can\'t be reached' in ran.err


async def test_a_controller_that_is_away_for_a_moment_does_not_end_the_command(user: User, bench: Bench) -> None:
    bench.lab.place = early
    command = ("sh", "-c", "read line; exit 3")
    process = await user.start("jumplab", "run", "-l", "board=x", "--name", "demo", "--", *command, typing=True)
    await bench.lab.watching.wait()
    last = asyncio.Event()

    def refused() -> None:
        bench.lab.watching.clear()
        if len(bench.lab.refuse["WatchLease"]) == 1:
            last.set()

    bench.lab.on_refusal = refused
    await bench.lab.cut("WatchLease", AWAY, AWAY)
    await last.wait()
    await bench.lab.watching.wait()
    ran = await outcome_of(process, "\n")
    assert ran.status == 3, ran


async def test_a_lease_s_end_leaves_the_command_of_a_shell_running(user: User, bench: Bench) -> None:
    command = ("--name", "demo", "-l", "board=x", "--", "sh", "-c", "echo up; read line; exit 3")
    process = await user.start("jumplab", "shell", *command, typing=True)
    assert process.stdout is not None
    assert process.stderr is not None
    await process.stdout.readline()
    await bench.lab.change("demo", become_ended)
    while b"has ended: expired" not in (line := await process.stderr.readline()):
        assert line
    ran = await outcome_of(process, "\n")
    assert ran.status == 3
    assert "released" not in ran.err


@pytest.mark.parametrize("ahead", [0, 3, -3], ids=["same clocks", "controller ahead", "controller behind"])
@pytest.mark.parametrize(("before", "minutes"), [(timedelta(minutes=10), 10), (timedelta(minutes=2), 2)])
async def test_a_run_is_warned_before_the_lease_s_end(
    user: User, bench: Bench, before: timedelta, minutes: int, ahead: int
) -> None:
    """ahead: hours by which the clock of the controller's machine is ahead of that of the client's."""
    bench.lab.place = early
    process = await started(user, "echo up; exec sleep 3600")
    assert process.stderr is not None
    left = before + timedelta(seconds=2)
    end = datetime.now(UTC) + left
    ends = {f"{(end + timedelta(seconds=late)).astimezone():%H:%M %Z}" for late in range(-1, 30)}

    def ends_soon(lease: client_pb2.Lease) -> None:
        lease.expected_end_time.FromDatetime(end + timedelta(hours=ahead))
        lease.remaining.FromTimedelta(left)

    await bench.lab.change("demo", ends_soon)
    while b"ends in" not in (line := await process.stderr.readline()):
        assert line
    assert f'jumplab: lease "demo" ends in {minutes} minutes, at ' in line.decode()
    assert any(end in line.decode() for end in ends)
    assert "`jumplab update lease demo --end TIME` moves its end" in line.decode()
    process.terminate()
    await process.communicate()


async def test_a_run_is_warned_at_once_where_the_end_is_moved_near(user: User, bench: Bench) -> None:
    bench.lab.place = early
    process = await started(user, "echo up; exec sleep 3600")
    assert process.stderr is not None
    for minutes in (5, 1):
        soon = datetime.now(UTC) + timedelta(minutes=minutes, seconds=20)
        await bench.lab.change("demo", lambda lease, end=soon: lease.expected_end_time.FromDatetime(end))
        while b"ends in" not in (line := await process.stderr.readline()):
            assert line
        assert f'jumplab: lease "demo" ends in {minutes} minute' in line.decode()
    process.terminate()
    await process.communicate()


async def test_an_end_that_use_puts_off_is_announced_only_shortly_before(user: User, bench: Bench) -> None:
    def used(lease: client_pb2.Lease) -> None:
        early(lease)
        lease.effective_begin_time.FromDatetime(datetime.now(UTC))

    bench.lab.place = used
    process = await started(user, "echo up; exec sleep 3600", "-l", "board=x", "--name", "demo", "--max", "4h")
    assert process.stderr is not None
    for minutes in (5, 1):
        soon = datetime.now(UTC) + timedelta(minutes=minutes, seconds=20)
        await bench.lab.change("demo", lambda lease, end=soon: lease.expected_end_time.FromDatetime(end))
    while b"ends in" not in (line := await process.stderr.readline()):
        assert line
    assert "ends in 1 minute," in line.decode()
    process.terminate()
    await process.communicate()


async def test_an_end_that_was_just_told_is_not_announced(user: User, bench: Bench) -> None:
    def in_ten_minutes(lease: client_pb2.Lease) -> None:
        become_ready(lease)
        lease.expected_end_time.FromDatetime(datetime.now(UTC) + timedelta(minutes=10, seconds=2))

    bench.lab.place = in_ten_minutes
    ran = await script(user, "sleep 3")
    assert "is ready until" in ran.err
    assert "ends in" not in ran.err


async def test_a_waiting_run_says_where_it_stands_once_for_each_change(user: User, bench: Bench) -> None:
    bench.lab.place = lambda lease: become_pending(lease)
    process = await user.start("jumplab", "run", "-l", "board=x", "--name", "demo", "--", "true")
    assert process.stderr is not None
    first = (await process.stderr.readline()).decode()
    assert first.startswith('jumplab: lease "demo": number 1; expected to begin at ')
    await bench.lab.change("demo", lambda lease: become_pending(lease, 'exporter "bench-1" is offline'))
    await bench.lab.change("demo", become_ready)
    rest = (await outcome_of(process)).err.splitlines()
    assert [line for line in rest if "number 1" in line] == []
    assert rest[-1] == 'jumplab: released lease "demo" of exporter "bench-1"'


async def test_an_expected_begin_that_the_queue_s_sentence_has_is_said_once(user: User, bench: Bench) -> None:
    between = "; expected to begin between 12:05 UTC and 13:00 UTC, since leases before it may be extended"
    bench.lab.queue_message = f"1st in the queue{between}"
    bench.lab.place = lambda lease: become_pending(lease)
    process = await user.start("jumplab", "run", "-l", "board=x", "--name", "demo", "--", "true")
    assert process.stderr is not None
    first = (await process.stderr.readline()).decode()
    assert first.count("expected to begin") == 1
    assert "since leases before it may be extended" in first
    bench.lab.queue_message = f"1st in the queue{between.replace('13:00', '13:30')}"
    await bench.lab.change("demo", lambda lease: become_pending(lease, 'exporter "bench-1" is offline'))
    await bench.lab.change("demo", become_ready)
    assert "1st in the queue" not in (await outcome_of(process)).err


async def test_what_a_run_leaves_behind_is_in_a_folder(stranger: User, tmp_path: Path) -> None:
    text = (
        'j board power on; j board console expect "=> " >/dev/null; cd /; echo report >"$JUMPLAB_JUNIT_XML"; '
        'echo "$JUMPLAB_RESULTS" "$JUMPLAB_CONSOLE_LOG"; grep -c "stop autoboot" "$JUMPLAB_CONSOLE_LOG"; '
        "j board console write-line version"
    )
    ran = await script(stranger, text, "--exporter-config", str(written(tmp_path)))
    folder = tmp_path / "jumplab-results" / "bench"
    assert ran.out.splitlines()[:2] == [f"{folder} {folder}/console.log", "1"], ran
    assert (folder / "junit.xml").read_text() == "report\n"
    chosen = await script(stranger, "true", "--exporter-config", str(written(tmp_path)), "--results", "out/of it")
    assert chosen.status == 0
    assert (tmp_path / "out" / "of it" / "console.log").read_bytes() == b""


async def test_what_a_console_says_last_is_in_the_log(stranger: User, tmp_path: Path) -> None:
    text = 'j board power on; j board console expect "=> " >/dev/null; j board console run --prompt "=> " -- version'
    ran = await script(stranger, text, "--exporter-config", str(written(tmp_path)))
    assert ran.status == 0, ran
    log = (tmp_path / "jumplab-results" / "bench" / "console.log").read_text()
    assert ran.out.strip() in log.replace("\r\n", "\n").partition("=> ")[2]
    assert log.endswith("=> ")


async def test_each_of_several_consoles_has_a_file(stranger: User, tmp_path: Path) -> None:
    export = {"a": {"type": "board/virtual"}, "b": {"type": "board/virtual"}}
    file = written(tmp_path, export=export)
    text = 'j b power on; j b console expect "=> " >/dev/null; basename "$JUMPLAB_CONSOLE_LOG"'
    ran = await script(stranger, text, "--exporter-config", str(file), "--results", "out")
    assert ran.out == "console-a.console.log\n", ran
    assert (tmp_path / "out" / "console-a.console.log").read_text() == ""
    assert "stop autoboot" in (tmp_path / "out" / "console-b.console.log").read_text()


async def test_a_folder_for_results_that_can_t_be_made_is_named(user: User, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = await script(user, "echo used", "-l", "board=x", "--results", "file/results")
    assert (ran.status, ran.out) == (2, "")
    assert f"the folder for results {tmp_path}/file/results can't be made: Not a directory" in ran.last_line
    assert len(bench.lab.released) == 1


async def test_a_run_without_a_controller_ends_with_its_exporter(stranger: User, tmp_path: Path) -> None:
    text = "echo up; kill -9 $(pgrep -P $PPID -f '[j]umplab_exporter local'); exec sleep 3600"
    ran = await script(stranger, text, "--exporter-config", str(written(tmp_path)))
    assert (ran.status, ran.out) == (LEASE_LOST, "up\n"), ran
    assert "was killed by SIGKILL; start it again" in ran.err


async def test_names_are_completed_as_for_a_shell(user: User, bench: Bench) -> None:
    path = "namespaces/lab/exporters/bench-1"
    bench.lab.exporters[path] = client_pb2.Exporter(name=path, labels={"board": "imx8"}, online=True)
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo")
    known = {"--exporter be": "bench-1", "-l bo": "board=", "--lease de": "demo", "--client c": "ci"}
    for words, completed in known.items():
        for program in ("run", "shell"):
            line = {"COMP_WORDS": f"jumplab {program} {words}", "COMP_CWORD": "3", "_JUMPLAB_COMPLETE": "bash_complete"}
            while not (shown := (await user.run("jumplab", **line)).out):
                pass  # on a busy machine two seconds may be over before there is an answer
            assert shown == f"plain,{completed}\n"
