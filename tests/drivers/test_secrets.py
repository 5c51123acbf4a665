"""Secrets in a driver's settings: where they are is written there, and what they are is shown nowhere."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import Driver, errors
from jumplab.drivers.power import PowerInterface
from jumplab.session.host import DriverTree
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.config_warnings import warnings_of
from jumplab_exporter.driver_factory import build_drivers
from jumplab_exporter.drivers.secrets import Secret

WORD = "hunter2-do-not-show"


class Locked(PowerInterface, Driver):
    """A switch with a password.  headers: further secrets."""

    password: Secret | None = None
    headers: dict[str, Secret] = {}  # noqa: RUF012 - a setting's default

    async def on(self) -> None: ...

    async def off(self) -> None: ...

    async def is_on(self) -> bool:
        return True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{WORD}\n")
    path.chmod(0o600)
    return path


def refusal(password: Any) -> str:
    with pytest.raises(errors.ConfigurationInvalid) as refused:
        Locked(password=password)
    assert WORD not in "".join(traceback.format_exception(refused.value))
    return str(refused.value)


def test_it_is_read_from_a_file_each_time(file: Path) -> None:
    driver = Locked(password={"from": "file", "path": str(file)})
    assert driver.password is not None
    assert driver.password.read() == WORD
    file.write_text("another")
    assert driver.password.read() == "another"


def test_it_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", WORD)
    driver = Locked(password={"from": "env", "name": "RELAY_PASSWORD"})
    assert driver.password is not None
    assert driver.password.read() == WORD
    assert WORD not in repr(driver.password)


@pytest.mark.parametrize("password", [WORD, 1234, [WORD], {"value": WORD}, {"from": WORD}, True])
def test_a_secret_itself_is_refused_and_not_shown(password: Any) -> None:
    said = refusal(password)
    assert "from: file" in said
    assert "from: env" in said
    assert WORD not in said
    assert "1234" not in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"from": "file", "path": "/nowhere/at/all"}, "/nowhere/at/all can't be read: No such file"),
        ({"from": "file", "path": "relative"}, "must begin with /"),
        ({"from": "file", "path": "/"}, "can't be read: Is a directory"),
        ({"from": "file"}, "path: is missing"),
        ({"from": "env", "name": "NO_SUCH_VARIABLE"}, "no variable NO_SUCH_VARIABLE in the exporter's environment"),
        ({"from": "env", "name": ""}, "name: must not be empty"),
        ({"from": "env", "name": "A", "path": "/b"}, "path: is not known"),
    ],
)
def test_a_source_that_has_none_is_refused_in_a_sentence(source: dict[str, str], said: str) -> None:
    assert said in refusal(source)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n", "is empty"),
        (b"\xff\xfe" + WORD.encode(), "is not text"),
        (f"{WORD}\nmore".encode(), "more than one line"),
        (WORD.encode() * 10000, "longer than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    text = refusal({"from": "file", "path": str(file)})
    assert said in text
    assert WORD not in text


@pytest.mark.parametrize(("mode", "whom"), [(0o644, "every user"), (0o640, "its group"), (0o600, "")])
def test_a_file_that_others_can_read_is_warned_of(file: Path, mode: int, whom: str) -> None:
    file.chmod(mode)
    config = LocalConfig.model_validate(
        {
            "apiVersion": "jumpstarter.dev/v1alpha1",
            "kind": "ExporterConfig",
            "export": {
                "power": {
                    "type": "tests.drivers.test_secrets.Locked",
                    "config": {"headers": {"X-Key": {"from": "file", "path": str(file)}}},
                }
            },
        }
    )
    said = list(warnings_of(config, DriverTree(build_drivers(config.export), scope="test")))
    assert len(said) == bool(whom)
    assert all(f'driver "power": {whom} of this machine can read the secret in {file}' in each for each in said)


def test_nothing_of_it_is_in_the_log(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        driver = Locked(password={"from": "file", "path": str(file)})
        driver.log.info("%r %s", driver.password, vars(driver))
    assert WORD not in caplog.text
