"""What clients ask of leases, and what they are refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode

from jumplab.protocol.client_v1 import client_pb2 as pb
from jumplab.protocol.durations import LONGEST
from jumplab.protocol.v1 import controller_pb2, kubernetes_pb2
from jumplab_operator.names import Name
from jumplab_operator.resources import Exporter, HistoryEntry, Lease
from jumplab_operator.resources.exporter import Device, Interface
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

PARENT = f"namespaces/{NAMESPACE}"
SOON = 20


def lease_name(name: str, namespace: str = NAMESPACE) -> str:
    return f"namespaces/{namespace}/leases/{name}"


def minutes(number: int) -> Duration:
    return Duration(seconds=60 * number)


async def test_a_lease_is_created_with_what_was_asked_for(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    wanted = pb.Lease(
        selector="board=x,rev in (1,2),!broken", duration=minutes(90), tags={"job": "7"}, context={"branch": "main"}
    )
    async with controller.calling("Client", "ci", token) as (_, client):
        lease = await client.CreateLease(
            pb.CreateLeaseRequest(parent=PARENT, lease_id="demo", lease=wanted), timeout=SOON
        )
    assert (lease.name, lease.client) == (lease_name("demo"), f"{PARENT}/clients/ci")
    assert lease.selector == "board=x,rev in (1,2),!broken"
    assert lease.duration.ToTimedelta() == timedelta(minutes=90)
    assert (dict(lease.tags), dict(lease.context)) == ({"job": "7"}, {"branch": "main"})
    assert controller.lab.leases_[Name(NAMESPACE, "demo")].to_plain()["spec"]["duration"] == "1h30m"


async def test_a_lease_may_say_how_long_its_holder_may_be_away_and_how_far_use_extends_it(
    controller: Controller,
) -> None:
    token = controller.lab.add_client("ci")
    wanted = pb.Lease(selector="board=x", release_after_detached=minutes(2), max_duration=minutes(240))
    async with controller.calling("Client", "ci", token) as (_, client):
        request = pb.CreateLeaseRequest(parent=PARENT, lease_id="demo", lease=wanted)
        await client.CreateLease(request, timeout=SOON)
    spec = controller.lab.leases_[Name(NAMESPACE, "demo")].to_plain()["spec"]
    assert spec["releaseAfterDetached"] == "2m"
    assert spec["extendOnActivity"] == {"maxDuration": "4h"}


async def test_a_lease_may_pin_its_exporter(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client):
        request = pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(exporter_name="bench"))
        lease = await client.CreateLease(request, timeout=SOON)
    assert lease.exporter_name == "bench"


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (pb.CreateLeaseRequest(parent=PARENT), StatusCode.INVALID_ARGUMENT, "neither a selector"),
        (
            pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(selector="a b")),
            StatusCode.INVALID_ARGUMENT,
            "kubectl -l",
        ),
        (pb.CreateLeaseRequest(parent="lab", lease=pb.Lease(selector="a=b")), StatusCode.INVALID_ARGUMENT, "parent"),
        (
            pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(selector="a=b", duration=minutes(-1))),
            StatusCode.INVALID_ARGUMENT,
            "greater than zero",
        ),
        (
            pb.CreateLeaseRequest(parent="namespaces/other", lease=pb.Lease(selector="a=b")),
            StatusCode.PERMISSION_DENIED,
            'may not use "other"',
        ),
        (
            pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(selector="a=b", client=f"{PARENT}/clients/boss")),
            StatusCode.PERMISSION_DENIED,
            'for client "boss"',
        ),
    ],
)
async def test_what_can_not_be_created(
    controller: Controller, request_: pb.CreateLeaseRequest, code: StatusCode, words: str
) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client), refused(code, words):
        await client.CreateLease(request_, timeout=SOON)
    assert not controller.lab.leases_


@pytest.mark.parametrize("seconds", [-60, 0, -(2**63)])
async def test_a_duration_must_be_greater_than_zero_in_either_api(controller: Controller, seconds: int) -> None:
    token, duration = controller.lab.add_client("ci"), Duration(seconds=seconds)
    async with controller.calling("Client", "ci", token) as (old, new):
        async with refused(StatusCode.INVALID_ARGUMENT, "greater than zero"):
            lease = pb.Lease(selector="a=b", duration=duration)
            await new.CreateLease(pb.CreateLeaseRequest(parent=PARENT, lease=lease), timeout=SOON)
        async with refused(StatusCode.INVALID_ARGUMENT, "greater than zero"):
            selector = kubernetes_pb2.LabelSelector(match_labels={"a": "b"})
            request = controller_pb2.RequestLeaseRequest(selector=selector, duration=duration)
            await old.RequestLease(request, timeout=SOON)


async def test_a_duration_that_no_program_can_hold_is_the_longest(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client):
        lease = pb.Lease(selector="a=b", duration=Duration(seconds=2**62))
        await client.CreateLease(pb.CreateLeaseRequest(parent=PARENT, lease=lease), timeout=SOON)
    (made,) = controller.lab.leases_.values()
    assert made.spec.duration == LONGEST


async def test_a_name_that_is_taken_is_refused_as_such(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    request = pb.CreateLeaseRequest(parent=PARENT, lease_id="demo", lease=pb.Lease(selector="a=b"))
    async with controller.calling("Client", "ci", token) as (_, client):
        await client.CreateLease(request, timeout=SOON)
        async with refused(StatusCode.ALREADY_EXISTS, 'the name "demo" is taken; choose another name'):
            await client.CreateLease(request, timeout=SOON)


async def test_delete_releases_and_may_be_repeated(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_exporter("bench")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    async with controller.calling("Client", "ci", token) as (_, client):
        for _ in range(2):
            await client.DeleteLease(pb.DeleteLeaseRequest(name=lease_name("demo")), timeout=SOON)
            lease = await client.GetLease(pb.GetLeaseRequest(name=lease_name("demo")), timeout=SOON)
            assert lease.ended
        assert controller.lab.leases_[Name(NAMESPACE, "demo")].spec.release
        async with refused(StatusCode.NOT_FOUND, 'there is no lease "nowhere"'):
            await client.DeleteLease(pb.DeleteLeaseRequest(name=lease_name("nowhere")), timeout=SOON)


async def test_a_release_by_uid_leaves_a_newer_lease_of_the_name_alone(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    request = pb.CreateLeaseRequest(parent=PARENT, lease_id="demo", lease=pb.Lease(selector="a=b"))
    async with controller.calling("Client", "ci", token) as (_, client):
        old = await client.CreateLease(request, timeout=SOON)
        await client.DeleteLease(pb.DeleteLeaseRequest(name=old.name, uid=old.uid), timeout=SOON)
        new = await client.CreateLease(request, timeout=SOON)
        async with refused(StatusCode.NOT_FOUND, 'lease "demo" was replaced by a new one'):
            await client.DeleteLease(pb.DeleteLeaseRequest(name=old.name, uid=old.uid), timeout=SOON)
        assert not (await client.GetLease(pb.GetLeaseRequest(name=new.name), timeout=SOON)).ended


async def test_a_dial_by_uid_never_leads_to_a_newer_lease_of_the_name(controller: Controller) -> None:
    controller.lab.add_exporter("bench")
    token = controller.lab.add_client("ci")
    new = controller.lab.add_ready_lease("demo", "ci", "bench")
    async with controller.calling("Client", "ci", token) as (service, _):
        async with refused(StatusCode.NOT_FOUND, 'lease "demo" was replaced by a new one'):
            old = controller_pb2.DialRequest(lease_name="demo", lease_uid="that-of-the-old-one")
            await service.Dial(old, timeout=SOON)
        await service.Dial(controller_pb2.DialRequest(lease_name="demo", lease_uid=new.uid), timeout=SOON)


async def test_the_name_of_an_ended_lease_is_taken_for_other_clients_alone(controller: Controller) -> None:
    token, boss = controller.lab.add_client("ci"), controller.lab.add_client("boss")
    request = pb.CreateLeaseRequest(parent=PARENT, lease_id="demo", lease=pb.Lease(selector="a=b"))
    async with controller.calling("Client", "ci", token) as (_, client):
        first = await client.CreateLease(request, timeout=SOON)
        await client.DeleteLease(pb.DeleteLeaseRequest(name=first.name), timeout=SOON)
        async with (
            controller.calling("Client", "boss", boss) as (_, other),
            refused(StatusCode.ALREADY_EXISTS, "choose another name"),
        ):
            await other.CreateLease(request, timeout=SOON)
        again = await client.CreateLease(request, timeout=SOON)
        assert (again.name, again.ended, again.uid != first.uid) == (first.name, False, True)


async def test_an_api_server_that_is_away_is_worth_another_try(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client):
        await client.ListLeases(pb.ListLeasesRequest(parent=PARENT), timeout=SOON)
        controller.lab.api_is_away = True
        async with refused(StatusCode.UNAVAILABLE, "try again"):
            request = pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(selector="a=b"))
            await client.CreateLease(request, timeout=SOON)


async def test_another_clients_lease_may_be_seen_but_not_touched(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_exporter("bench")
    controller.lab.add_ready_lease("theirs", "boss", "bench")
    calls: list[tuple[str, Any]] = [
        ("DeleteLease", pb.DeleteLeaseRequest(name=lease_name("theirs"))),
        ("UpdateLease", pb.UpdateLeaseRequest(lease=pb.Lease(name=lease_name("theirs"), duration=minutes(1)))),
    ]
    async with controller.calling("Client", "ci", token) as (service, client):
        seen = await client.GetLease(pb.GetLeaseRequest(name=lease_name("theirs")), timeout=SOON)
        assert seen.client == f"{PARENT}/clients/boss"
        for method, request in calls:
            async with refused(StatusCode.PERMISSION_DENIED, 'belongs to client "boss"'):
                await getattr(client, method)(request, timeout=SOON)
        for method, request in (
            ("Dial", controller_pb2.DialRequest(lease_name="theirs")),
            ("ReleaseLease", controller_pb2.ReleaseLeaseRequest(name="theirs")),
        ):
            async with refused(StatusCode.PERMISSION_DENIED, 'belongs to client "boss"'):
                await getattr(service, method)(request, timeout=SOON)


async def test_a_lease_of_another_namespace_is_out_of_sight(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client):
        async with refused(StatusCode.PERMISSION_DENIED, "may not use"):
            await client.GetLease(pb.GetLeaseRequest(name=lease_name("x", "other")), timeout=SOON)
        async with refused(StatusCode.PERMISSION_DENIED, "may not use"):
            await client.ListLeases(pb.ListLeasesRequest(parent="namespaces/other"), timeout=SOON)


async def test_dialling_is_refused_by_the_leases_state(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_exporter("bench", online=False)
    spec = {"clientRef": {"name": "ci"}}
    waiting = [{"type": "Pending", "status": "True", "reason": "NotAvailable", "message": "all 2 are leased"}]
    controller.lab.add_lease("ended", spec, {"ended": True})
    controller.lab.add_lease("waiting", spec, {"conditions": waiting})
    controller.lab.add_ready_lease("away", "ci", "bench")
    controller.lab.add_ready_lease("orphan", "ci", "gone")
    controller.lab.add_ready_lease("garbled", "ci", "odd")
    controller.lab.problems[Exporter, Name(NAMESPACE, "odd")] = "status: it is odd"
    controller.lab.problems[Lease, Name(NAMESPACE, "odd")] = "spec: it is odd"
    expected = {
        "ended": (StatusCode.FAILED_PRECONDITION, "has ended"),
        "waiting": (StatusCode.FAILED_PRECONDITION, "NotAvailable, all 2 are leased"),
        "away": (StatusCode.UNAVAILABLE, '"bench" of lease "away" is offline'),
        "orphan": (StatusCode.FAILED_PRECONDITION, '"gone" of lease "orphan" was deleted'),
        "nowhere": (StatusCode.NOT_FOUND, 'no lease "nowhere"'),
        "garbled": (StatusCode.UNAVAILABLE, 'exporter "odd" can\'t be read (status: it is odd)'),
        "odd": (StatusCode.UNAVAILABLE, 'lease "odd" can\'t be read (spec: it is odd)'),
    }
    async with controller.calling("Client", "ci", token) as (service, _):
        for name, (code, words) in expected.items():
            async with refused(code, words):
                await service.Dial(controller_pb2.DialRequest(lease_name=name), timeout=SOON)


async def test_the_first_api_leases_and_releases(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (service, _):
        request = controller_pb2.RequestLeaseRequest(duration=minutes(5))
        request.selector.match_labels["board"] = "x"
        name = (await service.RequestLease(request, timeout=SOON)).name
        assert list((await service.ListLeases(controller_pb2.ListLeasesRequest(), timeout=SOON)).names) == [name]
        await service.ReleaseLease(controller_pb2.ReleaseLeaseRequest(name=name), timeout=SOON)
    lease = controller.lab.leases_[Name(NAMESPACE, name)]
    assert lease.spec.release
    assert lease.spec.selector is not None
    assert lease.spec.selector.match_labels == {"board": "x"}


async def test_updating_changes_what_the_mask_names(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_client("heir")
    spec = {"clientRef": {"name": "ci"}, "duration": "10m", "endTime": "2030-01-01T00:00:00Z"}
    controller.lab.add_lease("demo", spec, {})
    wanted = pb.Lease(name=lease_name("demo"), duration=minutes(20), client=f"{PARENT}/clients/heir")
    async with controller.calling("Client", "ci", token) as (_, client):
        mask = FieldMask(paths=["duration", "end_time"])
        lease = await client.UpdateLease(pb.UpdateLeaseRequest(lease=wanted, update_mask=mask), timeout=SOON)
        assert lease.duration.ToTimedelta() == timedelta(minutes=20)
        assert not lease.HasField("end_time")
        assert lease.client == f"{PARENT}/clients/ci"
        mask = FieldMask(paths=["tags"])
        async with refused(StatusCode.INVALID_ARGUMENT, '"tags"', "duration"):
            await client.UpdateLease(pb.UpdateLeaseRequest(lease=wanted, update_mask=mask), timeout=SOON)
        mask = FieldMask(paths=["client"])
        async with refused(StatusCode.PERMISSION_DENIED, '"heir"'):  # not accepted yet: a lease in another's name
            await client.UpdateLease(pb.UpdateLeaseRequest(lease=wanted, update_mask=mask), timeout=SOON)
        controller.lab.add_lease("demo", spec, {"accepted": spec})
        await client.UpdateLease(pb.UpdateLeaseRequest(lease=wanted, update_mask=mask), timeout=SOON)
        handed_over = controller.lab.lease(Name(NAMESPACE, "demo"))
        assert handed_over is not None
        assert handed_over.spec.client_ref.name == "heir"


async def test_a_lease_can_not_be_handed_to_nobody(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_lease("demo", {"clientRef": {"name": "ci"}}, {})
    wanted = pb.Lease(name=lease_name("demo"), client=f"{PARENT}/clients/nobody")
    request = pb.UpdateLeaseRequest(lease=wanted, update_mask=FieldMask(paths=["client"]))
    async with (
        controller.calling("Client", "ci", token) as (_, client),
        refused(StatusCode.INVALID_ARGUMENT, 'no client "nobody"'),
    ):
        await client.UpdateLease(request, timeout=SOON)


async def test_watching_tells_each_change_and_the_deletion(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    name = Name(NAMESPACE, "demo")
    lease = controller.lab.add_lease("demo", {"clientRef": {"name": "ci"}}, {})
    async with controller.calling("Client", "ci", token) as (_, client):
        call = client.WatchLease(pb.GetLeaseRequest(name=lease_name("demo")), timeout=240)
        assert not (await asyncio.wait_for(call.read(), SOON)).ended
        status = lease.status.model_copy(update={"ended": True, "end_time": datetime(2030, 1, 1, tzinfo=UTC)})
        await controller.lab.put_lease(lease.model_copy(update={"status": status}), name)
        told = await asyncio.wait_for(call.read(), SOON)
        assert told.ended
        assert told.effective_end_time.ToDatetime(UTC) == datetime(2030, 1, 1, tzinfo=UTC)
        await controller.lab.put_lease(None, name)
        async with refused(StatusCode.NOT_FOUND, "has been deleted"):
            await asyncio.wait_for(call.read(), SOON)


async def test_lists_come_in_pages_that_hold_all_once(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    for number in range(5):
        controller.lab.add_exporter(f"bench-{number}", labels={"board": "x" if number else "y"})
    names, page_token = [], ""
    async with controller.calling("Client", "ci", token) as (_, client):
        while True:
            request = pb.ListExportersRequest(parent=PARENT, page_size=2, page_token=page_token, filter="board=x")
            page = await client.ListExporters(request, timeout=SOON)
            names += [each.name.rpartition("/")[2] for each in page.exporters]
            page_token = page.next_page_token
            if not page_token:
                break
        async with refused(StatusCode.INVALID_ARGUMENT, "not a page token"):
            await client.ListExporters(pb.ListExportersRequest(parent=PARENT, page_token="%"), timeout=SOON)
    assert names == ["bench-1", "bench-2", "bench-3", "bench-4"]


async def test_ended_leases_are_listed_when_asked_for(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_lease("old", {"clientRef": {"name": "ci"}, "tags": {"job": "7"}}, {"ended": True})
    controller.lab.add_lease("new", {"clientRef": {"name": "boss"}, "tags": {"job": "8"}}, {})

    async def listed(**options: Any) -> list[str]:
        answer = await client.ListLeases(pb.ListLeasesRequest(parent=PARENT, **options), timeout=SOON)
        return [each.name.rpartition("/")[2] for each in answer.leases]

    async with controller.calling("Client", "ci", token) as (_, client):
        assert await listed() == ["new"]
        assert await listed(only_active=False) == ["new", "old"]
        assert await listed(only_active=False, tag_filter="job=7") == ["old"]


async def test_large_leases_are_listed_page_by_page(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    for number in range(30):
        spec = {"clientRef": {"name": "ci"}, "selector": {"matchLabels": {"board": "x"}}, "tags": {"x" * 1_000_000: ""}}
        controller.lab.add_lease(f"lease-{number:02}", spec, {})
    names: list[str] = []
    request = pb.ListLeasesRequest(parent=PARENT)
    async with controller.calling("Client", "ci", token) as (_, client):
        while not names or request.page_token:
            answer = await client.ListLeases(request, timeout=SOON)
            names += [lease.name for lease in answer.leases]
            request.page_token = answer.next_page_token
    assert names == [lease_name(f"lease-{number:02}") for number in range(30)]


async def test_a_selector_without_end_is_refused_in_a_sentence(controller: Controller) -> None:
    token, many = controller.lab.add_client("ci"), "," * 150_000
    requests = [
        ("ListExporters", pb.ListExportersRequest(parent=PARENT, filter=many)),
        ("ListQueue", pb.ListQueueRequest(parent=PARENT, filter=many)),
        ("ListLeases", pb.ListLeasesRequest(parent=PARENT, filter=many)),
        ("ListLeases", pb.ListLeasesRequest(parent=PARENT, tag_filter=many)),
        ("CreateLease", pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(selector=many))),
        ("CreateLease", pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(members=[pb.LeaseMember(selector=many)]))),
    ]
    async with controller.calling("Client", "ci", token) as (_, client):
        for method, request in requests:
            async with refused(StatusCode.INVALID_ARGUMENT, "the selector has 150000 characters, the limit is 8192"):
                await getattr(client, method)(request, timeout=SOON)
    assert controller.lab.leases_ == {}


async def test_a_lease_has_so_many_members(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    members = [pb.LeaseMember(name=f"m{number}", selector="board=x") for number in range(33)]
    async with controller.calling("Client", "ci", token) as (_, client):
        request = pb.CreateLeaseRequest(parent=PARENT, lease=pb.Lease(members=members))
        async with refused(StatusCode.INVALID_ARGUMENT, "the lease has 33 members, the limit is 32; ask for fewer"):
            await client.CreateLease(request, timeout=SOON)


async def test_a_field_that_is_named_again_and_again_is_changed_once(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_ready_lease("demo", "ci", "bench")
    lease = pb.Lease(name=lease_name("demo"), duration=minutes(5))
    mask = FieldMask(paths=["duration"] * 20_000)
    async with controller.calling("Client", "ci", token) as (_, client):
        changed = await client.UpdateLease(pb.UpdateLeaseRequest(lease=lease, update_mask=mask), timeout=SOON)
    assert changed.duration.ToTimedelta() == timedelta(minutes=5)


async def test_one_exporter_is_told_with_the_drivers_that_it_registered_to_clients_of_its_namespace(
    controller: Controller,
) -> None:
    controller.lab.add_exporter("bench")
    controller.lab.exporters_[Name(NAMESPACE, "bench")].status.devices[:] = [
        Device(uuid="u1"),
        Device(
            uuid="u2",
            parent_uuid="u1",
            labels={"jumpstarter.dev/name": "power"},
            interfaces=[Interface(name="acme.Power", version="2"), Interface(name="acme.Odd", version="two")],
        ),
    ]
    client = controller.lab.add_client("ci")
    stranger = controller.lab.add_client("ci", namespace="elsewhere")
    request = pb.GetExporterRequest(name=f"{PARENT}/exporters/bench")
    async with controller.calling("Client", "ci", client) as (_, service):
        root, power = (await service.GetExporter(request, timeout=SOON)).drivers
        listed = await service.ListExporters(pb.ListExportersRequest(parent=PARENT), timeout=SOON)
    assert (root.uuid, root.HasField("parent_uuid")) == ("u1", False)
    assert (power.uuid, power.parent_uuid, power.labels) == ("u2", "u1", {"jumpstarter.dev/name": "power"})
    assert [(each.name, each.version) for each in power.interfaces] == [("acme.Power", 2), ("acme.Odd", 0)]
    assert [len(each.drivers) for each in listed.exporters] == [0]
    async with (
        controller.calling("Client", "ci", stranger, namespace="elsewhere") as (_, service),
        refused(StatusCode.PERMISSION_DENIED, "may not use"),
    ):
        await service.GetExporter(request, timeout=SOON)


async def test_a_client_may_read_the_histories_of_its_namespace_the_newest_first(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    exporter_token = controller.lab.add_exporter("bench")
    name = Name(NAMESPACE, "bench")
    bench = controller.lab.exporters_[name]
    began, ended = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    history = [
        HistoryEntry(lease="old", uid="1", client="ann", began=began, ended=ended, reason="Expired"),
        HistoryEntry(lease="new", ended=ended, reason="ExporterFailed"),
    ]
    controller.lab.exporters_[name] = bench.model_copy(
        update={"status": bench.status.model_copy(update={"history": history})}
    )
    asked = pb.GetExporterRequest(name=f"{PARENT}/exporters/bench")
    async with controller.calling("Client", "ci", token) as (_, client):
        new, old = (await client.GetHistory(asked, timeout=SOON)).leases
        assert (old.lease, old.uid, old.client, old.reason) == ("old", "1", "ann", "Expired")
        assert (old.began.ToDatetime(UTC), old.ended.ToDatetime(UTC)) == (began, ended)
        assert (new.lease, new.HasField("began"), new.reason) == ("new", False, "ExporterFailed")
        async with refused(StatusCode.NOT_FOUND, 'there is no exporter "nowhere"'):
            await client.GetHistory(pb.GetExporterRequest(name=f"{PARENT}/exporters/nowhere"), timeout=SOON)
        async with refused(StatusCode.PERMISSION_DENIED, "may not use"):
            await client.GetHistory(pb.GetExporterRequest(name="namespaces/other/exporters/bench"), timeout=SOON)
    async with (
        controller.calling("Exporter", "bench", exporter_token) as (_, other),
        refused(StatusCode.PERMISSION_DENIED, "only clients may call this"),
    ):
        await other.GetHistory(asked, timeout=SOON)
