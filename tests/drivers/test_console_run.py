"""`run` at real shells: what it gives is of its own command, whatever was said before, or it raises."""

import asyncio
import re
from pathlib import Path

import pytest

from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import BadArguments
from jumplab.drivers.console.errors import ConsoleTimeout, OutputIncomplete
from jumplab.drivers.console.unread import LIMIT_BYTES
from jumplab.testing import serve_async
from jumplab_exporter.drivers.board.qemu import QemuBoard
from jumplab_exporter.drivers.board.virtual import VirtualBoard
from tests.drivers.consoles import SpokenConsole, two_clients
from tests.drivers.shells import BASH, BUSYBOX, PROMPT, ShellConsole, shell_console

LONG = 240
"""Seconds; a bound that only a hang reaches."""

SHELLS = [
    pytest.param(BASH, marks=pytest.mark.needs("bash"), id="bash"),
    pytest.param(BUSYBOX, marks=pytest.mark.needs("busybox"), id="busybox"),
    pytest.param(("sh", "-i"), id="sh"),
]
at_each_shell = pytest.mark.parametrize("argv", SHELLS)


@at_each_shell
async def test_the_output_of_a_command_and_its_status(argv: tuple[str, ...]) -> None:
    async with shell_console(argv) as console:
        done = await console.run("echo one; echo two", PROMPT, LONG)
        assert (done, done.status) == ("one\ntwo", 0)
        failed = await console.run("echo first; false", PROMPT, LONG)
        assert (failed, failed.status) == ("first", 1)
        assert await console.run("true", PROMPT, LONG) == ""
        assert await console.run("printf abc", PROMPT, LONG) == "abc"
        assert await console.run("cd /tmp && pwd", PROMPT, LONG) == "/tmp"
        assert await console.run("pwd", PROMPT, LONG) == "/tmp"


@at_each_shell
async def test_a_long_command_whose_echo_is_wrapped(argv: tuple[str, ...]) -> None:
    async with shell_console(argv) as console:
        assert (await console.run(f"echo {'x' * 300} | wc -c", PROMPT, LONG)).strip() == "301"


@at_each_shell
async def test_prompts_that_were_there_before_answer_nothing(argv: tuple[str, ...]) -> None:
    async with shell_console(argv) as console:
        await console.send("\n\n\necho a banner\n")
        for word in ("one", "two", "three"):
            assert await console.run(f"echo {word}", PROMPT, LONG) == word


@at_each_shell
async def test_an_enter_by_somebody_else_answers_nothing(argv: tuple[str, ...]) -> None:
    async with two_clients(ShellConsole(argv)) as (one, other):
        for number in range(20):
            await other.send("\n")
            # The terminal may echo that Enter into the middle of what the command prints.
            assert (await one.run(f"echo {number}", PROMPT, LONG)).strip("\n") == str(number)


@at_each_shell
async def test_a_command_that_was_given_up_answers_nothing_later(argv: tuple[str, ...]) -> None:
    async with shell_console(argv) as console:
        await console.expect(PROMPT, LONG)
        with pytest.raises(ConsoleTimeout, match=r'"read line; echo late" gave no whole answer within 0.2 s'):
            await console.run("read line; echo late", PROMPT, 0.2)
        await console.send("now\n")
        assert await console.run("echo two", PROMPT, LONG) == "two"


@at_each_shell
async def test_the_prompt_in_the_output_ends_nothing(argv: tuple[str, ...]) -> None:
    async with shell_console(argv) as console:
        said = await console.run(f"echo '{PROMPT}'; echo behind", PROMPT, LONG)
    assert said == f"{PROMPT}\nbehind"


@at_each_shell
async def test_bytes_that_are_no_text(argv: tuple[str, ...]) -> None:
    async with shell_console(argv) as console:
        said = await console.run("printf '\\377\\376x\\303\\266\\n'", PROMPT, LONG)
        assert said == "\ufffd\ufffdxö"
        await console.run("head -c 3000 /dev/urandom", PROMPT, LONG)
        assert await console.run("echo on", PROMPT, LONG) == "on"


@at_each_shell
async def test_control_sequences_are_removed_unless_asked_for(argv: tuple[str, ...]) -> None:
    colours = "printf '\\033[31mred\\033[0m\\033]0;title\\007\\033[6n\\n'"
    async with shell_console(argv) as console:
        assert await console.run(colours, PROMPT, LONG) == "red"
        raw = await console.run(colours, PROMPT, LONG, control_sequences=True)
        assert raw == "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[6n"


@at_each_shell
@pytest.mark.parametrize("command", ["sleep 0 &", "sleep 0 & echo x;", "echo x;", "(echo x; echo y)", "true && echo x"])
async def test_commands_that_end_in_what_separates_them(argv: tuple[str, ...], command: str) -> None:
    async with shell_console(argv) as console:
        assert (await console.run(command, PROMPT, LONG)).status == 0
        assert await console.run("echo behind", PROMPT, LONG) == "behind"


@pytest.mark.needs("bash")
@pytest.mark.parametrize(
    "prompt",
    [
        r"(?i)ROOT@BOARD:~# ",
        r"\r\n.*root@board:~# ",
        r"(?m)^.*root@board:~# ",
        re.compile("ROOT@board", re.IGNORECASE),
        [r"never\$ ", PROMPT],
        r"root@board:~# $",
    ],
)
async def test_prompts_as_people_write_them(prompt: object) -> None:
    async with shell_console() as console:
        for word in ("one", "two"):
            assert await console.run(f"echo {word}", prompt, LONG) == word


@pytest.mark.needs("bash")
async def test_a_coloured_prompt_is_found_without_its_colours() -> None:
    async with shell_console(prompt="\\[\\033[32m\\]root\\[\\033[0m\\]@board:~# ") as console:
        assert await console.run("echo one", PROMPT, LONG) == "one"
        assert await console.run("echo two", "\x1b\\[32mroot\x1b\\[0m@board:~# ", LONG, control_sequences=True) == "two"


@pytest.mark.needs("bash")
async def test_a_kernel_message_behind_the_prompt() -> None:
    async with shell_console() as console:
        late = "(read -t 0.3 < /dev/zero; sleep 0.3; printf '\\n[ 12.3] usb 1-1: new device\\n') & echo done"
        assert (await console.run(late, PROMPT, LONG)).endswith("done")
        await console.expect("new device", LONG)
        assert await console.run("echo two", PROMPT, LONG) == "two"


@pytest.mark.parametrize("command", ["echo a\necho b", "echo a\r", "\n"])
async def test_several_lines_are_refused_before_anything_is_typed(command: str) -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        with pytest.raises(BadArguments, match="run takes one line"):
            await board.console.run(command, "=> ")
    assert console.typed == b""


@pytest.mark.parametrize("prompt", ["(", b"=> ", [], "", 3, ["=> ", b"=> "]])
async def test_a_wrong_prompt_is_refused_before_anything_is_typed(prompt: object) -> None:
    console = SpokenConsole()
    async with serve_async(console=console) as board:
        with pytest.raises(BadArguments):
            await board.console.run("version", prompt)
    assert console.typed == b""


async def test_a_device_without_a_shell_says_what_it_said_instead() -> None:
    console = SpokenConsole()
    console_said = b"login: "
    async with serve_async(console=console) as board:
        console.say(console_said)
        with pytest.raises(ConsoleTimeout, match=r"no shell was ready for it; the console said: 'login: '"):
            await board.console.run("version", "=> ", 0.2)


@pytest.mark.parametrize("size", [3 << 20, 100 << 10], ids=["its begin was dropped", "its middle was dropped"])
async def test_output_of_which_bytes_were_lost_is_not_given(size: int) -> None:
    console = SpokenConsole()

    async def answer(board: AsyncDriverClient) -> None:
        word = (await console.heard(30)).split()[2]
        console.say(b"jumplab " + word + b" begins\r\nfirst\r\n")
        if size < LIMIT_BYTES:
            await board.console.state()  # what came so far is on its way to the reader
        console.say(b"x" * size * 8 + b"jumplab " + word + b" ended 0\r\n=> ")

    async with serve_async(console=console) as board:
        answering = asyncio.create_task(answer(board))
        with pytest.raises(OutputIncomplete, match=r'(bytes of the output|only the end) of "dump"'):
            await board.console.run("dump", "=> ", LONG)
        await answering


@pytest.fixture(params=[pytest.param(QemuBoard, marks=pytest.mark.needs("qemu")), VirtualBoard])
async def u_boot(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncDriverClient:  # type: ignore[misc]
    async with serve_async(board=request.param()) as lab:
        await lab.board.power.on()
        await lab.board.console.expect("stop autoboot", LONG)
        await lab.board.console.send(" ")
        yield lab.board.console


async def test_u_boot_answers_as_a_shell_does(u_boot: AsyncDriverClient) -> None:
    prompt = r"=> "
    assert "U-Boot" in await u_boot.run("version", prompt, LONG)
    await u_boot.send("\n\n")
    for word in ("one", "two", "three"):
        done = await u_boot.run(f"echo {word}", prompt, LONG)
        assert (done, done.status) == (word, 0)
    assert (await u_boot.run("nonsense", prompt, LONG)).status == 1
    assert (await u_boot.run("echo => ; echo behind", prompt, LONG)).endswith("behind")


async def test_a_device_that_swallows_the_first_character_gives_no_answer() -> None:
    async with serve_async(board=VirtualBoard()) as lab:
        await lab.board.power.on()
        await lab.board.console.expect("stop autoboot", LONG)
        with pytest.raises(OutputIncomplete, match="`expect` the prompt first"):
            await lab.board.console.run("version", "=> ", LONG)
        assert "U-Boot" in await lab.board.console.run("version", "=> ", LONG)
