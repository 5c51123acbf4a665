"""power/http, and how each HTTP relay fails: what a device may do wrong is a sentence, and never a second switching."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from jumplab.driver import Driver, errors
from jumplab.testing import serve
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.power.http import HttpPower
from jumplab_exporter.testing import ShellyGen2
from jumplab_exporter.testing.http_simulator import DigestGuard, has_basic
from tests.drivers.http_servers import Scripted, answering, raw_server, self_signed

WORD = "hunter2+do&not=show"
HTML = "<!DOCTYPE html><html><body>Welcome to the router</body></html>"

TYPES = ["power/shelly", "power/tasmota", "power/http"]
each_type = pytest.mark.parametrize("kind", TYPES)


@pytest.fixture
def secret(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "password"
    file.write_text(WORD)
    return {"from": "file", "path": str(file)}


def refusal(call: Callable[[], Any], said: str, kind: type[OSError] = OSError) -> str:
    """The sentence in which a call is refused."""
    with pytest.raises(kind, match=said) as refused:
        call()
    return str(refused.value)


def plain(url: str, **settings: Any) -> HttpPower:
    return HttpPower(on_request=f"{url}/on?key=quiet", off_request=f"{url}/off", **settings)


def of_type(kind: str, url: str, **settings: Any) -> Driver:
    if kind != "power/http":
        return driver_class(kind)(url=url, **settings)
    if "password" in settings:
        settings = {"authentication": "basic", "user": "admin", **settings}
    return plain(url, state_request={"url": f"{url}/state", "json_path": "on"}, **settings)


def with_state(url: str, **state: Any) -> HttpPower:
    settings = {name: state.pop(name) for name in ("authentication", "token") if name in state}
    return plain(url, state_request={"url": f"{url}/state", **state}, **settings)


def test_requests_are_sent_as_they_are_written(secret: dict[str, str]) -> None:
    with answering("fine") as server:
        on = {"url": f"{server.url}/outlet/3", "method": "PUT", "body": '{"on": true}'}
        on["headers"] = {"Content-Type": "application/json", "X-Api-Key": secret}  # type: ignore[assignment]
        with serve(power=HttpPower(on_request=on, off_request=f"{server.url}/off%20now?x=a+b")) as board:
            assert board.power.is_on() is False
            board.power.on()
            assert board.power.is_on() is True
            board.power.off()
            assert board.power.is_on() is False
    (method, path, body, headers), (off_method, off_path, _, _) = server.seen
    assert (method, path, body) == ("PUT", "/outlet/3", '{"on": true}')
    assert (headers["Content-Type"], headers["X-Api-Key"]) == ("application/json", WORD)
    assert (off_method, off_path) == ("GET", "/off%20now?x=a+b")


@pytest.mark.parametrize(
    ("text", "state", "is_on"),
    [
        ('{"relays": [{"ison": true}]}', {"json_path": "relays.0.ison"}, True),
        ('{"relays": [{"ison": false}]}', {"json_path": "relays.0.ison"}, False),
        ('{"s": "OFF"}', {"json_path": "s"}, False),
        ("[0, 1]", {"json_path": "1"}, True),
        ('{"s": "closed"}', {"json_path": "s", "on_pattern": "closed", "off_pattern": "open"}, True),
        ("outlet 3 is ON", {"on_pattern": r"3 is ON", "off_pattern": r"3 is OFF"}, True),
        ("outlet 3 is OFF", {"on_pattern": r"3 is ON", "off_pattern": r"3 is OFF"}, False),
    ],
)
def test_the_state_is_found_in_the_answer(text: str, state: dict[str, str], is_on: bool) -> None:
    with answering(text) as server, serve(power=with_state(server.url, **state)) as board:
        assert board.power.is_on() is is_on


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [
        ('{"relays": []}', {"json_path": "relays.0.ison"}, "which has nothing at `json_path` relays.0.ison"),
        ('{"s": "half"}', {"json_path": "s"}, "answers half, and neither of `on_pattern` and `off_pattern` fit"),
        (HTML, {"json_path": "s"}, r"answers a web page \(HTML\) where JSON is expected"),
        ("", {"json_path": "s"}, "answers nothing where JSON is expected"),
        ("on and off", {"on_pattern": "on", "off_pattern": "off"}, "both of `on_pattern` and `off_pattern` fit"),
    ],
)
def test_an_answer_without_the_state_is_told(text: str, state: dict[str, str], said: str) -> None:
    with answering(text) as server, serve(power=with_state(server.url, **state)) as board:
        refusal(board.power.is_on, said)


def test_credentials_are_basic_digest_or_a_token(secret: dict[str, str]) -> None:
    guard = DigestGuard("lab", WORD, "relays")
    admits = {
        "/basic": lambda request: has_basic(request, "lab", WORD),
        "/bearer": lambda request: request.headers.get("Authorization") == f"Bearer {WORD}",
        "/digest": guard.admits,
    }

    async def handler(request: web.Request) -> web.Response:
        path = request.path.removesuffix("/on")
        if admits[path](request):
            return web.Response(text="fine")
        return guard.challenge() if path == "/digest" else web.Response(status=401)

    with Scripted(handler) as server:
        for scheme in ("basic", "digest"):
            url = f"{server.url}/{scheme}"
            with serve(power=plain(url, authentication=scheme, user="lab", password=secret)) as board:
                board.power.on()
            with serve(power=plain(url, authentication=scheme, user="else", password=secret)) as board:
                refusal(board.power.on, 'refuses the password of the user "else"; correct it')
        with serve(power=plain(f"{server.url}/bearer", authentication="bearer", token=secret)) as board:
            board.power.on()
        with serve(power=plain(f"{server.url}/digest", authentication="basic", user="lab", password=secret)) as board:
            refusal(board.power.on, "wants digest authentication in place of basic")


@each_type
def test_a_web_page_is_no_answer(kind: str) -> None:
    with answering(HTML, Content_Type="text/html") as server, serve(power=of_type(kind, server.url)) as board:
        refusal(board.power.is_on, r"answers a web page \(HTML\) where JSON is expected")


@each_type
@pytest.mark.parametrize(
    "target", ["http://192.0.2.1/on", "https://127.0.0.1/", "/login", "http://[", "//192.0.2.1:99999"]
)
def test_a_redirection_is_refused_and_gets_no_credentials(kind: str, target: str, secret: dict[str, str]) -> None:
    redirecting = answering("", status=302, Location=target)
    with redirecting as server, serve(power=of_type(kind, server.url, password=secret)) as board:
        for method in (board.power.on, board.power.is_on):
            refusal(method, r"redirects to .*, which is not followed")


def test_a_redirection_takes_no_secret_to_another_server(secret: dict[str, str]) -> None:
    with answering("{}") as other, answering("", status=307, Location=f"{other.url}/on?stolen=yes") as server:
        with serve(power=of_type("power/http", server.url, password=secret)) as board:
            refused = refusal(board.power.on, f"redirects to {other.url}, which is not followed")
        assert "stolen" not in refused
        assert other.seen == []


@each_type
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_failure_s_status_is_told(kind: str, status: int) -> None:
    with answering("out of order", status=status) as server, serve(power=of_type(kind, server.url)) as board:
        refusal(board.power.on, f'answers with status {status}: "out of order"')


@each_type
def test_a_device_that_never_answers_is_given_up(kind: str) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    with raw_server(silent) as (url, _), serve(power=of_type(kind, url, timeout="300ms")) as board:
        refusal(board.power.on, f"{url} did not answer within 0.3 s$", TimeoutError)


@each_type
def test_a_device_that_answers_byte_by_byte_without_end_is_given_up(kind: str) -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    with raw_server(slow) as (url, _), serve(power=of_type(kind, url, timeout="300ms")) as board:
        refusal(board.power.on, r"did not answer within 0.3 s$", TimeoutError)


def test_an_endless_answer_is_cut() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    with raw_server(endless) as (url, _), serve(power=plain(url, timeout="60s")) as board:
        refusal(board.power.on, "answers more than 1 MiB")


def test_a_second_answer_does_not_count_as_the_next_one() -> None:
    first = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"on": true}'
    second = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"on": false}'

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first + second)
        await writer.drain()
        await reader.read()

    with raw_server(twice) as (url, _), serve(power=with_state(url, json_path="on")) as board:
        assert [board.power.is_on() for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer as HTTP prescribes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "broke off in its answer"),
    ],
)
@each_type
def test_no_proper_answer_is_told(kind: str, said: bytes, sentence: str) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    with raw_server(play) as (url, _), serve(power=of_type(kind, url, timeout="60s")) as board:
        refusal(board.power.on, sentence)


def test_a_switching_that_may_have_happened_is_not_repeated_where_nobody_knows_what_that_does() -> None:
    async def play(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    with raw_server(play) as (url, connections):
        with serve(power=plain(url, timeout="60s")) as board, pytest.raises(ConnectionError):
            board.power.on()
        assert len(connections) == 1


@pytest.mark.parametrize("kind", ["power/shelly", "power/tasmota"])
def test_a_lost_request_is_repeated_where_that_is_safe(kind: str) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if len(connections) % 2 == 0:
            body = {b"shelly": b'{"type": "SHSW-1"}', b"relay/0": b'{"ison": true}', b"cm": b'{"POWER": "ON"}'}
            text = next(value for key, value in body.items() if b" /" + key in request)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            await writer.drain()

    with raw_server(play) as (url, connections), serve(power=of_type(kind, url, timeout="60s")) as board:
        board.power.on()
        assert len(connections) == (4 if kind == "power/shelly" else 2)


@each_type
def test_an_address_where_nothing_is_is_told(kind: str) -> None:
    with answering("") as server:
        url = server.url
    with serve(power=of_type(kind, url, timeout="60s")) as board:
        refusal(board.power.on, f"{url} can't be reached: Connection refused", ConnectionError)
    with (
        serve(power=of_type(kind, "http://relay.invalid", timeout="60s")) as board,
        pytest.raises(ConnectionError, match="http://relay.invalid can't be reached: there is no host of this name"),
    ):
        board.power.on()


def test_an_unknown_certificate_is_refused_until_it_is_named(tmp_path: Path) -> None:
    context, file = self_signed(tmp_path)
    with ShellyGen2(tls=context) as device:
        with (
            serve(power=of_type("power/shelly", device.url, timeout="60s")) as board,
            pytest.raises(ConnectionError, match=r"has a certificate that is not trusted: .*name that as `ca_file`"),
        ):
            board.power.on()
        assert device.requests == []
        with serve(power=of_type("power/shelly", device.url, timeout="60s", ca_file=str(file))) as board:
            board.power.on()
            assert device.relays == [True]


def test_http_where_https_is_written_is_told() -> None:
    with answering("{}") as server:
        url = server.url.replace("http:", "https:")
        with serve(power=of_type("power/shelly", url, timeout="60s")) as board:
            refusal(board.power.on, "does not speak TLS as asked; is it http://", ConnectionError)


URL_ = {"on_request": "http://10.0.0.7/on", "off_request": "http://10.0.0.7/off"}


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("power/shelly", {}, "url: is missing"),
        ("power/shelly", {"url": "10.0.0.7"}, r"url: must be a URL that begins with http:// or https://"),
        ("power/shelly", {"url": "ftp://10.0.0.7"}, r"url: must be a URL that begins with http:// or https://"),
        ("power/shelly", {"url": "http://10.0.0.7:99999"}, "url: must be a URL"),
        ("power/shelly", {"url": "http://10.0.0.7/relay/0?turn=on"}, "url: must be the address of the device alone"),
        ("power/shelly", {"url": f"http://admin:{WORD}@10.0.0.7"}, "url: must have no user and no password in it"),
        ("power/tasmota", {"url": f"http://admin:{WORD}@[::1"}, "url: must have no user and no password in it"),
        ("power/shelly", {"url": "http://10.0.0.7", "relay": -1}, "relay: must be at least 0"),
        ("power/tasmota", {"url": "http://10.0.0.7", "relay": 0}, "relay: must be at least 1"),
        ("power/shelly", {"url": "http://10.0.0.7", "password": WORD}, "password: must say where the secret is"),
        ("power/shelly", {"url": "http://10.0.0.7", "timeout": "0s"}, "timeout: must be greater than"),
        ("power/shelly", {"url": "https://10.0.0.7", "ca_file": "/nowhere.pem"}, "ca_file: /nowhere.pem can't be used"),
        ("power/http", URL_ | {"on_request": f"http://a:{WORD}@b/"}, r"on_request: must have no user"),
        ("power/http", URL_ | {"on_request": {"url": "http://b/", "method": "DELETE"}}, "on_request.method: must be"),
        (
            "power/http",
            URL_ | {"state_request": {"url": "http://b/"}},
            "must have `json_path`, or both `on_pattern` and",
        ),
        (
            "power/http",
            URL_ | {"state_request": {"url": "http://b/", "on_pattern": "(", "off_pattern": "x"}},
            "state_request.on_pattern: must be a regular",
        ),
        ("power/http", URL_ | {"user": "a"}, "user, password: need `authentication`: basic or digest"),
        ("power/http", URL_ | {"authentication": "bearer"}, "bearer needs `token`"),
        ("power/http", URL_ | {"authentication": "digest", "user": "a"}, "digest needs `user` and `password`"),
        ("power/http", URL_ | {"authentication": "ntlm"}, "authentication: must be"),
        ("power/http", URL_ | {"on_request": {"url": "http://b/", "headers": {"A": "b\r\nC: d"}}}, r"headers\.A"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(kind: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=re.compile(said)) as refused:
        driver_class(kind)(**settings)
    assert WORD not in str(refused.value)


def test_queries_and_passwords_are_in_no_message_and_no_log(
    secret: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), answering("no", status=500) as server:
        with serve(power=of_type("power/http", server.url, password=secret)) as board:
            failed = refusal(board.power.on, "status 500")
        with serve(power=of_type("power/tasmota", server.url, password=secret)) as board:
            refusal(board.power.on, "status 500")
    assert "quiet" not in failed
    assert "quiet" not in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("status", [200, 500])
def test_a_device_that_answers_what_it_was_sent_reveals_nothing(status: int, secret: dict[str, str]) -> None:
    async def echo(request: web.Request) -> web.Response:
        headers = [value for name, value in request.headers.items() if name in ("Authorization", "X-Key")]
        return web.Response(status=status, text=" ".join([request.path_qs, *request.query.values(), *headers]))

    with Scripted(echo) as server:
        keyed = {"url": f"{server.url}/state", "json_path": "on", "headers": {"X-Key": secret}}
        drivers = {
            "basic": of_type("power/http", server.url, password=secret),
            "bearer": with_state(server.url, json_path="on", authentication="bearer", token=secret),
            "keyed": plain(server.url, state_request=keyed),
            "tasmota": of_type("power/tasmota", server.url, password=secret),
        }
        with serve(**drivers) as board:
            for name in drivers:
                said = refusal(getattr(board, name).is_on, "answers")
                assert not any(part in said for part in ("hunter2", "Omh1bnRlcj")), said


def test_only_a_state_request_is_a_health_check() -> None:
    assert not plain("http://10.0.0.7").has_check
    assert with_state("http://10.0.0.7", json_path="on").has_check
