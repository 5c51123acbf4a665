"""Images that the exporter fetches, from a real server with faults."""
# ruff: noqa: ASYNC240 - looks at local files

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import lzma
import os
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import errors
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.storage import fetch
from jumplab_exporter.drivers.storage.addresses import refuse_address
from jumplab_exporter.drivers.storage.disk import FileDisk
from jumplab_exporter.drivers.storage.image_url import ImageUrl
from tests.drivers.disks import MIB, loop_device, sparse_image
from tests.drivers.http_servers import self_signed
from tests.drivers.image_server import ImageServer, for_ever, redirecting, serving

PASSWORD = "hunter2-is-nobodys-business"
TOKEN = "a-signature-of-a-signed-url"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PAUSES_SECONDS", (0.0,) * 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "disk.img"


def disk(path: Path, **settings: Any) -> FileDisk:
    """A disk of 4 MiB that fetches from 127.0.0.1 alone."""
    return FileDisk(path=path, size_mib=4, fetch_from=["127.0.0.1"], **settings)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def holds(path: Path, image: bytes) -> bool:
    return path.read_bytes()[: len(image)] == image


async def test_an_image_is_fetched_and_written(path: Path) -> None:
    image = os.urandom(3 * MIB)
    async with serving(ImageServer(image)) as server, serve_async(disk=disk(path)) as board:
        written = await board.disk.fetch(f"{server.url}/image", offset_bytes=512, sha256=sha256(image), verify=True)
    assert (written.size_bytes, written.sha256, written.format) == (3 * MIB, sha256(image), "raw")
    assert written.verified
    assert path.read_bytes()[512:][: len(image)] == image


def test_plain_code_fetches(path: Path) -> None:
    with serve(disk=disk(path)) as board, pytest.raises(errors.CallRefused, match="this is no URL that can be fetched"):
        board.disk.fetch("image.img")


@pytest.mark.parametrize("packing", ["gz", "xz", "xz+sparse"])
async def test_packed_images_are_unpacked_unless_told_otherwise(packing: str, path: Path) -> None:
    content = os.urandom(8192)
    raw = sparse_image((0xCAC1, 2, content)) if "sparse" in packing else content
    packed = gzip.compress(raw) if packing == "gz" else lzma.compress(raw)
    # Servers call a packed file an encoding of the unpacked one. It is fetched as it is.
    server = ImageServer(packed, headers={"Content-Encoding": "gzip"} if packing == "gz" else {})
    async with serving(server), serve_async(disk=disk(path)) as board:
        written = await board.disk.fetch(f"{server.url}/image", sha256=sha256(packed))
        assert (written.format, written.written_bytes, written.written_sha256) == (packing, 8192, sha256(content))
        assert holds(path, content)
        assert (await board.disk.fetch(f"{server.url}/image", unpack=False)).format == "raw"
        assert holds(path, packed)


async def test_a_wrong_checksum_is_a_failure_that_says_what_is_written(path: Path) -> None:
    async with serving(ImageServer(b"another image")) as server, serve_async(disk=disk(path)) as board:
        with pytest.raises(errors.CallBroken, match=r"has the SHA-256 \w{64}, and not 0{64}.*; 13 bytes were written"):
            await board.disk.fetch(f"{server.url}/image", sha256="0" * 64)
        for wrong in ("abc", "-" * 64, f"{'0' * 64}\n"):
            with pytest.raises(errors.CallRefused, match="sha256 is no SHA-256"):
                await board.disk.fetch(f"{server.url}/image", sha256=wrong)


async def test_an_image_that_is_too_large_leaves_the_disk_as_it_was(path: Path) -> None:
    async with serving(ImageServer(b"x" * (4 * MIB + 1))) as server, serve_async(disk=disk(path)) as board:
        for unpack in (True, False):
            with pytest.raises(errors.CallRefused, match="the disk has 4194304 bytes; 4194305 bytes do not fit"):
                await board.disk.fetch(f"{server.url}/image", unpack=unpack)
        assert path.read_bytes() == bytes(4 * MIB)
        server.announces = 0
        with pytest.raises(errors.CallRefused, match=r"do not fit; \d+ bytes were written"):
            await board.disk.fetch(f"{server.url}/image")


async def test_a_server_that_breaks_off_is_asked_for_the_rest(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = os.urandom(2 * MIB)
    server = ImageServer(gzip.compress(image), breaks=[1000, 0, 500_000])
    async with serving(server), serve_async(disk=disk(path)) as board:
        await board.disk.fetch(f"{server.url}/image", verify=True)
    assert holds(path, image)
    assert [request.headers.get("Range") for request in server.asked] == [
        None, "bytes=1000-", "bytes=1000-", "bytes=501000-"
    ]  # fmt: skip
    assert "/image broke off, after 501000 bytes; asking for the rest" in caplog.text


@pytest.mark.parametrize(
    "changes", [{"ranges": False}, {"headers": {}}, {"headers": {"ETag": 'W/"weak"'}}], ids=["no ranges", "no", "weak"]
)
async def test_without_ranges_or_a_proof_of_sameness_the_image_comes_once_more_and_is_compared(
    changes: dict[str, Any], path: Path
) -> None:
    image = os.urandom(2 * MIB)
    server = ImageServer(image, breaks=[MIB], **changes)
    async with serving(server), serve_async(disk=disk(path)) as board:
        assert (await board.disk.fetch(f"{server.url}/image")).sha256 == sha256(image)
    assert holds(path, image)
    assert len(server.asked) == 2


@pytest.mark.parametrize("size_bytes", [2 * MIB, 2 * MIB - 1, 1000], ids=["same size", "smaller", "much smaller"])
async def test_an_image_that_changed_meanwhile_is_never_mixed_with_the_other(size_bytes: int, path: Path) -> None:
    server = ImageServer(b"old" * MIB, breaks=[MIB], ranges=True)
    server.content = server.content[: 2 * MIB]
    answer = server.answer

    async def changing(request: Any) -> Any:
        response = await answer(request)
        server.content, server.headers = b"new" * MIB, {"ETag": '"two"'}
        server.content = server.content[:size_bytes]
        return response

    server.answer = changing  # type: ignore[method-assign] # this server's alone
    async with serving(server), serve_async(disk=disk(path)) as board:
        with pytest.raises(errors.CallRefused, match=r"changed while it was fetched.*; 1048576 bytes were written"):
            await board.disk.fetch(f"{server.url}/image")


async def test_a_server_that_never_goes_on_ends_the_write(path: Path) -> None:
    server = ImageServer(b"x" * MIB, announces=2 * MIB, ranges=False)
    async with serving(server), serve_async(disk=disk(path)) as board:
        sentence = "/image broke off, after 1048576 bytes; it was asked 5 times for the rest, which did not come;"
        with pytest.raises(errors.CallDisconnected, match=sentence):
            await board.disk.fetch(f"{server.url}/image", unpack=False)


async def test_a_server_that_says_nothing_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_SILENCE_SECONDS", 0.05)
    server = ImageServer(b"", answers={"/silent": for_ever})
    async with serving(server), serve_async(disk=disk(path)) as board:
        with pytest.raises(errors.CallDisconnected, match=r"/silent sent nothing for 0\.05 s"):
            await board.disk.fetch(f"{server.url}/silent")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "asks for a user and a password"),
        (403, "is refused to the exporter"),
        (404, "there is no image at"),
        (503, "answers with status 503"),
        (500, "answers with status 500"),
        (204, "answers with status 204 in place of an image"),
        (206, "answers with status 206 in place of an image"),
    ],
)
async def test_an_answer_that_is_no_image_is_a_sentence(status: int, sentence: str, path: Path) -> None:
    async def answer(_: Any) -> Any:
        from aiohttp import web

        return web.Response(status=status)

    server = ImageServer(b"", answers={"/there": answer})
    async with serving(server), serve_async(disk=disk(path)) as board:
        with pytest.raises((errors.CallBroken, errors.CallDisconnected), match=sentence):
            await board.disk.fetch(f"{server.url}/there")


async def test_redirections_are_followed_to_allowed_addresses_alone(path: Path) -> None:
    async with (
        serving(ImageServer(b"an image")) as target,
        serving(ImageServer(b"of another service"), host="127.0.0.2") as foreign,
        serve_async(disk=disk(path)) as board,
    ):
        target.answers = {
            "/moved": redirecting(f"{target.url}/image"),
            "/relative": redirecting("image", 307),
            "/foreign": redirecting(f"{foreign.url}/image"),
            "/metadata": redirecting("http://169.254.169.254/latest/meta-data"),
            "/loop": redirecting("/loop"),
            "/file": redirecting("file:///etc/passwd"),
            "/user": redirecting(f"http://me:{PASSWORD}@127.0.0.1:1/"),
        }
        for moved in ("moved", "relative"):
            assert (await board.disk.fetch(f"{target.url}/{moved}")).size_bytes == 8
        refusals = {
            "foreign": "127.0.0.2 has the address 127.0.0.2, the exporter's own host; the exporter fetches from there",
            "metadata": "169.254.169.254 has the address 169.254.169.254, which is a cloud's metadata service",
            "file": "/file redirects to what is no URL of http:// or https://",
            "user": "with a user and a password of its own, which is not followed",
        }
        for name, sentence in refusals.items():
            with pytest.raises(errors.CallRefused, match=sentence) as refused:
                await board.disk.fetch(f"{target.url}/{name}")
            assert PASSWORD not in str(refused.value)
        with pytest.raises(errors.CallBroken, match="redirects more than 10 times"):
            await board.disk.fetch(f"{target.url}/loop")
        assert not foreign.asked


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost", "2130706434", "0x7f.2", "[::ffff:127.0.0.2]"])
async def test_an_address_is_judged_however_it_is_written(host: str, path: Path) -> None:
    async with serving(ImageServer(b"secret"), host="127.0.0.2") as foreign:
        port = foreign.url.rpartition(":")[2]
        async with serve_async(disk=FileDisk(path=path)) as board:
            with pytest.raises((errors.CallRefused, errors.CallDisconnected)):
                await board.disk.fetch(f"http://{host}:{port}/image")
        assert not foreign.asked


async def test_a_name_whose_address_changes_is_judged_at_each_connection(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    addresses = ["127.0.0.1", "127.0.0.2"]
    honest = socket.getaddrinfo

    def rebinding(host: Any, *rest: Any, **named: Any) -> Any:
        return honest(addresses.pop(0) if host == "images.test" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    server = ImageServer(b"x" * MIB, breaks=[1000])
    async with serving(server), serve_async(disk=disk(path)) as board:
        port = server.url.rpartition(":")[2]
        with pytest.raises(errors.CallRefused, match=r"images\.test has the address 127\.0\.0\.2"):
            await board.disk.fetch(f"http://images.test:{port}/image")
    assert addresses == []


async def test_user_and_password_go_to_their_server_alone_and_are_shown_nowhere(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = ImageServer(b"an image", breaks=[3])
    async with serving(server), serve_async(disk=disk(path)) as board:
        server.answers["/elsewhere"] = redirecting(f"{server.url.replace('127.0.0.1', 'localhost')}/image")
        place = server.url.replace("http://", f"http://me:{PASSWORD}@")
        await board.disk.fetch(f"{place}/image?signature={TOKEN}")
        with pytest.raises(errors.CallRefused, match="would get the user and the password of the URL") as refused:
            await board.disk.fetch(f"{place}/elsewhere?signature={TOKEN}")
        with pytest.raises(errors.CallRefused) as unusable:
            await board.disk.fetch(f"ftp://me:{PASSWORD}@127.0.0.1/?signature={TOKEN}")
    assert server.asked[0].headers["Authorization"].startswith("Basic ")
    assert server.asked[0].query["signature"] == TOKEN
    for text in (caplog.text, str(refused.value), str(unusable.value)):
        assert PASSWORD not in text
        assert TOKEN not in text


async def test_https_is_verified(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = self_signed(tmp_path)
    async with serving(ImageServer(b"an image"), tls=context) as server, serve_async(disk=disk(path)) as board:
        with pytest.raises(errors.CallDisconnected, match="has a certificate that is not trusted: .*SSL_CERT_FILE"):
            await board.disk.fetch(f"{server.url}/image")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert (await board.disk.fetch(f"{server.url}/image")).size_bytes == 8
        server.answers["/plain"] = redirecting(server.url.replace("https", "http"))
        with pytest.raises(errors.CallRefused, match="from https:// to http://, which is not followed"):
            await board.disk.fetch(f"{server.url}/plain")


@pytest.mark.needs("loop")
async def test_a_device_is_written_and_held_alone_meanwhile(tmp_path: Path) -> None:
    with loop_device(tmp_path / "card") as device:
        storage = FileDisk(path=device, allow_loop=True, fetch_from=["127.0.0.0/8"])
        async with serving(ImageServer(b"an image" * 1000)) as server, serve_async(disk=storage) as board:
            assert (await board.disk.fetch(f"{server.url}/image", verify=True)).verified
    assert holds(tmp_path / "card", b"an image" * 1000)


@pytest.fixture
def failing_device(tmp_path: Path) -> Iterator[Path]:
    """A device of 32 MiB that takes 12 MiB and then fails, as one that is pulled out."""
    room = tmp_path / "room"
    room.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", room], check=True)
    try:
        (room / "card").touch()
        os.truncate(room / "card", 32 * MIB)
        made = subprocess.run(["losetup", "--find", "--show", room / "card"], check=True, capture_output=True)
        device = made.stdout.decode().strip()
        try:
            yield Path(device)
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
    finally:
        subprocess.run(["umount", "--lazy", room], check=True)


@pytest.mark.needs("loop")
@pytest.mark.needs("unshare")  # as root, which may mount
@pytest.mark.parametrize("fetched", [False, True], ids=["sent", "fetched"])
async def test_a_device_that_fails_in_the_middle_ends_the_write(fetched: bool, failing_device: Path) -> None:
    image = os.urandom(24 * MIB)
    storage = FileDisk(path=failing_device, allow_loop=True, fetch_from=["127.0.0.1"])
    async with serving(ImageServer(image)) as server, serve_async(disk=storage) as board:
        with pytest.raises(errors.CallBroken, match=r"the disk can't be written: Input/output error; \d+ bytes were"):
            await (board.disk.fetch(f"{server.url}/image") if fetched else board.disk.write(io.BytesIO(image)))
        assert await board.disk.interrupted_write() is None
        assert await board.disk.size() == 32 * MIB


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "168.63.129.16", "::1", "::", "fe80::1%2", "fd00::1", "ff02::1", "::7f00:1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_what_is_no_public_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=f"has the address {address}, "):
        refuse_address(address, ())


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_no_setting_allows_metadata_services(address: str) -> None:
    with pytest.raises(ValueError, match="nothing is fetched from there"):
        refuse_address(address, [ip_network("0.0.0.0/0"), ip_network("::/0")])


def test_public_and_allowed_addresses_are_fetched_from() -> None:
    for address in ("1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"):
        refuse_address(address, ())
    refuse_address("10.1.2.3", [ip_network("fd00::/8"), ip_network("10.0.0.0/8")])
    refuse_address("::ffff:10.1.2.3", [ip_network("10.0.0.0/8")])


@pytest.mark.parametrize(
    "text",
    ["-o", "--sha256", "/etc/passwd", "file:///etc/passwd", "http://", "http:///a", "http://host:0/", "http://a b/"],
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        ImageUrl.read(text)


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(errors.ConfigurationInvalid, match="fetch_from"):
        FileDisk(fetch_from=["the lab"])
