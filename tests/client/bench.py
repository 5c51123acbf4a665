"""An exporter's end at the wire: real drivers, a real session host, and the real router in between."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from jumplab.driver import ByteStream, Driver, DriverInterface, progress, stream
from jumplab.drivers.console import ConsoleInterface, ConsoleState
from jumplab.drivers.power import PowerInterface
from jumplab.drivers.storage import Digest, StorageInterface
from jumplab.protocol.v1 import controller_pb2
from jumplab.session.host import DriverTree, FailedDriver, SessionHost
from jumplab.transport.endpoint import Endpoint, Tls
from jumplab.transport.routed import RoutedLink
from jumplab_operator.router import tokens
from jumplab_operator.router.relay import Router
from tests.client.authority import Authority
from tests.client.lab_double import LabDouble, served


class Switch(PowerInterface, Driver):
    _on = False

    async def on(self) -> None:
        self.log.warning("switched on")
        await asyncio.sleep(0)  # the line leaves before the result, after which nobody may be listening
        self._on = True

    async def off(self) -> None:
        self._on = False

    async def is_on(self) -> bool:
        return self._on


class EchoConsole(ConsoleInterface, Driver):
    async def attach(self, stream: ByteStream, *, offset: int | None = None, exclusive: bool = False) -> None:
        await stream.send(b"=> ")
        while data := await stream.receive():
            await stream.send(b"[" + data + b"]")

    async def state(self) -> ConsoleState:
        return ConsoleState(0, 0, 0)

    async def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        self.log.warning("dtr %s, rts %s", dtr, rts)


class Disk(StorageInterface, Driver):
    _content = b""

    @stream(bulk=True)
    async def write(self, stream: ByteStream, *, offset_bytes: int = 0) -> Digest:
        written = b""
        while data := await stream.receive():
            written += data
        self._content = self._content[:offset_bytes] + written
        return Digest(size_bytes=len(written), sha256=hashlib.sha256(written).hexdigest())

    @stream(bulk=True)
    async def read(self, stream: ByteStream, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        content = self._content[offset_bytes:][:size_bytes]
        await stream.send(content)
        return Digest(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    async def size(self) -> int:
        return len(self._content)


class ThermometerInterface(DriverInterface):
    """Measures."""

    async def read_at(self, height: int, unit: str = "C") -> dict[str, float]:
        """Measures at a height in millimetres."""
        if height > 100:
            raise ValueError(f"{height} mm is above the device")
        return {unit: 20.5 + height}

    async def calibrate(self) -> None:
        """Takes its time."""

    async def follow(self, count: int) -> AsyncIterator[float]:
        """Measures again and again."""
        for number in range(count):
            yield 20.0 + number


class Thermometer(ThermometerInterface, Driver):
    async def calibrate(self) -> None:
        for point in range(3):
            progress(point, 3, "calibrating")
        progress(3, 3, "storing")


class SirenInterface(DriverInterface):
    """Brings a client class that nobody allows."""

    client = "acme_evil.Siren"

    async def sound(self) -> None: ...


class Siren(SirenInterface, Driver):
    pass


def drivers() -> Mapping[str, Driver]:
    power = Switch()
    power.description = "The board's supply"
    return {
        "power": power,
        "console": EchoConsole(),
        "storage": Disk(),
        "thermometer": Thermometer(),
        "relay": FailedDriver(reason="no such device: /dev/ttyUSB9"),
    }


@dataclass
class Bench:
    """A lab with one exporter. Each dial is answered at the exporter's end at once."""

    lab: LabDouble
    authority: Authority
    host: SessionHost
    tasks: asyncio.TaskGroup
    router: Router
    key: ec.EllipticCurvePrivateKey
    port: int = 0
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def dial(self, lease: str) -> controller_pb2.DialResponse:
        now = datetime.now(UTC)
        client = tokens.StreamClaims(
            session=str(uuid.uuid4()),
            role=tokens.Role.CLIENT,
            lease=f"uid-{lease}",
            lease_name=f"lab/{lease}",
            holder="ci",
            exporter="uid-bench-1",
            deadline=now + timedelta(hours=1),
            expires=now + timedelta(seconds=60),
        )
        endpoint = f"localhost:{self.port}"
        exporter_token = tokens.mint(replace(client, role=tokens.Role.EXPORTER), self.key)
        link = RoutedLink(Endpoint(endpoint, Tls(ca_pem=self.authority.pem)), exporter_token)
        task = self.tasks.create_task(self.host.serve(link), name="the exporter's end")
        self.serving.add(task)
        return controller_pb2.DialResponse(
            router_endpoint=endpoint, router_token=tokens.mint(client, self.key), exporter_name="bench-1"
        )


@asynccontextmanager
async def bench_of(lab: LabDouble, authority: Authority, root: Mapping[str, Driver]) -> AsyncIterator[Bench]:
    key = ec.generate_private_key(ec.SECP256R1())
    router = Router(key.public_key())
    async with (
        DriverTree(root, scope="bench-1") as tree,
        SessionHost(tree, exporter_name="bench-1", lease_name="demo") as host,
        served(lab, authority, router=router) as port,
        asyncio.TaskGroup() as tasks,
    ):
        bench = Bench(lab, authority, host, tasks, router, key, port)
        lab.dial = bench.dial
        yield bench
        await host.end("the test is over")
        for task in bench.serving:
            task.cancel()
