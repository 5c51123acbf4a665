"""Tokens: one that anybody could guess is refused at the start, and none lets nobody in."""

from __future__ import annotations

import asyncio
import base64
import http.client
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from multidict import CIMultiDict, CIMultiDictProxy

from jumplab_operator.control_plane import token_reader
from jumplab_operator.controller.credentials import AcceptedTokens, CredentialIssuer
from jumplab_operator.errors import DataDirUnusable
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.client import connected
from jumplab_operator.lab_users import LabUsers
from jumplab_operator.names import Name
from jumplab_operator.standalone.auth.auth import Gate
from jumplab_operator.standalone.auth.service_accounts import ServiceAccounts
from jumplab_operator.standalone.auth.users import ADMINISTRATOR
from jumplab_operator.standalone.http.server import KubernetesApi
from jumplab_operator.standalone.storage.store import Key
from tests.standalone.in_process import served, trust

WEAK = [
    (b"", "is empty"),
    (b" \n\t\n", "is empty"),
    (b"short\n", "holds a token of 5 characters, which is too short"),
    (b"a" * 64, "holds a token that repeats the same few characters"),
    (b"abcabc" * 10, "holds a token that repeats the same few characters"),
    (b"a token of several words\n", "holds white space or other characters"),
    (b"a-token-of\nseveral-lines", "holds white space or other characters"),
    (b"a-token-with-\x00-zero", "holds white space or other characters"),
    (b"a-token-with-\xff-more", "holds white space or other characters"),
]


@pytest.mark.parametrize(("content", "sentence"), WEAK, ids=[sentence for _, sentence in WEAK])
async def test_a_weak_token_of_the_administrator_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "admin.token"
    file.write_bytes(content)
    what_to_do = "; remove it for a new token, or write one of 16 or more random characters"
    with pytest.raises(DataDirUnusable, match=rf"^{re.escape(f'{file} {sentence}')}.*{what_to_do}$"):
        async with KubernetesApi(tmp_path, port=0):
            pass


async def test_a_token_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "admin.token").mkdir()
    with pytest.raises(DataDirUnusable, match=r"/admin\.token can't be read \(Is a directory\); remove it"):
        async with KubernetesApi(tmp_path, port=0):
            pass


@pytest.mark.parametrize("file", ["ca.key", "ca.crt", "accounts.key"])
async def test_an_empty_key_is_refused_in_a_sentence(tmp_path: Path, file: str) -> None:
    async with KubernetesApi(tmp_path, port=0):
        pass
    (tmp_path / file).write_bytes(b"")
    told = rf"{file}.*; (remove it for a new one|restore (it|them|both) from a backup), "
    with pytest.raises(DataDirUnusable, match=told):
        async with KubernetesApi(tmp_path, port=0):
            pass


async def test_a_token_of_the_administrators_own_is_taken(tmp_path: Path) -> None:
    (tmp_path / "admin.token").write_text("kq3TzVb8mWx1LpYd\n")
    async with served(tmp_path) as (api, session), session.get("/api/v1/namespaces/default") as answer:
        assert (api.admin_token, answer.status) == ("kq3TzVb8mWx1LpYd", 200)


def asked(api: KubernetesApi, authorization: bytes) -> int:
    connection = http.client.HTTPSConnection(urlsplit(api.url).netloc, context=trust(api), timeout=60)
    connection.request("GET", "/api/v1/namespaces/default", headers={"Authorization": authorization})
    status = connection.getresponse().status
    connection.close()
    return status


EMPTY = [b"", b"Bearer", b"Bearer ", b"Bearer    ", b"bearer\t", b"Basic Og=="]
UNREADABLE = [b"Bearer \xff", b"Bearer \xc3\xbc"]


@pytest.mark.parametrize("authorization", [*EMPTY, *UNREADABLE])
async def test_an_empty_or_unreadable_token_lets_nobody_in(tmp_path: Path, authorization: bytes) -> None:
    async with KubernetesApi(tmp_path, port=0, tenancy=LabUsers("t")) as api:
        assert await asyncio.to_thread(asked, api, authorization) == 401
        assert await asyncio.to_thread(asked, api, f"Bearer {api.admin_token}".encode()) == 200


def nothing(_key: Key) -> None:
    return None


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Bearer  \t"])
def test_a_gate_that_knows_an_empty_token_lets_nobody_in_by_it(authorization: str) -> None:
    accounts = ServiceAccounts(ec.generate_private_key(ec.SECP256R1()), lambda: datetime.now(UTC))
    gate = Gate({"": ADMINISTRATOR}, accounts, LabUsers(""), nothing)
    assert gate.enter(CIMultiDictProxy(CIMultiDict({"Authorization": authorization}))) is None
    assert gate.user("") is None
    assert LabUsers("").user("", nothing) is None


EMPTY_SECRETS: list[Mapping[str, Any] | None] = [
    None,
    {},
    {"data": None},
    {"data": {"token": ""}},
    {"data": {"token": "ICAg"}},
    {"data": {"token": "/w=="}},
    {"data": {"token": "nonsense!"}},
]


@pytest.mark.parametrize("secret", EMPTY_SECRETS, ids=str)
def test_a_credential_whose_secret_is_empty_proves_nobody(secret: dict[str, Any] | None) -> None:
    issuer = CredentialIssuer(ec.generate_private_key(ec.SECP256R1()))
    token, _ = issuer.issue("Client", "lab", "ci", "uid-1")
    users = LabUsers("t")
    users.trust(issuer.read)

    def lookup(key: Key) -> dict[str, Any] | None:
        return secret if key.resource == "secrets" else {"metadata": {"uid": "uid-1"}}

    for presented in (token, "", "   "):
        assert users.user(presented, lookup) is None


async def test_an_empty_secret_has_no_token(tmp_path: Path) -> None:
    contents = {"empty": "", "missing": None, "no-text": "/w==", "good": base64.b64encode(b"abc").decode()}
    async with served(tmp_path) as (api, session):
        for name, content in contents.items():
            data = {} if content is None else {"token": content}
            made = {"metadata": {"name": f"{name}-client"}, "data": data}
            async with session.post("/api/v1/namespaces/default/secrets", json=made) as answer:
                assert answer.status == 201
        async with connected(KubeAccess(api.url, api.ca_pem.decode(), api.admin_token)) as kube:
            read = token_reader(kube)
            found = {name: await read("Client", Name("default", name)) for name in (*contents, "nobody")}
    assert found == {"empty": None, "missing": None, "no-text": None, "good": AcceptedTokens("abc"), "nobody": None}
