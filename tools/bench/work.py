"""The work that is measured, the same over every way to the drivers."""

import time
from dataclasses import dataclass

from jumplab.driver import GenericClient
from tools.bench.drivers import DONE
from tools.bench.timing import milliseconds, quantile, timed

_BLOCK = bytes(256 << 10)
_MESSAGE = bytes(64)


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often each thing is done. The defaults are those of Jumpstarter's figures, so that the two compare."""

    warm_ups: int = 50
    calls: int = 500
    opens: int = 50
    echoes: int = 500
    upload_bytes: int = 256 << 20
    starts: int = 5
    leases: int = 30
    exporters: tuple[int, ...] = (1, 100, 1000)


FULL = Rounds()
QUICK = Rounds(
    warm_ups=2, calls=10, opens=3, echoes=10, upload_bytes=8 << 20, starts=1, leases=3, exporters=(1,)
)  # shows that everything works; the figures say nothing


def figures(board: GenericClient, rounds: Rounds) -> dict[str, float]:
    """Calls, opens, echoes and uploads as a test author's plain code does."""
    timed(rounds.warm_ups, board.power.on)
    calls = timed(rounds.calls, board.power.on)
    opens = timed(rounds.opens, lambda: _open_and_close(board))
    return {
        "call_p50_ms": milliseconds(quantile(calls, 0.5)),
        "call_p99_ms": milliseconds(quantile(calls, 0.99)),
        "open_p50_ms": milliseconds(quantile(opens, 0.5)),
        "echo_p50_ms": milliseconds(quantile(echoes(board, rounds.echoes), 0.5)),
        "upload_mib_s": _upload(board, rounds.upload_bytes),
    }


def _open_and_close(board: GenericClient) -> None:
    with board.echo.open("echo"):
        pass


def echoes(board: GenericClient, count: int) -> list[float]:
    """How many seconds each of `count` messages takes there and back on one stream."""
    with board.echo.open("echo") as stream:

        def there_and_back() -> None:
            stream.send(_MESSAGE)
            stream.receive()

        return timed(count, there_and_back)


def _upload(board: GenericClient, size_bytes: int) -> float:
    """MiB a second, from the first byte that is sent until the driver says that it has had the last."""
    with board.sink.open("swallow", size_bytes=size_bytes) as stream:
        begin = time.perf_counter()
        for _ in range(size_bytes // len(_BLOCK)):
            stream.send(_BLOCK)
        answer = stream.receive()
        took = time.perf_counter() - begin
    if answer != DONE:
        raise RuntimeError(f"the sink answered {answer!r} instead of {DONE!r}: the upload was cut")
    return round(size_bytes / took / 2**20)
