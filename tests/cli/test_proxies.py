"""Proxies that the environment names: nothing on this machine goes through one, and one that can't be used is named."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.user import Outcome, User
from tests.kube.kubectl import Kubectl
from tests.lab.homes import OneMachine

OneSentence = Callable[[Outcome, int], str]
NAMES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
USELESS = {
    "nobody there": "http://127.0.0.1:9",
    "socks": "socks5://127.0.0.1:9",
    "socks by name": "socks5h://proxy.example.com:1080",
    "no address": "nonsense",
    "no text": "::::",
}


@pytest.fixture(scope="module", params=USELESS.values(), ids=USELESS.keys())
def proxied(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of everything that the test starts."""
    return dict.fromkeys(NAMES, request.param)


@pytest.fixture(scope="module")
def home(proxied: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    home = OneMachine(tmp_path_factory.mktemp("lab"))
    with pytest.MonkeyPatch.context() as patch:
        for name, url in proxied.items():
            patch.setenv(name, url)
        home.start()
    yield home
    home.close()


@pytest.mark.needs("kubectl")
async def test_a_lab_on_one_machine_starts_and_is_used_whatever_proxies_are_named(
    home: OneMachine, proxied: dict[str, str], stranger: User, tmp_path: Path
) -> None:
    stranger.more |= {"KUBECONFIG": str(home.kubeconfig), **proxied}
    created = await stranger.run("jumplab", "create", "client", "me", "--save")
    assert created.status == 0, created.err
    listed = await stranger.run("jumplab", "get", "exporters")
    assert listed.status == 0, listed.err
    kubectl = Kubectl(home.kubeconfig, tmp_path, more=proxied)
    assert await asyncio.to_thread(kubectl.ok, "get", "clients", "-o", "name") == "client.jumpstarter.dev/me\n"


def _address_in_the_network() -> str:
    """An address of this machine that is no loopback; empty where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


@pytest.mark.skipif(not _address_in_the_network(), reason="this machine is in no network")
def test_a_control_plane_reaches_its_own_api_without_a_proxy_at_any_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    home = OneMachine(tmp_path)
    home.process.command += ["--host", _address_in_the_network()]
    home.start()
    home.close()


@dataclass
class Turnstile:
    """A proxy that turns everybody away."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def turnstile() -> AsyncIterator[Turnstile]:
    turnstile = Turnstile()
    async with _serving(turnstile):
        yield turnstile


@asynccontextmanager
async def _serving(turnstile: Turnstile) -> AsyncIterator[None]:
    server = await asyncio.start_server(turnstile.serve, "127.0.0.1", 0)
    turnstile.port = server.sockets[0].getsockname()[1]
    async with server:
        yield


WHOLE = {"JMP_TOKEN": "t", "JMP_NAMESPACE": "lab", "JMP_NAME": "ci"}


@pytest.mark.parametrize("variable", ["https_proxy", "grpc_proxy", "http_proxy"])
async def test_a_proxy_that_is_in_the_way_is_named(
    stranger: User, turnstile: Turnstile, one_sentence: OneSentence, variable: str
) -> None:
    url = f"http://127.0.0.1:{turnstile.port}"
    stranger.more |= {**WHOLE, "JMP_ENDPOINT": "lab.example.com:7444", variable: url}
    sentence = one_sentence(await stranger.run("jumplab", "get", "leases"), 1)
    assert f"lab.example.com:7444 can't be reached through the proxy {url} that {variable} names" in sentence
    assert "no_proxy=lab.example.com" in sentence
    assert turnstile.asked[0].startswith("CONNECT lab.example.com:7444")


@pytest.mark.parametrize("url", USELESS.values(), ids=USELESS.keys())
async def test_a_proxy_that_can_not_be_used_is_named(stranger: User, one_sentence: OneSentence, url: str) -> None:
    stranger.more |= {**WHOLE, "JMP_ENDPOINT": "lab.invalid:7444", "https_proxy": url}
    sentence = one_sentence(await stranger.run("jumplab", "get", "leases"), 1)
    assert f"lab.invalid:7444 can't be reached through the proxy {url} that https_proxy names" in sentence


async def test_an_exception_from_the_proxy_holds(
    stranger: User, turnstile: Turnstile, one_sentence: OneSentence
) -> None:
    stranger.more |= {**WHOLE, "JMP_ENDPOINT": "lab.invalid:7444", "no_proxy": "other.example.com,.invalid"}
    stranger.more |= {"https_proxy": f"http://127.0.0.1:{turnstile.port}"}
    sentence = one_sentence(await stranger.run("jumplab", "get", "leases"), 1)
    assert "the host of lab.invalid:7444 is not known" in sentence
    assert turnstile.asked == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1"])
async def test_this_machine_is_never_reached_through_a_proxy(
    stranger: User, turnstile: Turnstile, one_sentence: OneSentence, address: str
) -> None:
    stranger.more |= {**WHOLE, "JMP_ENDPOINT": address, "https_proxy": f"http://127.0.0.1:{turnstile.port}"}
    assert f"nothing answers at {address}" in one_sentence(await stranger.run("jumplab", "get", "leases"), 1)
    assert turnstile.asked == []


KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://cluster.example.com:6443"}}]
users: [{name: a, user: {token: t}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
current-context: a
"""


async def test_administrators_hear_of_a_proxy_that_can_not_be_used(
    stranger: User, one_sentence: OneSentence, tmp_path: Path
) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    stranger.more |= {"KUBECONFIG": str(tmp_path / "kubeconfig"), "https_proxy": "socks5://127.0.0.1:9"}
    sentence = one_sentence(await stranger.run("jumplab", "create", "client", "me"), 2)
    assert "the proxy socks5://127.0.0.1:9 for https://cluster.example.com:6443 can't be used" in sentence


async def test_the_operator_names_a_proxy_that_can_not_be_used(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(KUBECONFIG)
    user = User(tmp_path)
    user.more |= {"https_proxy": "socks5://127.0.0.1:9"}
    outcome = await user.run("jumplab-operator", "run", "--endpoint", "lab:7444", "--kubeconfig", str(file))
    assert outcome.status == 2, outcome
    assert "https_proxy names socks5://127.0.0.1:9, which is no HTTP proxy" in outcome.err
    assert "Traceback" not in outcome.err


async def test_a_kubeconfig_with_a_key_twice_is_refused(
    stranger: User, one_sentence: OneSentence, tmp_path: Path
) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG + "current-context: b\n")
    stranger.more["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    sentence = one_sentence(await stranger.run("jumplab", "create", "client", "me"), 2)
    assert "current-context is written twice, in lines 6 and 7" in sentence
