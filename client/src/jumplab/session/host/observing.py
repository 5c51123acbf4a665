"""What the owner of a session is told of its clients, for a record of who did what."""

from typing import Protocol


class ConnectionObserver(Protocol):
    """Is told of one connection of a client. It must neither wait nor raise."""

    def attached(self, *, resumed: bool) -> None:
        """The client has attached; resumed: it had attached before, and what it had running goes on."""
        ...

    def detached(self, *, left: bool) -> None:
        """The connection has ended; left: the client does not come back, or has been sent away."""
        ...

    def called(self, driver: str, method: str, error: str, seconds: float) -> None:
        """A call that came by this connection has ended, perhaps after the connection.

        driver: its path;  method: empty, as the driver, if the session has none of that name.  error: the name of the
        error's class; empty: the call succeeded.  seconds: how long it took; a byte stream, how long it was open.
        """
        ...


class NobodyObserves:
    """Stands where no record is kept."""

    def attached(self, *, resumed: bool) -> None:
        """Is not recorded."""

    def detached(self, *, left: bool) -> None:
        """Is not recorded."""

    def called(self, driver: str, method: str, error: str, seconds: float) -> None:
        """Is not recorded."""


NOBODY: ConnectionObserver = NobodyObserves()
