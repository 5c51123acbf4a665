"""The HTTP doors: the standalone Kubernetes API, and the endpoints of an operator on a cluster for its probes."""

from __future__ import annotations

from pathlib import Path

from tests.doors import http_noise
from tests.doors.conftest import admin_token, api_port, operator_beside
from tests.doors.sent import TLS_NOISE, answer, check_log, cut_off, trusting
from tests.kube.processes import free_ports
from tests.lab.homes import OneMachine


def status_of(said: bytes) -> int:
    """The HTTP status of an answer; 0 where there is none."""
    words = said.split(b" ", 2)
    return int(words[1]) if said.startswith(b"HTTP/") else 0


async def test_no_bytes_at_the_kubernetes_api_make_a_traceback(machine: OneMachine) -> None:
    port, token, tls = api_port(machine), admin_token(machine), trusting()
    for noise in TLS_NOISE.values():
        await cut_off(port, [noise])
    cases = [(what, text, 400) for what, text in http_noise.BARE.items()]
    for what, text, status in [*cases, *http_noise.known(token)]:
        said = await answer(port, [text], tls)
        assert (what, status_of(said)) == (what, status), said
    whole = http_noise.request(f"{http_noise.LIST}?watch=1&timeoutSeconds=1&labelSelector=a", token, b"Accept: */*")
    in_chunks = http_noise.chunked(token, b"2\r\n{}\r\n0\r\n\r\n")
    for text in [*http_noise.changed(whole, 25, 1), *http_noise.changed(in_chunks, 25, 2)]:
        await cut_off(port, [text], tls)
    assert status_of(await answer(port, [http_noise.request(http_noise.LIST, token)], tls)) == 200
    machine.process.stop()
    check_log(machine.process.output())


async def test_no_bytes_at_the_probes_make_a_traceback(machine: OneMachine, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    operator = operator_beside(machine, tmp_path, "--health", f"127.0.0.1:{port}")
    operator.start()
    try:
        for what, text in http_noise.BARE.items():
            said = await answer(port, [text])
            assert (what, status_of(said)) == (what, 400), said
        for text in http_noise.changed(http_noise.request("GET /metrics", "nobody's"), 25, 3):
            await cut_off(port, [text])
        assert status_of(await answer(port, [http_noise.request("GET /livez", "nobody's")])) == 200
    finally:
        operator.stop()
    check_log(operator.output())
