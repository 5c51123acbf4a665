"""`j storage write` and `read`: files, pipes, sizes, and what is shown of their progress."""
# ruff: noqa: ASYNC240 - looks at local files

import asyncio
import gzip
import hashlib
import lzma
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jumplab_exporter.drivers.storage.disk import FileDisk
from tests.cli.terminal import Terminal
from tests.cli.user import Outcome, User
from tests.client.authority import Authority
from tests.client.bench import Switch, bench_of
from tests.client.lab_double import LabDouble, config_for
from tests.drivers.image_server import ImageServer, serving

MIB = 1 << 20
PASSWORD = "hunter2-is-nobodys-business"
SHELL = ("shell", "-l", "board=x", "--", "sh", "-c")


@pytest.fixture
async def user(lab: LabDouble, authority: Authority, stranger: User, tmp_path: Path) -> AsyncIterator[User]:
    """A user of a board with a real disk of 4 MiB."""
    disk = FileDisk(path=tmp_path / "disk.img", size_mib=4, fetch_from=["127.0.0.1"])
    async with bench_of(lab, authority, {"storage": disk, "power": Switch()}) as bench:
        stranger.configure(config_for(bench.port, authority))
        yield stranger


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return tmp_path / "disk.img"


def begins_with(disk: Path, data: bytes) -> bool:
    with disk.open("rb") as file:
        return file.read(len(data)) == data


async def script(user: User, text: str) -> Outcome:
    return await user.run("jumplab", *SHELL, text)


async def test_standard_input_goes_onto_the_storage_and_back(user: User, disk: Path) -> None:
    ran = await script(
        user, "printf hello | j storage write - && j storage read --size 5 - | cat; echo; j storage size"
    )
    assert ran.status == 0, ran.err
    assert "wrote 5 bytes, sha256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" in ran.out
    assert "\nhello\n4194304\n" in ran.out
    assert "read 5 bytes, sha256 2cf24d" in ran.err
    assert disk.read_bytes()[:5] == b"hello"


async def test_dev_stdin_a_redirect_and_a_fifo_are_read(user: User, disk: Path, tmp_path: Path) -> None:
    source, fifo = tmp_path / "source", tmp_path / "fifo"
    source.write_bytes(b"from a file")
    words = [
        "printf piped | j storage write /dev/stdin",
        f"j storage write - --offset 1KiB < {source}",
        f"mkfifo {fifo}; (printf 'from a fifo' > {fifo}) & j storage write --offset 2KiB {fifo}; wait",
    ]
    ran = await script(user, " && ".join(words))
    assert ran.status == 0, ran.err
    content = disk.read_bytes()
    assert (content[:5], content[1024:1035], content[2048:2059]) == (b"piped", b"from a file", b"from a fifo")


async def test_much_goes_through_pipes(user: User, disk: Path, tmp_path: Path) -> None:
    data = os.urandom(4 * MIB)
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(data)
    ran = await script(user, f"cat {source} | j storage write --verify - && j storage read - | cat > {copy}")
    assert ran.status == 0, ran.err
    assert ", verified\n" in ran.out
    assert copy.read_bytes() == data == disk.read_bytes()


async def test_sizes_have_units(user: User, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    ran = await script(user, f"j storage read --offset 1.5MiB --size 64KiB {copy} && j storage read --size 64M {copy}")
    assert copy.stat().st_size == 64 << 10
    assert ran.status == 2
    assert '"64M" may mean 64MiB or 64MB; write the one that is meant' in ran.last_line


async def test_the_older_names_of_the_options_work(user: User, tmp_path: Path) -> None:
    ran = await script(user, f"j storage read --offset-bytes 512 --size-bytes 512 {tmp_path / 'copy'}")
    assert ran.out.startswith("read 512 bytes")


async def test_an_image_that_is_too_large_is_refused_before_the_disk_is_touched(
    user: User, disk: Path, tmp_path: Path
) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"x" * (5 * MIB))
    (tmp_path / "image.gz").write_bytes(gzip.compress(image.read_bytes()))
    words = [f"j storage write {image}", f"j storage write {image}.gz", f"cat {image} | j storage write --size 5MiB -"]
    for word in words:
        ran = await script(user, word)
        assert ran.status == 1
        sentence = "the disk has 4194304 bytes; 5242880 bytes do not fit"
        assert ran.last_line.startswith(f"j: storage.write: {sentence}"), ran.err
    assert disk.read_bytes() == bytes(4 * MIB)


async def test_packed_data_is_unpacked_unless_told_otherwise(user: User, disk: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.gz"
    image.write_bytes(gzip.compress(b"x" * MIB))
    unpacked, as_is = (
        await script(user, f"j storage write {image}"),
        await script(user, f"j storage write --as-is {image}"),
    )
    assert f"wrote {MIB} bytes, sha256 " in unpacked.out
    assert f", unpacked from {image.stat().st_size} bytes (gz)\n" in unpacked.out
    assert as_is.out.startswith(f"wrote {image.stat().st_size} bytes, sha256")
    assert disk.read_bytes().startswith(image.read_bytes())


async def test_what_this_machine_has_against_a_file_is_one_sentence(user: User, tmp_path: Path) -> None:
    ran = await script(user, f"j storage read {tmp_path}/nowhere/copy")
    assert ran.status == 1
    assert ran.last_line == f"j: {tmp_path}/nowhere/copy: No such file or directory"
    ran = await script(user, "j storage read /dev/full")
    assert ran.status == 1
    assert "No space left on device" in ran.last_line
    assert "Traceback" not in ran.err


async def test_a_full_disk_leaves_no_half_of_what_was_read(user: User, disk: Path, tmp_path: Path) -> None:
    """ulimit: the kernel refuses to let files grow further, as a full disk does."""
    disk.write_bytes(b"x" * (4 * MIB))
    kept = tmp_path / "kept"
    kept.write_bytes(b"the image of before")
    for file, is_left in ((tmp_path / "new", False), (kept, True)):
        ran = await script(user, f"trap '' XFSZ; ulimit -f 1000; j storage read {file}; echo $?")
        assert ran.out.endswith("1\n")
        assert ran.last_line == f"j: {file}: File too large"
        assert file.exists() == is_left
    assert kept.read_bytes() == b""


async def test_a_reader_that_leaves_ends_the_read(user: User) -> None:
    ran = await script(user, "j storage read - | head -c 10 | wc -c")
    assert ran.out == "10\n"
    assert "Traceback" not in ran.err


async def test_an_interrupted_write_says_how_much_was_written(user: User, disk: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = await user.start("jumplab", *SHELL, f"exec j storage write {fifo}")
    writing = os.open(fifo, os.O_RDWR)  # does not wait for a reader, which the other end's event loop would do for ever
    try:
        os.write(writing, b"x" * 1000)
        async with asyncio.timeout(240):
            while not await asyncio.to_thread(begins_with, disk, b"x" * 1000):
                pass
        os.killpg(process.pid, signal.SIGINT)
        _, err = await process.communicate()
    finally:
        os.close(writing)
    assert b"j: interrupted: 1000 bytes were sent, at least " in err
    assert b"Traceback" not in err


async def test_a_write_whose_j_was_killed_goes_on(user: User, disk: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(os.urandom(3 * MIB))
    words = [
        f"cd {tmp_path}; mkfifo fifo; exec 9<>fifo; j storage write --size 3MiB fifo & writing=$!",
        "head -c 65536 image >&9",  # what a pipe takes at once
        f"until cmp -s -n 1000 image {disk}; do :; done; kill -9 $writing; wait $writing",
        "j storage write --verify --resume image && j storage write --resume image",
    ]
    ran = await script(user, "\n".join(words))
    assert ran.status == 0, ran.err
    assert ran.out.count(f"wrote {3 * MIB} bytes, sha256 {hashlib.sha256(image.read_bytes()).hexdigest()}") == 2
    assert disk.read_bytes().startswith(image.read_bytes())
    assert ran.err.count("writing from the beginning") == 1
    assert "storage: there is no interrupted write; writing from the beginning" in ran.err


async def test_a_read_goes_on_after_what_its_file_has(user: User, disk: Path, tmp_path: Path) -> None:
    disk.write_bytes(os.urandom(4 * MIB))
    copy = tmp_path / "copy"
    copy.write_bytes(disk.read_bytes()[:MIB])
    ran = await script(user, f"j storage read --resume {copy}")
    assert ran.out == f"read {4 * MIB} bytes, sha256 {hashlib.sha256(disk.read_bytes()).hexdigest()}\n"
    assert copy.read_bytes() == disk.read_bytes()


async def test_a_url_is_fetched_by_the_exporter(user: User, disk: Path) -> None:
    image = os.urandom(MIB)
    packed = gzip.compress(image)
    async with serving(ImageServer(packed, breaks=[1000])) as server:
        command = f"j storage write --sha256 {hashlib.sha256(packed).hexdigest()} {server.url}/image"
        seen, _ = await Terminal(user, "jumplab", *SHELL, command, columns=160, term="xterm").rest()
    assert disk.read_bytes().startswith(image)
    assert f"wrote {MIB} bytes, sha256 {hashlib.sha256(image).hexdigest()}, unpacked from" in seen
    assert "fetching" in seen


async def test_what_is_wrong_with_a_url_is_one_sentence_without_its_password(user: User) -> None:
    secret = f"me:{PASSWORD}@"
    refusals = {
        f"'http://{secret}127.0.0.2:1/image?token={PASSWORD}'": "127.0.0.2 has the address 127.0.0.2, the exporter's",
        f"'http://{secret}127.0.0.1:1/image?token={PASSWORD}'": "127.0.0.1:1/image can't be reached: Connection",
        f"ftp://{secret}127.0.0.1/": "images are fetched by http:// and https:// alone",
        f"--size 5 http://{secret}127.0.0.1/": "--size is for a pipe; the server of a URL says its size",
        f"--resume http://{secret}127.0.0.1/": "--resume is for a file; the exporter itself goes on with a URL",
        f"--sha256 abc http://{secret}127.0.0.1/": "sha256 is no SHA-256: that has 64 hexadecimal digits",
    }
    ran = await script(user, "; ".join(f"j storage write {words}" for words in refusals))
    for sentence in refusals.values():
        assert sentence in ran.err
    assert PASSWORD not in ran.out + ran.err
    assert "Traceback" not in ran.err


async def test_an_idle_pipe_does_not_keep_a_refused_write(user: User) -> None:
    process = await user.start("jumplab", *SHELL, "j storage write --offset 5MiB -", typing=True)
    assert process.stderr is not None
    async with asyncio.timeout(240):
        err = await process.stderr.read()
    assert b"offset_bytes is 5242880; the disk has 4194304 bytes" in err
    await process.communicate()


@pytest.mark.nightly  # tests/docs pastes them into a terminal in each change's CI
async def test_the_commands_of_the_page_work_as_printed(user: User, disk: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/drivers/storage-disk.md").read_text()
    commands = [
        line.strip()
        for line in page.splitlines()
        if line.startswith("    ") and " j storage " in f" {line.strip()}" and "https:" not in line
    ]
    assert len(commands) == 13
    image = os.urandom(4 * MIB)
    (tmp_path / "image.img").write_bytes(image)
    (tmp_path / "image.img.xz").write_bytes(lzma.compress(image[: 2 * MIB], preset=0))
    (tmp_path / "boot.bin").write_bytes(b"boot")
    said = dict[str, str]()
    for command in commands:
        ran = await script(user, f"cd {tmp_path} && set -e; {command}")
        assert ran.status == 0, (command, ran)
        said[command] = ran.out
    assert (tmp_path / "head.bin").stat().st_size == 64 << 10
    (digest,) = (out for command, out in said.items() if command.startswith("j storage read - | sha256sum"))
    assert digest.startswith(hashlib.sha256(disk.read_bytes()).hexdigest())


async def test_a_bar_shows_rate_and_time_left(user: User, tmp_path: Path) -> None:
    image = tmp_path / "image.gz"
    image.write_bytes(gzip.compress(b"x" * MIB))
    command = f"j storage write {image} && j storage read {tmp_path / 'copy'}"

    seen, _ = await Terminal(user, "jumplab", *SHELL, command, columns=160, term="xterm").rest()
    assert "image.gz" in seen
    assert "writing" in seen
    assert "/s" in seen
    assert "0:00:00" in seen
    assert "4.2/4.2 MB" in seen or "4.0/4.0 MiB" in seen
    assert "Traceback" not in seen
