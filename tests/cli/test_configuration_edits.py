"""A CA is replaced in the text of a configuration, and the rest stays as it was written."""

from __future__ import annotations

import pytest
import yaml

from jumplab.cli.configuration_edits import with_ca

WAYS = {
    "plain": "tls:\n  ca: b2xk  # ours\n  insecure: false\nexport: {}\n",
    "quoted": 'tls:\n  ca: "b2xk"\n  insecure: false\nexport: {}\n',
    "a block": "tls:\n  ca: |\n    -----BEGIN CERTIFICATE-----\n    b2xk\n\n  insecure: false\nexport: {}\n",
    "a block at the end": "export: {}\ntls:\n  insecure: false\n  ca: |\n    b2xk\n    b2xk\n",
    "on one line": "export: {}\ntls: {ca: b2xk, insecure: false}\n",
    "empty": 'tls: {ca: "", insecure: false}\nexport: {}\n',
}


@pytest.mark.parametrize("way", WAYS)
def test_a_ca_is_replaced_however_it_is_written(way: str) -> None:
    changed = with_ca(f"# kept\n{WAYS[way]}", "bmV3")
    assert changed is not None
    assert yaml.safe_load(changed) == {"tls": {"ca": "bmV3", "insecure": False}, "export": {}}
    assert changed.startswith("# kept\n")
    assert ("# ours" in changed) == ("# ours" in WAYS[way])


@pytest.mark.parametrize("text", ["export: {}\n", "tls: {caFile: ca.crt}\n", "tls: ca\n", "- tls\n", ""])
def test_a_file_without_a_ca_is_not_changed(text: str) -> None:
    assert with_ca(text, "bmV3") is None
