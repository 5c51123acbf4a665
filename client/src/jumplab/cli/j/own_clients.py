"""The client that a command is written for."""

from typing import Any

import click

from jumplab.driver import AsyncDriverClient


def own_client(client: AsyncDriverClient, kind: type[AsyncDriverClient], of: str) -> Any:
    """The client, as one of this kind.  of: whose clients those are. Raises UsageError for a class that is another's.

    Any: a driver's own class may have more than its interface's.
    """
    if not isinstance(client, kind):
        raise click.UsageError(f'the client class of "{client.path}" is not that of {of}; use its own commands')
    return client
