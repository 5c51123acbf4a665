"""The standalone API in the test's own process, where its clock and its bounds are the test's."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from jumplab_operator.standalone.http.server import KubernetesApi


def trust(api: KubernetesApi) -> ssl.SSLContext:
    """What a client of it trusts; not the dates, which are those of its clock."""
    context = ssl.create_default_context(cadata=api.ca_pem.decode())
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextlib.asynccontextmanager
async def served(
    folder: Path, *, port: int = 0, **options: Any
) -> AsyncIterator[tuple[KubernetesApi, aiohttp.ClientSession]]:
    """An API, and its administrator's session."""
    async with KubernetesApi(folder, port=port, **options) as api:
        headers = {"Authorization": f"Bearer {api.admin_token}"}
        connector = aiohttp.TCPConnector(ssl=trust(api))
        async with aiohttp.ClientSession(api.url, headers=headers, connector=connector) as session:
            yield api, session
