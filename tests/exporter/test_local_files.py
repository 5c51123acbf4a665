"""Configuration files without a controller, as `jumplab-exporter` takes them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab_exporter import config
from jumplab_exporter.errors import ConfigurationError
from tests.exporter.test_process import outcome

HEAD = {
    "apiVersion": "jumpstarter.dev/v1alpha1",
    "kind": "ExporterConfig",
    "export": {"power": {"type": "power/virtual"}},
}
METADATA = {"namespace": "lab", "name": "bench-3"}
WITHOUT_CONTROLLER: dict[str, dict[str, Any]] = {
    "absent": {},
    "empty": {"metadata": {}, "endpoint": "", "token": ""},
    "null": {"metadata": None, "endpoint": None, "token": None},
    "named": {"metadata": METADATA},
}


def written(folder: Path, changes: dict[str, Any]) -> Path:
    path = folder / "desk.yaml"
    path.write_text(yaml.safe_dump(HEAD | changes))
    return path


@pytest.mark.parametrize("changes", WITHOUT_CONTROLLER.values(), ids=WITHOUT_CONTROLLER.keys())
def test_what_is_about_a_controller_may_be_missing(tmp_path: Path, changes: dict[str, Any]) -> None:
    file = written(tmp_path, changes)
    name = config.load_local(file).metadata.name
    assert name == config.load_either(file).metadata.name == ("bench-3" if changes.get("metadata") else "desk")


async def test_check_takes_a_file_without_a_controller(tmp_path: Path) -> None:
    status, output = await outcome("check", "--file-only", written(tmp_path, {}))
    assert (status, output) == (0, "power: VirtualPower\n")


async def test_run_says_what_to_use(tmp_path: Path) -> None:
    file = written(tmp_path, {})
    status, output = await outcome("run", file)
    assert status == 2
    assert f"`jumplab shell --exporter-config {file}`" in output


def test_half_a_controller_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="token: is missing"):
        config.load_either(written(tmp_path, {"metadata": METADATA, "endpoint": "lab:7444"}))


def test_what_is_wrong_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tls\.insecur: is not known.*moot: is not known"):
        config.load_local(written(tmp_path, {"moot": 1, "tls": {"insecur": True}}))


async def test_local_is_no_command_for_people(tmp_path: Path) -> None:
    status, output = await outcome("local", written(tmp_path, {}))
    assert status == 2
    assert "use `jumplab shell --exporter-config FILE`" in output
