"""A simulator of the device. It also runs alone: `python -m acme_lamp.simulator`."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Simulator(socketserver.ThreadingTCPServer):
    """The device at a port of this machine (0: a free one)."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.port = int(self.server_address[1])
        self.state = "OFF"

    def answer(self, request: str) -> str:
        """What the device says to a line."""
        if request in ("ON", "OFF"):
            self.state = request
        elif request != "STATE?":
            return "ERROR unknown request"
        return f"OK {self.state}"


class _Conversation(socketserver.StreamRequestHandler):
    server: Simulator

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(f"{self.server.answer(line.decode().strip())}\n".encode())


@contextmanager
def running_simulator() -> Iterator[Simulator]:
    """A simulator in a thread, until the context is left."""
    with Simulator() as simulator:
        thread = threading.Thread(target=simulator.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield simulator
        finally:
            simulator.shutdown()
            thread.join()


def main() -> None:
    with Simulator(7001) as simulator, suppress(KeyboardInterrupt):
        print(f"the simulator listens on 127.0.0.1:{simulator.port}; Ctrl-C ends it", flush=True)
        simulator.serve_forever()


if __name__ == "__main__":
    main()
