"""A server that boards load from: real clients of TFTP and HTTP, and U-Boot in QEMU on a network of its own."""

import asyncio
import hashlib
import logging
import random
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from jumplab.driver import AsyncDriverClient, errors
from jumplab.testing import serve_async
from jumplab_exporter.drivers.boot.server import BootServer
from tests.exporter.waiting import until

KERNEL = random.Random(7).randbytes(3_000_001)


@asynccontextmanager
async def served(**settings: object) -> AsyncIterator[AsyncDriverClient]:
    options = {"address": "127.0.0.1", "tftp_port": 0, "http_port": 0, **settings}
    async with serve_async(boot=BootServer(**options)) as lab:
        yield lab.boot


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    file = tmp_path / "Image"
    file.write_bytes(KERNEL)
    return file


async def ports(boot: AsyncDriverClient) -> dict[str, int]:
    return {each.protocol: each.port for each in await boot.addresses()}


async def loaded(*command: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, err.decode()


async def test_files_are_served_by_http_with_ranges(kernel: Path) -> None:
    async with served() as boot, aiohttp.ClientSession() as http:
        put = await boot.put(kernel)
        assert (put.name, put.size_bytes, put.sha256) == ("Image", len(KERNEL), hashlib.sha256(KERNEL).hexdigest())
        url = await boot.url("Image")
        async with http.get(url) as answer:
            assert (answer.status, await answer.read()) == (200, KERNEL)
        async with http.get(url, headers={"Range": "bytes=100-199"}) as answer:
            assert (answer.status, await answer.read()) == (206, KERNEL[100:200])
        async with http.head(url) as answer:
            assert answer.headers["Content-Length"] == str(len(KERNEL))
        for path in ("nothing", "../../etc/passwd", "%2e%2e/etc/passwd", ""):
            async with http.get(url.removesuffix("Image") + path) as answer:
                assert answer.status == 404


@pytest.mark.needs("curl")
@pytest.mark.parametrize("block_bytes", ["512", "1428", "65464"])
async def test_curl_loads_by_tftp(kernel: Path, tmp_path: Path, block_bytes: str) -> None:
    async with served() as boot:
        await boot.put(kernel, name="images/kernel")
        url = f"tftp://127.0.0.1:{(await ports(boot))['tftp']}/images/kernel"
        target = tmp_path / "loaded"
        status, _, err = await loaded("curl", "-sS", "--tftp-blksize", block_bytes, "-o", str(target), url)
        assert (status, err) == (0, "")
        assert target.read_bytes() == KERNEL


@pytest.mark.needs("busybox")
async def test_busybox_loads_by_tftp_and_is_told_what_is_not_there(kernel: Path, tmp_path: Path) -> None:
    async with served() as boot:
        await boot.put(kernel, name="kernel")
        words = ("busybox", "tftp", "-g", "-l", str(tmp_path / "loaded"), "-r")
        where = ("127.0.0.1", str((await ports(boot))["tftp"]))
        assert (await loaded(*words, "kernel", *where))[0] == 0
        assert (tmp_path / "loaded").read_bytes() == KERNEL
        status, _, err = await loaded(*words, "initrd", *where)
        assert status != 0
        assert "there is no such file" in err


async def test_a_file_is_replaced_as_a_whole_and_removed(tmp_path: Path) -> None:
    async with served() as boot, aiohttp.ClientSession() as http:
        for content in (b"first", b"second"):
            (tmp_path / "conf").write_bytes(content)
            await boot.put(tmp_path / "conf", name="pxelinux.cfg/default")
            async with http.get(await boot.url("pxelinux.cfg/default")) as answer:
                assert await answer.read() == content
        with pytest.raises(errors.CallRefused, match="was to have 10 bytes, and 6 came"):
            await _short(boot)
        assert [file.name for file in await boot.files()] == ["pxelinux.cfg/default"]
        async with http.get(await boot.url("pxelinux.cfg/default")) as answer:
            assert await answer.read() == b"second"
        await boot.remove("pxelinux.cfg/default")
        assert await boot.files() == []
        with pytest.raises(errors.CallFailed, match='no file "pxelinux.cfg/default" is served here; what is: no files'):
            await boot.remove("pxelinux.cfg/default")


async def _short(boot: AsyncDriverClient) -> None:
    async with boot.open("put", name="pxelinux.cfg/default", size_bytes=10) as stream:
        await stream.send(b"second")
        await stream.send_end()
        await stream.result()


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a/../b", "a//b", "with space", "new\nline", "x" * 129, "$(reboot)", "a/."]
)
async def test_a_name_that_no_board_could_ask_for_is_refused(kernel: Path, name: str) -> None:
    async with served() as boot:
        with pytest.raises(errors.CallRefused, match="can't be served: a name has letters, digits"):
            await boot.put(kernel, name=name)
        assert await boot.files() == []


async def test_files_have_a_bound_together(tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.write_bytes(bytes(600 << 10))
    async with served(capacity_mib=1) as boot:
        await boot.put(half, name="a")
        with pytest.raises(errors.CallRefused, match='"b" does not fit: the files of a lease may have 1 MiB together'):
            await boot.put(half, name="b")
        await boot.remove("a")
        await boot.put(half, name="b")


async def test_what_u_boot_types() -> None:
    async with served() as boot:
        with pytest.raises(errors.CallFailed, match='no file "kernel" is served here'):
            await boot.load_command("kernel")
        async with boot.open("put", name="kernel") as stream:
            await stream.send_end()
            await stream.result()
        with pytest.raises(errors.CallRefused, match="U-Boot asks at port 69, and this server listens at"):
            await boot.load_command("kernel")


async def test_a_port_that_is_taken_names_what_to_do() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        sentence = f"port {port} of 127.0.0.1 can't be listened at: .*, or choose another `tftp_port`"
        with pytest.raises(errors.DriverFailed, match=sentence):
            async with served(tftp_port=port):
                pytest.fail("the port is another's")


async def test_an_address_that_is_not_the_host_s_is_named(caplog: pytest.LogCaptureFixture) -> None:
    sentence = "this host has no address 203.0.113.7 now; correct `address`, or look whether"
    async with served(address="203.0.113.7") as boot:
        assert await boot.files() == []
    assert any(sentence in each.getMessage() for each in caplog.records)
    server = BootServer(address="203.0.113.7", tftp_port=0, http_port=0)
    async with server:
        with pytest.raises(ConnectionError, match=sentence):
            await server.check()


@pytest.mark.needs("tap")
async def test_an_address_that_comes_and_goes_is_served_at_whenever_it_is_there(kernel: Path) -> None:
    script = Path(__file__).parent / "boot_without_address.py"
    status, _, err = await loaded("unshare", "--net", "--mount", sys.executable, str(script), str(kernel))
    assert status == 0, err


async def test_a_board_that_goes_away_is_named(kernel: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with served() as boot:
        await boot.put(kernel, name="kernel")
        port = (await ports(boot))["tftp"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
            board.setblocking(False)
            board.bind(("127.0.0.1", 0))
            loop = asyncio.get_running_loop()
            await loop.sock_sendto(board, b"\0\1kernel\0octet\0", ("127.0.0.1", port))
            assert (await loop.sock_recv(board, 2000))[:4] == b"\0\3\0\1"
        # It has closed its port: the next packet comes back.
        await until(lambda: any("127.0.0.1 did not get kernel" in each.getMessage() for each in caplog.records))


@pytest.mark.needs("qemu")
@pytest.mark.needs("tap")
async def test_u_boot_loads_a_kernel_through_a_tap_device(kernel: Path) -> None:
    script = Path(__file__).parent / "boot_through_tap.py"
    status, _, err = await loaded("unshare", "--net", "--mount", sys.executable, str(script), str(kernel))
    assert status == 0, err
