"""A simulator of the device. It also runs alone: `python -m acme_door.simulator`."""

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
        self._states = ["OPEN"]
        self._changed = threading.Condition()

    def move(self, state: str) -> None:
        """The door is OPEN or CLOSED from now on."""
        with self._changed:
            self._states.append(state)
            self._changed.notify_all()

    @property
    def state(self) -> str:
        return self._states[-1]

    def states(self) -> Iterator[str]:
        """The present state, then each that follows, without end."""
        position = len(self._states) - 1
        while True:
            with self._changed:
                while len(self._states) == position:
                    self._changed.wait()
            yield self._states[position]
            position += 1


class _Conversation(socketserver.StreamRequestHandler):
    server: Simulator

    def handle(self) -> None:
        with suppress(ConnectionError):  # a watcher that leaves
            for line in self.rfile:
                self._answer(line.decode().strip())

    def _answer(self, request: str) -> None:
        if request == "WATCH":
            for state in self.server.states():
                self.wfile.write(f"OK {state}\n".encode())
        elif request == "STATE?":
            self.wfile.write(f"OK {self.server.state}\n".encode())
        else:
            self.wfile.write(b"ERROR unknown request\n")


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
