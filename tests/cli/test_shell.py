"""`jumplab shell` and what `j` does inside it."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from jumplab.client.controller import Controller, LeaseRequest
from tests.cli.user import Outcome, User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import Bench, Siren, Switch, bench_of
from tests.client.lab_double import LabDouble, become_ended, config_for

OneSentence = Callable[[Outcome, int], str]


@pytest.fixture
def jwords(user: User) -> Callable[..., asyncio.Task[Outcome]]:
    """Runs `j` with these words in a shell of its own."""

    def run(*words: str) -> asyncio.Task[Outcome]:
        return asyncio.create_task(user.run("jumplab", "shell", "-l", "board=x", "--name", "demo", "--", "j", *words))

    return run


async def script(user: User, text: str, *options: str) -> Outcome:
    wanted = options or ("-l", "board=x", "--name", "demo")
    return await user.run("jumplab", "shell", *wanted, "--", "sh", "-c", text)


async def started(user: User, text: str) -> asyncio.subprocess.Process:
    return await user.start("jumplab", "shell", "-l", "board=x", "--name", "demo", "--", "sh", "-c", text)


async def test_a_shell_leases_runs_and_releases(user: User, bench: Bench) -> None:
    ran = await script(user, "j power on && j power is-on && echo $JUMPLAB_LEASE on $JUMPLAB_EXPORTER")
    assert ran.out == "true\ndemo on bench-1\n"
    assert ran.status == 0
    assert 'jumplab: lease "demo": exporter "bench-1" is ready until' in ran.err
    assert bench.lab.released == ["demo"]


async def test_state_lasts_from_one_j_to_the_next(user: User) -> None:
    assert (await script(user, "j power is-on; j power on; j power is-on")).out == "false\ntrue\n"


async def test_the_shell_s_status_is_the_command_s(user: User, bench: Bench) -> None:
    assert (await script(user, "exit 7")).status == 7
    assert (await script(user, "kill -9 $$", "-l", "a=b")).status == 128 + signal.SIGKILL
    assert len(bench.lab.released) == 2


async def test_an_existing_lease_is_used_and_left(user: User, bench: Bench) -> None:
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "mine")
    assert (await script(user, "j power on", "--lease", "mine")).status == 0
    assert bench.lab.released == []


@pytest.mark.parametrize("program", ["shell", "run"])
async def test_a_command_that_can_t_be_run_is_named_before_anything_is_leased(
    user: User, bench: Bench, tmp_path: Path, one_sentence: OneSentence, program: str
) -> None:
    (tmp_path / "text").touch()
    for command in ("/no/such/program", "no-such-program", str(tmp_path / "text"), str(tmp_path), ""):
        failed = await user.run("jumplab", program, "-l", "board=x", "--", command)
        assert f"can't run {command}: there is no such program, or it can't be executed" in one_sentence(failed, 2)
    assert bench.lab.calls["CreateLease"] == 0


async def test_a_command_of_no_known_format_is_named_and_the_lease_released(
    user: User, bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    failed = await user.run("jumplab", "shell", "-l", "board=x", "--", str(tmp_path / "text"))
    assert failed.status == 2
    assert f"can't run {tmp_path}/text: Exec format error" in failed.last_line
    assert len(bench.lab.released) == 1


async def test_a_terminated_shell_releases_and_takes_its_command_along(user: User, bench: Bench) -> None:
    process = await started(user, "echo $$; exec sleep 3600")
    assert process.stdout is not None
    command = int(await process.stdout.readline())
    process.terminate()
    assert (await outcome_of(process)).status == 128 + signal.SIGTERM
    assert not psutil.pid_exists(command)
    assert bench.lab.released == ["demo"]


async def test_the_lease_s_end_is_told(user: User, bench: Bench) -> None:
    process = await started(user, "echo up; exec sleep 3600")
    assert process.stdout is not None
    assert process.stderr is not None
    await process.stdout.readline()
    await process.stderr.readline()
    await bench.lab.change("demo", become_ended)
    assert b'jumplab: lease "demo" has ended: expired' in await process.stderr.readline()
    process.terminate()
    await outcome_of(process)


async def test_the_socket_is_private_and_gone_afterwards(user: User) -> None:
    ran = await script(user, 'stat -c %a "$(dirname $JUMPLAB_SOCKET)"; echo $JUMPLAB_SOCKET')
    mode, socket = ran.out.split()
    assert mode == "700"
    assert not Path(socket).parent.exists()


async def test_how_long_a_lost_connection_may_stay_away_is_said_once_for_all_j(user: User) -> None:
    options = ("-l", "board=x", "--name", "demo", "--reconnect-within", "90s")
    assert (await script(user, "echo $JUMPLAB_RECONNECT_SECONDS", *options)).out == "90\n"


@pytest.mark.parametrize("words", ["j power is-on", "j"])
async def test_seconds_that_are_no_number_are_told(user: User, words: str) -> None:
    ran = await script(user, f"JUMPLAB_RECONNECT_SECONDS=5m {words}")
    sentence = '"5m" is not a number of seconds greater than zero; write it as 90'
    assert f"j: JUMPLAB_RECONNECT_SECONDS: {sentence}" in ran.err.splitlines()
    assert ran.status == 2


async def test_j_shows_the_tree(jwords: Callable[..., asyncio.Task[Outcome]]) -> None:
    shown = (await jwords()).out.splitlines()
    assert "power  on off is-on cycle measure read" in shown
    assert "relay  did not start: no such device: /dev/ttyUSB9" in shown


async def test_j_takes_arguments_by_position_and_options(jwords: Callable[..., asyncio.Task[Outcome]]) -> None:
    measured = await jwords("thermometer", "read-at", "10", "--unit", "F")
    assert json.loads(measured.out) == {"F": 30.5}


async def test_j_shows_items_as_they_come(jwords: Callable[..., asyncio.Task[Outcome]]) -> None:
    assert (await jwords("thermometer", "follow", "3")).out.split() == ["20.0", "21.0", "22.0"]


async def test_j_shows_what_a_driver_logs(jwords: Callable[..., asyncio.Task[Outcome]]) -> None:
    assert "[power] [warning] switched on\n" in (await jwords("power", "on")).err


async def test_j_sets_a_console_s_lines(jwords: Callable[..., asyncio.Task[Outcome]]) -> None:
    assert "[console] [warning] dtr False, rts None\n" in (await jwords("console", "set-lines", "--dtr", "false")).err


async def test_j_shows_a_line_once_whoever_makes_the_call(user: User) -> None:
    words = ["j power on", "j power is-on", "j thermometer follow 1", "j", "j power on", "j thermometer follow 1"]
    assert (await script(user, "; ".join(words))).err.count("[warning] switched on") == 2


async def test_j_shows_how_far_a_long_call_is(jwords: Callable[..., asyncio.Task[Outcome]]) -> None:
    assert "j: storing 3 of 3\n" in (await jwords("thermometer", "calibrate")).err


async def test_help_comes_from_the_driver(jwords: Callable[..., asyncio.Task[Outcome]]) -> None:
    shown = (await jwords("thermometer", "read-at", "--help")).out
    assert "Measures at a height in millimetres." in shown
    assert "--unit" in shown


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["power", "explode"], 2, 'driver "power" has no "explode"; it offers: on, off, is-on, cycle'),
        (["nothing"], 2, 'this exporter has no "nothing"; it offers: power, console'),
        (["thermometer", "read-at", "high"], 2, "'high' is not a valid integer"),
        (["thermometer", "read-at"], 2, "missing argument"),
        (["power", "cycle", "--off-seconds", "long"], 2, "is not a valid float"),
        (["thermometer", "read-at", "200"], 1, "200 mm is above the device"),
        (["console", "send-break"], 1, "console.send_break: this console has no serial line that could send a break"),
        (["console", "send-break", "--seconds", "long"], 2, "is not a valid float"),
        (["relay", "on"], 1, 'driver "relay" did not start: no such device: /dev/ttyUSB9'),
        (["storage", "write", "/no/such/file"], 2, "/no/such/file"),
    ],
)
async def test_what_goes_wrong_is_one_sentence(
    words: list[str], status: int, said: str, jwords: Callable[..., asyncio.Task[Outcome]]
) -> None:
    failed = await jwords(*words)
    assert failed.status == status
    assert failed.out == ""
    sentence = failed.last_line
    assert sentence.startswith("j: ")
    assert said in sentence
    assert "Traceback" not in failed.err


async def test_a_file_goes_onto_the_storage_and_back(user: User, tmp_path: Path) -> None:
    image, copy = tmp_path / "image", tmp_path / "copy"
    image.write_bytes(bytes(range(256)) * 5000)
    ran = await script(user, f"j storage write {image} && j storage size && j storage read {copy}")
    assert ran.status == 0, ran.err
    assert "wrote 1280000 bytes, sha256" in ran.out
    assert "\n1280000\n" in ran.out
    assert copy.read_bytes() == image.read_bytes()


async def test_j_outside_of_a_shell_says_where_it_works(stranger: User, one_sentence: OneSentence) -> None:
    assert "jumplab shell" in one_sentence(await stranger.run("j", "power", "on"), 2)


async def test_j_after_its_shell_says_that_it_has_ended(stranger: User, one_sentence: OneSentence) -> None:
    gone = await stranger.run("j", "power", "on", JUMPLAB_SOCKET="/nowhere/session.sock", JUMPLAB_SOCKET_TOKEN="t")
    assert "has ended" in one_sentence(gone, 1)


@pytest.fixture
async def siren_user(lab: LabDouble, authority: Authority, stranger: User) -> AsyncIterator[User]:
    async with bench_of(lab, authority, {"siren": Siren(), "power": Switch()}) as bench:
        stranger.configure(config_for(bench.port, authority))
        yield stranger


async def test_a_client_class_that_is_not_allowed_stops_its_driver_alone(siren_user: User) -> None:
    refused = await script(siren_user, "j power on && j siren sound")
    assert refused.status == 1
    assert "acme_evil.Siren" in refused.last_line
    assert "drivers.allow" in refused.last_line


async def test_the_allow_list_of_the_configuration_holds_in_the_shell(siren_user: User) -> None:
    siren_user.more["JMP_DRIVERS_ALLOW"] = "UNSAFE"
    refused = await script(siren_user, "j siren sound")
    assert 'install "acme_evil"' in refused.last_line


async def test_a_shell_works_where_the_folder_for_sockets_is_far_away(user: User, bench: Bench, tmp_path: Path) -> None:
    far = tmp_path.joinpath(*["x" * 40] * 3)
    far.mkdir(parents=True)
    driven = await user.run("jumplab", "shell", "-l", "board=x", "--", "j", "power", "is-on", TMPDIR=str(far))
    assert (driven.status, driven.out) == (0, "false\n"), driven.err


async def test_the_lease_of_an_earlier_step_is_used_where_nothing_else_is_asked_for(
    user: User, bench: Bench, authority: Authority
) -> None:
    async with Controller.connected(config_for(bench.port, authority)) as controller:
        await controller.create_lease(LeaseRequest("earlier", timedelta(minutes=5), selector="board=x"))
    inside = await user.run("jumplab", "shell", "--", "sh", "-c", "echo $JUMPLAB_LEASE", JMP_LEASE="earlier")
    assert (inside.status, inside.out) == (0, "earlier\n"), inside.err
    assert bench.lab.released == []
    own = await user.run(
        "jumplab", "shell", "-l", "board=x", "--", "sh", "-c", "echo $JUMPLAB_LEASE", JMP_LEASE="earlier"
    )
    assert own.out != "earlier\n"


async def test_j_is_found_where_the_path_does_not_lead_to_it(user: User, bench: Bench) -> None:
    words = ("shell", "-l", "board=x", "--", "sh", "-c", "j power is-on")
    driven = await user.run("jumplab", *words, PATH="/usr/bin:/bin")
    assert (driven.status, driven.out) == (0, "false\n"), driven.err
