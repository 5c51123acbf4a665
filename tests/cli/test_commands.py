"""get, create, delete and config: what they print, and how they fail."""

import asyncio
import json
import signal
from collections.abc import Callable

import grpc
import pytest
import yaml
from google.protobuf.timestamp_pb2 import Timestamp

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.v1 import common_pb2
from tests.cli.user import Outcome, User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import become_ended, become_pending, config_for, set_condition

OneSentence = Callable[[Outcome, int], str]


@pytest.fixture
def exporters(bench: Bench) -> None:
    for name in ("bench-1", "bench-2"):
        bench.lab.exporters[f"namespaces/lab/exporters/{name}"] = client_pb2.Exporter(
            name=f"namespaces/lab/exporters/{name}",
            labels={"board": "x", "host": name},
            online=True,
            status=common_pb2.EXPORTER_STATUS_AVAILABLE,
        )


async def test_a_lease_is_created_shown_and_deleted(user: User) -> None:
    created = await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo", "--duration", "1h")
    assert (created.status, created.out) == (0, 'lease "demo" created\n')
    shown = await user.run("jumplab", "get", "leases")
    header, row = shown.out.splitlines()
    assert header.split() == ["NAME", "STATUS", "EXPORTER", "CLIENT", "DURATION", "ENDS"]
    assert row.split()[:5] == ["demo", "Ready", "bench-1", "ci", "1h"]
    assert (await user.run("jumplab", "delete", "lease", "demo")).out == 'lease "demo" released\n'
    assert (await user.run("jumplab", "get", "leases")).out == ""
    assert "Released" in (await user.run("jumplab", "get", "leases", "--all")).out


async def test_a_lease_is_named_by_an_argument_and_its_name_serves_again(user: User, bench: Bench) -> None:
    for _ in range(2):
        created = await user.run("jumplab", "create", "lease", "demo", "-l", "board=x")
        assert (created.status, created.out) == (0, 'lease "demo" created\n')
        assert (await user.run("jumplab", "delete", "lease", "demo")).status == 0
    again = await user.run("jumplab", "delete", "lease", "demo")
    assert (again.status, again.out) == (0, 'lease "demo" has ended already: released by its holder\n')
    both = await user.run("jumplab", "create", "lease", "demo", "--name", "demo", "-l", "board=x")
    assert (both.status, "the name is given twice" in both.err) == (2, True), both


async def test_a_history_is_shown_in_every_format(user: User, bench: Bench) -> None:
    at = Timestamp(seconds=1_785_585_600)
    later = Timestamp(seconds=1_785_589_200)
    bench.lab.history = [
        client_pb2.PastLease(lease="b", uid="2", client="ann", began=at, ended=later, reason="Expired"),
        client_pb2.PastLease(lease="a", uid="1", client="ci", ended=at, reason="ExporterFailed"),
    ]
    shown = (await user.run("jumplab", "get", "history", "bench-1", TZ="UTC")).out.splitlines()
    assert shown[0].split() == ["NAME", "CLIENT", "BEGAN", "ENDED", "REASON"]
    assert shown[1].split() == ["b", "ann", "2026-08-01", "12:00", "UTC", "2026-08-01", "13:00", "UTC", "Expired"]
    assert shown[2].split() == ["a", "ci", "2026-08-01", "12:00", "UTC", "ExporterFailed"]
    wide = (await user.run("jumplab", "get", "history", "bench-1", "-o", "wide")).out.splitlines()
    assert (wide[0].split()[-1], wide[1].split()[-1]) == ("UID", "2")
    found = json.loads((await user.run("jumplab", "get", "history", "bench-1", "-o", "json")).out)
    assert found["items"][1] == {
        "lease": "a",
        "uid": "1",
        "client": "ci",
        "began": None,
        "ended": "2026-08-01T12:00:00Z",
        "reason": "ExporterFailed",
    }
    assert yaml.safe_load((await user.run("jumplab", "get", "history", "bench-1", "-o", "yaml")).out) == found
    assert (await user.run("jumplab", "get", "history", "bench-1", "-o", "name")).out == "b\na\n"


async def test_an_older_controller_is_said_to_keep_no_history(user: User, bench: Bench) -> None:
    bench.lab.refuse["GetHistory"] = [(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")]
    said = await user.run("jumplab", "get", "history", "bench-1")
    assert said.status == 1
    assert said.err == (
        "jumplab: the controller keeps no history of exporters: it is of an earlier version; "
        "ask its administrator to upgrade it\n"
    )


async def test_why_a_lease_waits_is_told_exporter_by_exporter(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo")
    said = (await user.run("jumplab", "explain", "lease", "demo", TZ="UTC")).out.splitlines()
    assert said[:3] == [
        'lease "demo": exporter "bench-1" is leased by "ann"',
        "number 1",
        "expected begin: 2026-08-01 12:00 UTC",
    ]
    assert said[-1].split() == ["board=x", "bench-1", "Leased", "it", "is", "leased", "by", "ann"]
    found = json.loads((await user.run("jumplab", "explain", "lease", "demo", "-o", "json")).out)
    position = {"position": 1, "expectedBegin": "2026-08-01T12:00:00Z", "latestBegin": None, "message": "number 1"}
    assert found["queuePosition"] == position
    assert found["exporters"][0]["reason"] == "Leased"
    assert yaml.safe_load((await user.run("jumplab", "explain", "lease", "demo", "-o", "yaml")).out) == found


async def test_a_range_is_shown_where_leases_before_it_may_be_extended(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    bench.lab.latest_begin = Timestamp(seconds=1_785_585_600 + 7200)
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo")
    said = (await user.run("jumplab", "explain", "lease", "demo", TZ="UTC")).out.splitlines()
    assert said[2] == "expected begin: 2026-08-01 12:00 UTC to 2026-08-01 14:00 UTC"
    assert "2026-08-01 12:00 UTC to 2026-08-01 14:00 UTC" in (await user.run("jumplab", "get", "queue", TZ="UTC")).out


async def test_all_times_of_an_explanation_are_in_one_zone(user: User, bench: Bench) -> None:
    """Also those in the controller's sentences, which are in UTC."""
    bench.lab.place = lambda lease: become_pending(lease, 'exporter "bench-1" is leased by ann until 12:00 UTC')
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo")
    said = (await user.run("jumplab", "explain", "lease", "demo", TZ="UTC-5:30")).out
    assert 'lease "demo": exporter "bench-1" is leased by ann until 17:30' in said
    assert "expected begin: 2026-08-01 17:30" in said
    assert "12:00" not in said
    wide = (await user.run("jumplab", "get", "leases", "-o", "wide", TZ="UTC-5:30")).out
    assert "until 17:30" in wide
    assert "12:00" not in wide


async def test_of_a_lease_that_is_ready_the_explanation_is_one_line(user: User) -> None:
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo")
    assert (await user.run("jumplab", "explain", "lease", "demo")).out == (
        'lease "demo": exporter "bench-1" is ready\n'
    )


async def test_who_waits_is_shown_in_order(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    for name, board in (("first", "x"), ("second", "x"), ("other", "y")):
        await user.run("jumplab", "create", "lease", "-l", f"board={board}", "--name", name)
    table = (await user.run("jumplab", "get", "queue", "board=x", TZ="UTC")).out.splitlines()
    assert [row.split() for row in table] == [
        ["POSITION", "NAME", "CLIENT", "WAITS", "FOR", "EXPECTED"],
        ["1", "first", "ci", "board=x", "2026-08-01", "12:00", "UTC"],
        ["2", "second", "ci", "board=x"],
    ]
    assert (await user.run("jumplab", "get", "queue", "-o", "name")).out.split() == ["first", "second", "other"]
    found = json.loads((await user.run("jumplab", "get", "queue", "-o", "json")).out)
    assert [each["queuePosition"]["position"] for each in found["items"]] == [1, 2, 3]


async def test_of_a_lease_of_several_the_queue_shows_what_each_member_waits_for(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    await user.run(
        "jumplab", "create", "lease", "--member", "dut=board=x", "--member", "peer=@bench-3", "--name", "pair"
    )
    assert "dut: board=x, peer: bench-3" in (await user.run("jumplab", "get", "queue")).out


async def test_a_waiting_create_returns_when_the_lease_is_ready_and_keeps_it(user: User, bench: Bench) -> None:
    created = await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo", "--wait")
    assert created.out == 'lease "demo" is ready on exporter "bench-1"\n'
    assert bench.lab.released == []


async def test_what_is_created_can_be_read_by_a_script(user: User) -> None:
    printed = await user.run("jumplab", "create", "lease", "-l", "board=x", "--wait", "-o", "name")
    name = printed.out.strip()
    found = json.loads((await user.run("jumplab", "get", "leases", name, "-o", "json")).out)
    assert (found["name"], found["exporter"], found["ended"]) == (name, "bench-1", False)
    assert yaml.safe_load((await user.run("jumplab", "get", "leases", "-o", "yaml")).out) == {"items": [found]}


async def test_exporters_are_listed_in_every_form(user: User, exporters: None) -> None:
    table = (await user.run("jumplab", "get", "exporters", "-l", "host=bench-1")).out.splitlines()
    assert table[1].split() == ["bench-1", "yes", "Available", "board=x,host=bench-1"]
    assert (await user.run("jumplab", "get", "exporters", "-o", "name")).out.split() == ["bench-1", "bench-2"]
    one = json.loads((await user.run("jumplab", "get", "exporters", "bench-2", "-o", "json")).out)
    assert one["labels"] == {"board": "x", "host": "bench-2"}
    assert "ENABLED" in (await user.run("jumplab", "get", "exporters", "-o", "wide")).out


async def test_a_lease_is_prolonged_ended_at_a_moment_and_handed_over(user: User, bench: Bench) -> None:
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo", "--duration", "1h")
    lease = bench.lab.leases["namespaces/lab/leases/demo"]
    assert (await user.run("jumplab", "update", "lease", "demo", "--duration", "2h")).status == 0
    assert (lease.duration.seconds, lease.HasField("end_time")) == (7200, False)
    moved = await user.run("jumplab", "update", "lease", "demo", "--end", "2099-08-01T12:00:00Z", "--to", "ann")
    assert 'lease "demo" belongs to client "ann" until 2099-08-01' in moved.out
    assert (lease.end_time.ToJsonString(), lease.HasField("duration")) == ("2099-08-01T12:00:00Z", False)
    assert lease.client == "namespaces/lab/clients/ann"


async def test_a_change_that_is_refused_is_one_sentence(user: User, bench: Bench, one_sentence: OneSentence) -> None:
    await user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "demo")
    bench.lab.refuses_changes = "the access policies permit at most 1h; the accepted spec stays in force"
    said = one_sentence(await user.run("jumplab", "update", "lease", "demo", "--duration", "2h"), 1)
    assert bench.lab.refuses_changes in said


async def test_a_wait_that_is_interrupted_releases(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        process = await user.start("jumplab", "create", "lease", "-l", "a=b", "--name", f"on-{number}", "--wait")
        assert process.stderr is not None
        assert b'exporter "bench-1" is leased by "ann"' in await process.stderr.readline()
        process.send_signal(number)
        ended = await outcome_of(process)
        assert ended.status == status
        assert ended.err == ""
        assert bench.lab.released[-1] == f"on-{number}"


async def test_a_lease_that_matches_nothing_says_so_and_is_not_left_behind(
    user: User, bench: Bench, one_sentence: OneSentence
) -> None:
    message = "no exporter matches board=y; see `jumplab get exporters`"
    bench.lab.place = lambda lease: set_condition(lease, "Unsatisfiable", "True", "SelectorMismatch", message)
    refused = await user.run("jumplab", "create", "lease", "-l", "board=y", "--name", "demo", "--wait")
    assert message in one_sentence(refused, 1)
    assert bench.lab.released == ["demo"]


async def test_a_wait_that_is_too_long_ends_with_the_reason(user: User, bench: Bench) -> None:
    bench.lab.place = become_pending
    late = await user.run("jumplab", "create", "lease", "-l", "a=b", "--wait", "--wait-timeout", "200ms")
    assert late.status == 1
    assert "was not ready within" in late.last_line
    assert len(bench.lab.released) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "lease"], "say what to lease"),
        (["create", "lease", "-l", "a=b", "--duration", "soon"], '"soon" is not a duration'),
        (["create", "lease", "--frobnicate"], "no such option"),
        (["frobnicate"], "no such command 'frobnicate'; the commands are get, explain, create,"),
        (["get", "pods"], 'no kind "pods" to get; the kinds are clients, exporters, history, leases, queue (see'),
        (["delete", "pod/x"], 'there is no kind "pod" to delete; the kinds are client, exporter, lease (see'),
        (["explain", "pods"], 'there is no kind "pods" to explain; the kinds are lease (see'),
        (["get", "leases/"], '"leases/" has no name behind its slash; write it as leases/NAME'),
        (["create", "lease", "-l", "a=b", "--begin", "9999-12-31T23:59:59Z"], "the time is in the year 9999; give"),
        (["update", "lease", "demo", "--end", "9999-12-31"], "the time is in the year 9999; give"),
        (["config", "pods"], "no such command 'pods'; the commands are client (see"),
        (["delete", "lease"], "missing argument"),
        (["update", "lease", "demo"], "nothing to change; give"),
        (["update", "lease", "demo", "--duration", "1h", "--end", "14:00"], "contradict each other"),
        (["update", "lease", "demo", "--end", "soon"], '"soon" is not a time'),
        (["create", "lease", "-l", "a=b", "--duration", "99999h"], "the duration must be at most 87840h"),
        (["create", "lease", "-l", "a=b", "--name", "Not_A_Name"], 'lease "Not_A_Name": the name is not valid'),
        (["create", "lease", "-l", "a=b", "--name", ""], 'lease "": the name is not valid'),
        (["create", "lease", "-l", "a=b", "--name", "a" * 254], "at most 253 characters"),
        (["create", "lease", "--exporter", "Bench_1"], 'exporter "Bench_1": the name is not valid'),
        (["create", "lease", "--member", "1dut=a=b"], 'member "1dut": the name is not valid'),
        (["create", "lease", "--member", "dut.x=a=b"], 'member "dut.x": the name is not valid'),
        (["create", "lease", "--member", "dut=@b", "--member", "peer=@b"], 'two members name exporter "b"'),
        (["create", "lease", "--member", "dut"], '"dut" is not a member'),
        (["create", "lease", "-l", "a=b", "--tag", "ticket"], '"ticket" is not a tag'),
        (["create", "lease", "-l", "a=b", "--tag", "=x"], '"=x" is not a tag'),
        (["create", "lease", "-l", "a=b", "--tag", "ä=x"], 'tag "ä" is not a valid label'),
        (
            ["create", "lease", "-l", "a=b", "--tag", f"a={'x' * 64}"],
            f'the value "{"x" * 64}" of tag "a" is not valid; use',
        ),
        (["create", "lease", "-l", "a=b", "--tag", "a=b c"], 'the value "b c" of tag "a" is not valid; use'),
        (["create", "lease", "-l", "board in (a"], 'a comma or ) is missing at the end, in the selector "board in (a"'),
        (["create", "lease", "--member", "dut=board==="], '"=" stands where'),
        (["create", "lease", "-l", " "], "say what to lease"),
        (["create", "lease", "-l", "a=b", *(f"--tag=k{number}=x" for number in range(11))], "11 tags; the limit is 10"),
        (["create", "lease", "-l", "a=b", "--begin", "2001-01-01 00:00"], "is in the past; leave it out"),
        (["create", "lease", "-l", "a=b", "--begin", "soon"], '"soon" is not a time'),
        (["update", "lease", "demo", "--duration", "99999h"], "the duration must be at most 87840h"),
        (["shell", "-l", "a=b", "--duration", "99999h"], "the duration must be at most 87840h"),
        (["get", "leases", "-n", "other"], 'client "ci" is of namespace "lab"'),
        (["create", "client", "x", "--save", "--out", "y"], "contradict each other"),
        (["create", "client", "x", "--rotate", "-l", "a=b"], "--rotate changes the token alone"),
        (["explain", "lease"], "missing argument"),
        (["get", "leases", "-o", "xml"], "'xml' is not one of"),
        (["get", "leases", "--client", "nobody"], 'no client configuration "nobody"'),
        (["shell", "-l", "a=b", "--lease", "demo"], "--lease names a lease that exists"),
        (["shell"], "say what to lease"),
        (["config", "client", "use", "nobody"], 'no client configuration "nobody"'),
        (["create", "exporter", "x", "-l", "nonsense"], '"nonsense" is not a label'),
        (["create", "client", "x", "--kubeconfig", "/nowhere"], "kubeconfig"),
    ],
)
async def test_a_wrong_usage_is_one_sentence(
    words: list[str], said: str, user: User, bench: Bench, one_sentence: OneSentence
) -> None:
    assert said in one_sentence(await user.run("jumplab", *words), 2)
    assert bench.lab.leases == {}


async def test_without_a_configuration_it_says_what_to_do(stranger: User, one_sentence: OneSentence) -> None:
    assert "jumplab config client use NAME" in one_sentence(await stranger.run("jumplab", "get", "leases"), 2)


async def test_an_unknown_key_is_named(stranger: User, one_sentence: OneSentence) -> None:
    path = stranger.places.client_path("ci")
    path.parent.mkdir(parents=True)
    path.write_text("endpiont: lab:1\n")
    said = one_sentence(await stranger.run("jumplab", "get", "leases", "--client", "ci"), 2)
    assert "endpiont: is not known; remove it" in said
    assert str(path) in said


async def test_a_wrong_token_is_one_sentence(
    user: User, bench: Bench, authority: Authority, one_sentence: OneSentence
) -> None:
    user.configure(config_for(bench.port, authority, token="stale"))
    assert "get a new one" in one_sentence(await user.run("jumplab", "get", "leases"), 1)


async def test_a_controller_that_is_not_there_is_one_sentence(
    stranger: User, authority: Authority, unused_tcp_port: int, one_sentence: OneSentence
) -> None:
    stranger.configure(config_for(unused_tcp_port, authority))
    assert f"localhost:{unused_tcp_port}" in one_sentence(await stranger.run("jumplab", "get", "leases"), 1)


async def test_a_certificate_that_does_not_match_is_one_sentence(
    user: User, bench: Bench, one_sentence: OneSentence
) -> None:
    user.configure(config_for(bench.port, Authority.make()))
    assert "certificate" in one_sentence(await user.run("jumplab", "get", "leases"), 1)


async def test_a_lease_that_is_not_mine_is_one_sentence(user: User, one_sentence: OneSentence) -> None:
    assert 'no lease "theirs" of yours' in one_sentence(await user.run("jumplab", "delete", "lease", "theirs"), 1)


async def test_a_lease_that_can_t_be_released_leaves_the_others_to_be_released(user: User, bench: Bench) -> None:
    await user.run("jumplab", "create", "lease", "demo", "-l", "board=x")
    released = await user.run("jumplab", "delete", "lease", "theirs", "demo", "gone")
    assert (released.status, released.out) == (1, 'lease "demo" released\n')
    assert [line.split()[3] for line in released.err.splitlines()] == ['"theirs"', '"gone"']


async def test_a_lease_that_has_ended_is_one_sentence(user: User, bench: Bench, one_sentence: OneSentence) -> None:
    bench.lab.place = become_ended
    await user.run("jumplab", "create", "lease", "-l", "a=b", "--name", "demo")
    said = one_sentence(await user.run("jumplab", "shell", "--lease", "demo", "--", "true"), 1)
    assert 'lease "demo" has ended: expired' in said


async def test_clients_are_listed_and_chosen(user: User, bench: Bench, authority: Authority) -> None:
    user.configure(config_for(bench.port, authority), "other")
    assert (await user.run("jumplab", "config", "client", "list")).out == "  ci\n* other\n"
    assert (await user.run("jumplab", "config", "client", "use", "ci")).status == 0
    assert (await user.run("jumplab", "config", "client", "list")).out == "* ci\n  other\n"


async def test_a_reader_that_leaves_is_no_traceback(user: User, exporters: None) -> None:
    process = await asyncio.create_subprocess_shell(
        "jumplab get exporters -o json | true",
        env=user.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert "Traceback" not in (await outcome_of(process)).err


@pytest.mark.parametrize("words", ["get lease", "get exporter", "delete lease", "explain lease", "generate board"])
@pytest.mark.parametrize("name", ["", "a/b"])
async def test_a_name_that_nothing_has_is_not_found(
    user: User, one_sentence: Callable[[Outcome, int], str], words: str, name: str
) -> None:
    refused = await user.run("jumplab", *words.split(), name)
    assert f'"{name}" in namespace "lab"' in one_sentence(refused, 1)
