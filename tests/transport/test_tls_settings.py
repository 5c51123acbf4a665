"""Which certificates the section `tls` takes, the same for clients, exporters and kubeconfigs."""

import base64
import re
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from jumplab.client.config import ClientConfig
from jumplab.transport.endpoint import Tls
from jumplab.transport.tls_settings import TlsSettings, read_certificates
from jumplab_exporter.config import ExporterConfig
from jumplab_operator import pki
from jumplab_operator.errors import NoKubeAccess
from jumplab_operator.kube import access

FIRST = pki.make_authority(datetime.now(UTC))
PEM = FIRST.certificate_pem.decode()
TWO = PEM + pki.make_authority(datetime.now(UTC)).certificate_pem.decode()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "pem"),
    [
        (PEM, PEM),
        (PEM.strip(), PEM),
        (f"\n{PEM}\n", PEM),
        (PEM.replace("\n", "\r\n"), PEM),
        ("# für das Labor\n" + PEM, PEM),
        (TWO, TWO),
        (encoded(PEM), PEM),
        (encoded(TWO), TWO),
        ("\n".join(textwrap.wrap(encoded(TWO), 76)) + "\n", TWO),
    ],
)
def test_a_ca_is_one_or_several_certificates_as_pem_or_in_base64(text: str, pem: str) -> None:
    read = TlsSettings(ca=text).trust().ca_pem
    assert read is not None
    assert read.decode().replace("\r\n", "\n").removeprefix("# f?r das Labor\n") == pem


@pytest.mark.parametrize("text", ["", "  \n"])
def test_without_a_ca_those_of_the_system_are_trusted(text: str) -> None:
    assert TlsSettings(ca=text).trust() == Tls(ca_pem=None, insecure=False)
    assert TlsSettings(ca=text, insecure=True).trust() == Tls(insecure=True)


NEITHER = "is neither PEM certificates nor the base64 of them; paste the CA's certificates"
UNREADABLE = "holds no PEM certificate that can be read; paste the CA's certificates, from BEGIN to END"
GARBAGE = {
    "nonsense": NEITHER,
    "/etc/ssl/ca.crt": NEITHER,
    encoded("nonsense"): NEITHER,
    base64.b64encode(bytes(range(128, 255))).decode(): NEITHER,
    encoded(PEM)[:-32]: UNREADABLE,
    "-----BEGIN CERTIFICATE-----": UNREADABLE,
    PEM[: len(PEM) // 2]: UNREADABLE,
    PEM.replace("\n", " "): UNREADABLE,
    TWO[:-40]: UNREADABLE,
    FIRST.key_pem.decode(): UNREADABLE,
    PEM.replace("M", "ä", 1): UNREADABLE,
}


@pytest.mark.parametrize(("text", "sentence"), GARBAGE.items())
def test_garbage_is_refused_in_one_sentence_wherever_it_is_found(tmp_path: Path, text: str, sentence: str) -> None:
    for model in (ClientConfig, ExporterConfig):
        settings = {"endpoint": "lab:1", "token": "t", "metadata": {"namespace": "lab", "name": "n"}}
        kind = {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": model.__name__}
        with pytest.raises(ValidationError) as refused:
            model.model_validate({**settings, **kind, "tls": {"ca": text}})
        (fault,) = refused.value.errors()
        assert (fault["loc"], fault["msg"]) == (("tls", "ca"), f"Value error, {sentence}")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_with(text)))
    told = f"certificate-authority-data of the cluster in {kubeconfig} {sentence}"
    with pytest.raises(NoKubeAccess, match=f"^{re.escape(told)}$"):
        access.find(kubeconfig)


def test_a_kubeconfig_has_its_ca_in_base64_or_in_a_file(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_with(encoded(TWO))))
    assert access.find(kubeconfig).ca_pem == TWO
    (tmp_path / "ca.crt").write_text(PEM)
    config = kubeconfig_with("")
    config["clusters"] = [{"name": "c", "cluster": {"server": "https://k", "certificate-authority": "ca.crt"}}]
    kubeconfig.write_text(yaml.safe_dump(config))
    assert access.find(kubeconfig).ca_pem == PEM


def test_what_is_read_reads_back() -> None:
    assert read_certificates(read_certificates(encoded(TWO)).decode()).decode() == TWO


def kubeconfig_with(ca: str) -> dict[str, object]:
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://k", "certificate-authority-data": ca}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
    }
