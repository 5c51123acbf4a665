"""`jumplab.lease` and `jumplab.attach`, over TLS and the router, in plain code and with asyncio."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
import pytest

import jumplab
from jumplab.client.acquiring import AcquiredLease
from jumplab.client.config import ClientConfig, DriverSettings
from jumplab.client.controller import Controller, LeaseRequest
from jumplab.client.errors import ConfigurationError, LeaseEnded, LeaseNotOwn, LeaseNotReady
from jumplab.client.sessions import dial
from jumplab.client.views import LeaseView
from jumplab.driver import errors
from jumplab.drivers.power import AsyncPowerClient, PowerClient
from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.v1 import controller_pb2
from jumplab.transport import errors as transport_errors
from tests.client.authority import Authority
from tests.client.bench import Bench, Siren, Switch, bench_of
from tests.client.lab_double import (
    LabDouble,
    become_ended,
    become_given_back,
    become_pending,
    become_ready_elsewhere,
    config_for,
    resource,
)

AWAY_FOR_A_MOMENT = (grpc.StatusCode.UNAVAILABLE, "the controller is starting")


@pytest.fixture
def config(bench: Bench, authority: Authority) -> ClientConfig:
    return config_for(bench.port, authority)


async def test_a_leased_board_is_driven_and_given_back(bench: Bench, config: ClientConfig) -> None:
    async with jumplab.lease("board=x", duration="5m", name="demo", client=config) as board:
        assert isinstance(board.power, AsyncPowerClient)
        await board.power.on()
        assert await board.power.is_on()
        assert bench.lab.released == []
    assert bench.lab.released == ["demo"]
    assert bench.lab.leases["namespaces/lab/leases/demo"].duration.ToTimedelta() == timedelta(minutes=5)


async def test_a_lease_says_how_long_its_program_may_be_away_and_how_far_use_extends_it(
    bench: Bench, config: ClientConfig
) -> None:
    async with jumplab.lease("board=x", name="demo", max="2h", client=config):
        asked = bench.lab.leases[resource("demo")]
        assert asked.max_duration.ToTimedelta() == timedelta(hours=2)
        assert asked.release_after_detached.ToTimedelta() == timedelta(minutes=2)
    async with jumplab.lease("board=x", name="kept", keep_detached=True, client=config):
        asked = bench.lab.leases[resource("kept")]
        assert not asked.HasField("release_after_detached")
        assert not asked.HasField("max_duration")


async def test_a_lease_that_is_kept_outlives_its_context_and_errors_in_it(bench: Bench, config: ClientConfig) -> None:
    async def test() -> None:
        async with jumplab.lease("board=x", name="demo", tags={"ticket": "4711"}, client=config).keep() as board:
            await board.power.on()
            asked = bench.lab.leases[resource("demo")]
            assert not asked.HasField("release_after_detached")
            assert dict(asked.tags) == {"ticket": "4711"}
            raise RuntimeError("an error of the user's")

    with pytest.raises(RuntimeError, match="of the user's"):
        await test()
    assert bench.lab.released == []
    async with jumplab.attach("demo", client=config).keep() as board:
        assert await board.power.is_on()
    assert bench.lab.released == []


async def test_a_lease_that_can_t_be_had_is_not_kept(bench: Bench, config: ClientConfig) -> None:
    bench.lab.place = become_pending
    with pytest.raises(jumplab.LeaseNotReady):
        async with jumplab.lease("board=x", name="demo", wait_timeout="1s", client=config).keep():
            pass
    assert bench.lab.released == ["demo"]


async def test_a_lease_whose_session_was_lost_is_held_until_its_context_ends(
    bench: Bench, config: ClientConfig
) -> None:
    async with jumplab.lease("board=x", name="demo", client=config) as board:
        back = asyncio.Event()
        bench.host.usage.on_change = lambda attached, _in_use: back.set() if attached else None
        bench.host.dismiss("the exporter starts anew")
        with pytest.raises((errors.SessionEnded, errors.SessionLost)):  # the reason may be lost with the connection
            await board.power.on()
        await asyncio.wait_for(back.wait(), 60)
        assert bench.lab.released == []
    assert bench.lab.released == ["demo"]


async def test_a_log_line_names_the_driver_that_has_said_it(
    bench: Bench, config: ClientConfig, caplog: pytest.LogCaptureFixture
) -> None:
    async with jumplab.lease("board=x", client=config) as board:
        await board.power.on()
    said = [record.getMessage() for record in caplog.records if record.name == "jumplab.exporter"]
    assert "[power] switched on" in said


async def test_plain_code_drives_the_same_board(bench: Bench, config: ClientConfig) -> None:
    def test_script() -> str:
        with jumplab.lease("board=x", name="demo", client=config) as board:
            assert isinstance(board.power, PowerClient)
            board.power.cycle(off_seconds=0)
            assert board.power.is_on()
            said: str = board.console.expect("=> ")
            return said

    assert await asyncio.to_thread(test_script) == "=> "
    assert bench.lab.released == ["demo"]


async def test_a_failing_test_releases_its_board(bench: Bench, config: ClientConfig) -> None:
    with pytest.raises(ZeroDivisionError):
        async with jumplab.lease("board=x", name="demo", client=config):
            raise ZeroDivisionError
    assert bench.lab.released == ["demo"]


async def test_a_failing_plain_test_releases_its_board(bench: Bench, config: ClientConfig) -> None:
    def test_script() -> None:
        with jumplab.lease("board=x", name="demo", client=config):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(test_script)
    assert bench.lab.released == ["demo"]


async def test_an_existing_lease_is_attached_to_and_left_as_it_is(bench: Bench, config: ClientConfig) -> None:
    async with Controller.connected(config) as controller:
        await controller.create_lease(LeaseRequest("demo", timedelta(minutes=5), selector="board=x"))
    async with jumplab.attach("demo", client=config) as board:
        await board.power.on()
    async with jumplab.attach("demo", client=config) as board:
        assert await board.power.is_on()
    assert bench.lab.released == []


async def test_a_lease_that_has_ended_can_not_be_attached_to(bench: Bench, config: ClientConfig) -> None:
    bench.lab.place = become_ended
    async with Controller.connected(config) as controller:
        await controller.create_lease(LeaseRequest("demo", timedelta(minutes=5), selector="board=x"))
    with pytest.raises(LeaseEnded, match="expired"):
        async with jumplab.attach("demo", client=config):
            raise AssertionError("it must not be entered")


async def test_a_lease_of_another_client_is_refused_at_once_and_not_waited_for(
    bench: Bench, config: ClientConfig
) -> None:
    def become_ann_s(lease: client_pb2.Lease) -> None:
        become_pending(lease)
        lease.client = "namespaces/lab/clients/ann"

    bench.lab.place = become_ann_s
    async with Controller.connected(config) as controller:
        await controller.create_lease(LeaseRequest("demo", timedelta(minutes=5), selector="board=x"))
    with pytest.raises(LeaseNotOwn, match='lease "demo" belongs to client "ann", not to "ci"; create your own lease'):
        async with jumplab.attach("demo", client=config):
            raise AssertionError("it must not be entered")


async def test_a_dial_is_tried_again_while_the_controller_restarts(bench: Bench, config: ClientConfig) -> None:
    bench.lab.refuse["Dial"] = [(grpc.StatusCode.UNAVAILABLE, "starting")] * 2
    async with jumplab.lease("board=x", client=config) as board:
        await board.power.on()
    assert bench.lab.calls["Dial"] == 3


async def test_a_dial_that_is_refused_is_not_tried_again(bench: Bench, config: ClientConfig) -> None:
    bench.lab.refuse["Dial"] = [(grpc.StatusCode.PERMISSION_DENIED, 'lease "demo" is held by "ann"')]
    with pytest.raises(transport_errors.NotAllowed, match="ann"):
        async with jumplab.lease("board=x", client=config):
            raise AssertionError("it must not be entered")
    assert bench.lab.calls["Dial"] == 1
    assert len(bench.lab.released) == 1


@pytest.mark.parametrize("noticed", ["by the controller", "on the way"])
async def test_a_lease_that_is_placed_anew_before_it_was_used_is_waited_for(
    bench: Bench, config: ClientConfig, noticed: str
) -> None:
    """Its exporter dies between Ready and the first attach; who dials hears so, or finds nobody at the other end."""
    lab, told = bench.lab, list[str]()
    if noticed == "by the controller":
        lab.refuse["Dial"] = [(grpc.StatusCode.FAILED_PRECONDITION, 'lease "demo" is not ready yet')]
        lab.on_refusal = lambda: become_given_back(lab.leases[resource("demo")])
    else:
        lab.dial = _dead_end(bench, then=become_given_back)

    def tell(sentence: str) -> None:
        told.append(sentence)
        if "went offline" in sentence:
            tasks.create_task(lab.change("demo", become_ready_elsewhere), name="placed anew")

    async with (
        asyncio.TaskGroup() as tasks,
        jumplab.lease("board=x", name="demo", client=config, tell=tell) as board,
    ):
        await board.power.on()
    assert lab.calls["Dial"] == 2
    assert told == [
        'lease "demo": exporter "bench-1" went offline before the lease was used; the lease waits for another exporter',
        'lease "demo": exporter "bench-2" is ready',
    ]


async def test_an_exporter_that_does_not_answer_is_not_tried_for_ever(bench: Bench, config: ClientConfig) -> None:
    bench.lab.dial = _dead_end(bench, then=lambda lease: None)
    with pytest.raises(errors.SessionLost, match="could not attach"):
        async with jumplab.lease("board=x", client=config):
            raise AssertionError("it must not be entered")
    assert bench.lab.calls["Dial"] == 1


def _dead_end(bench: Bench, then: Callable[[client_pb2.Lease], None]) -> Any:
    """The first who dials finds nobody; what then becomes of the lease."""

    async def answer(lease: str) -> controller_pb2.DialResponse:
        bench.lab.dial = bench.dial
        then(bench.lab.leases[resource(lease)])
        return controller_pb2.DialResponse(router_endpoint=f"localhost:{bench.port}", router_token="of nobody")

    return answer


async def test_who_waits_for_the_new_place_waits_no_longer_than_the_user_said(
    bench: Bench, config: ClientConfig
) -> None:
    bench.lab.refuse["Dial"] = [(grpc.StatusCode.FAILED_PRECONDITION, 'lease "demo" is not ready yet')]

    async def wait() -> LeaseView:
        raise LeaseNotReady('lease "demo" was not ready within 5m')

    async with Controller.connected(config) as controller:
        lease = await controller.create_lease(LeaseRequest("demo", timedelta(minutes=5), selector="board=x"))
        with pytest.raises(LeaseNotReady, match="within 5m"):
            await dial(controller, AcquiredLease(lease, wait, lambda sentence: None))
    assert bench.lab.calls["Dial"] == 1


async def test_the_lease_s_end_is_a_clear_error_for_calls(bench: Bench, config: ClientConfig) -> None:
    async with jumplab.lease("board=x", client=config) as board:
        await bench.host.end('lease "demo" has expired')
        with pytest.raises(errors.SessionEnded, match="has expired"):
            await _call_until_it_fails(board)


async def _call_until_it_fails(board: Any) -> None:
    while True:
        await board.power.on()


async def test_a_client_class_that_is_not_allowed_is_named_with_the_setting(
    lab: LabDouble, authority: Authority
) -> None:
    async with bench_of(lab, authority, {"siren": Siren(), "power": Switch()}) as bench:
        config = config_for(bench.port, authority)
        with pytest.raises(errors.ClientNotAllowed, match=r"acme_evil\.Siren.*drivers\.allow"):
            async with jumplab.lease("board=x", name="demo", client=config):
                raise AssertionError("it must not be entered")
        assert lab.released == ["demo"]


async def test_a_client_class_that_is_missing_is_named(lab: LabDouble, authority: Authority) -> None:
    async with bench_of(lab, authority, {"siren": Siren()}) as bench:
        config = config_for(bench.port, authority).model_copy(update={"drivers": DriverSettings(unsafe=True)})
        with pytest.raises(errors.ClientMissing, match=r"acme_evil\.Siren.*install"):
            async with jumplab.lease("board=x", client=config):
                raise AssertionError("it must not be entered")


async def test_ctrl_c_while_waiting_releases_in_plain_code(bench: Bench, config: ClientConfig, tmp_path: Any) -> None:
    bench.lab.place = become_pending
    script = tmp_path / "script.py"
    script.write_text("import jumplab\nwith jumplab.lease('board=x', name='demo'):\n    pass\n")
    process = await _python(script, tmp_path, config)
    await bench.lab.watching.wait()
    bench.lab.refuse["DeleteLease"] = [AWAY_FOR_A_MOMENT] * 3
    process.send_signal(signal.SIGINT)
    await process.wait()
    assert bench.lab.released == ["demo"]


async def test_ctrl_c_in_a_plain_test_releases(bench: Bench, config: ClientConfig, tmp_path: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import jumplab, time\n"
        "with jumplab.lease('board=x', name='demo') as board:\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(3600)\n"
    )
    process = await _python(script, tmp_path, config)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    bench.lab.refuse["DeleteLease"] = [AWAY_FOR_A_MOMENT] * 3
    process.send_signal(signal.SIGINT)
    await process.wait()
    assert bench.lab.released == ["demo"]


async def _python(script: Any, tmp_path: Any, config: ClientConfig) -> asyncio.subprocess.Process:
    path = tmp_path / "client.yaml"
    path.write_text(config.to_yaml())
    return await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"JMP_CLIENT_CONFIG": str(path)},
    )


def test_a_wrong_duration_is_refused_before_anything_is_asked(authority: Authority) -> None:
    with pytest.raises(ConfigurationError, match='"soon" is not a duration'):
        jumplab.lease("board=x", duration="soon", client=config_for(1, authority))
