"""For those who test drivers, and tests that use them: sessions within the process, and a pytest plugin.

    with serve(relay=HttpRelay(url="http://127.0.0.1:8080")) as board:
        board.relay.on()

It never talks to a controller: there is no lease here.
"""

from jumplab.testing.serving import serve, serve_async

__all__ = ["serve", "serve_async"]
