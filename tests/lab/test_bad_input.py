"""What is asked for wrongly gets one clear sentence and its exit status, with every part real; nothing is half done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import yaml

import jumplab
from jumplab.client.config import ClientConfig
from jumplab.driver import errors
from jumplab.transport.tls_settings import TlsSettings
from jumplab_operator.pki import make_authority
from tests.kube.kubectl import Kubectl, Said
from tests.kube.processes import free_ports
from tests.kube.servers import kubeconfig
from tests.lab.gate import Gate
from tests.lab.homes import NAMESPACE, OneMachine
from tests.lab.lab import GROUP, VIRTUAL_BOARD, Lab, Plain

ACME = '''
from typing import ClassVar
from jumplab.driver import Driver, DriverInterface

class SirenInterface(DriverInterface):
    """Wakes the lab."""
    client: ClassVar[str] = "acme_drivers.SirenClient"
    async def howl(self) -> None: ...

class Siren(SirenInterface, Driver):
    """A siren."""

class RelayInterface(DriverInterface):
    """Has no methods."""

class Stubborn(RelayInterface, Driver):
    """Does not start."""
    async def __aenter__(self) -> "Stubborn":
        raise ConnectionError("the relay box does not answer")
'''
EXPORT: Plain = {
    **VIRTUAL_BOARD,
    "missing": {"type": "acme/relay"},
    "stubborn": {"type": "acme_drivers.Stubborn"},
    "siren": {"type": "acme_drivers.Siren"},
}
STRANGER = make_authority(datetime.now(UTC)).certificate_pem.decode()
SELECTED = ("create", "lease", "-l", "board=bench-bad")
Change = Callable[[ClientConfig, Path], ClientConfig]


def one_sentence(said: Said, status: int) -> str:
    """Asserts how a refused command ends: its status, one line on standard error, nothing on standard output."""
    assert said.status == status, said
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.count("\n") == 1, said.err
    return said.err


def last_sentence(said: Said, status: int, program: str) -> str:
    """The same of a command that says what it does meanwhile, or logs: its one sentence comes last."""
    assert said.status == status, said
    assert "Traceback" not in said.err
    *before, last = said.err.splitlines()
    assert last.startswith(f"{program}: "), said.err
    assert not [line for line in before if line.startswith(f"{program}: ") and program != "jumplab"], said.err
    return last


@pytest.fixture(scope="module")
def bad_lab(one_machine_lab: Lab) -> Iterator[Lab]:
    """An exporter with good and bad drivers, and leases of all sorts."""
    lab = one_machine_lab
    (lab.folder / "acme_drivers.py").write_text(ACME)
    lab.exporter("bench-bad", export=EXPORT, environment={"PYTHONPATH": str(lab.folder)})
    lab.client("somebody")
    lab.lease("over", board="bench-bad")
    lab.until_ready("over")
    lab.release("over")
    lab.until_available("bench-bad")
    lab.lease("mine", board="bench-bad")
    lab.until_ready("mine")
    lab.lease("theirs", board="bench-bad", client="somebody")  # now: of two of one second either may be the first
    yield lab
    for lease in ("theirs", "mine"):
        lab.delete("leases", lease)
    lab.until_available("bench-bad")


# A client's configuration and its way to the controller


def foreign_token(config: ClientConfig, data_dir: Path) -> ClientConfig:
    token = jwt.encode({"sub": "client:lab:ci:1"}, "x" * 32)
    return config.model_copy(update={"token": token})


def expired_token(config: ClientConfig, data_dir: Path) -> ClientConfig:
    claims = jwt.decode(config.token, options={"verify_signature": False})
    claims["exp"] = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp())
    token = jwt.encode(claims, (data_dir / "signing.key").read_text(), algorithm="ES256")
    return config.model_copy(update={"token": token})


def away(config: ClientConfig, data_dir: Path) -> ClientConfig:
    return config.model_copy(update={"endpoint": f"127.0.0.1:{free_ports(1)[0]}"})


def strange_authority(config: ClientConfig, data_dir: Path) -> ClientConfig:
    return config.model_copy(update={"tls": TlsSettings(ca=STRANGER)})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (foreign_token, "this controller did not issue the token"),
        (
            expired_token,
            r"the token expired .* by the controller's clock, which says .* UTC; the new one is in the Sec",
        ),
        (away, r'nothing answers at 127\.0\.0\.1:\d+; check that it runs, and "endpoint"'),
        (strange_authority, r'the certificate of \S+ is not signed by a trusted CA.*; check "tls.ca"'),
    ],
)
def test_a_client_that_can_not_come_in_is_told_why(bad_lab: Lab, change: Change, sentence: str) -> None:
    person = bad_lab.person(change.__name__, change(bad_lab.config, data_dir_of(bad_lab)))
    said = person.run("jumplab", *SELECTED, "--name", "refused")
    assert re.search(sentence, one_sentence(said, 1))
    assert "refused" not in names(bad_lab, "leases")


def test_a_certificate_for_another_name_is_told(bad_lab: Lab) -> None:
    (port,) = free_ports(1)
    gate = Gate(f"https://{bad_lab.config.endpoint}", port, "127.0.0.2")
    gate.start()
    try:
        person = bad_lab.person("other name", bad_lab.config.model_copy(update={"endpoint": f"127.0.0.2:{port}"}))
        sentence = one_sentence(person.run("jumplab", "get", "leases"), 1)
    finally:
        gate.stop()
    assert f"the certificate of 127.0.0.2:{port} " in sentence


def test_a_configuration_with_an_unknown_key_and_one_that_is_missing_are_named(bad_lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "client.yaml"
    file.write_text(bad_lab.config.to_yaml() + "colour: red\n")
    sentence = one_sentence(bad_lab.ci.run("jumplab", "get", "leases", JMP_CLIENT_CONFIG=str(file)), 2)
    assert f"{file}: colour: is not known" in sentence
    sentence = one_sentence(bad_lab.ci.run("jumplab", "get", "leases", JMP_CLIENT_CONFIG="/nowhere.yaml"), 2)
    assert "/nowhere.yaml: No such file" in sentence


# Leases


@pytest.mark.parametrize(
    ("command", "status", "sentence"),
    [
        ("create lease -l board=nothing --wait", 1, "there is no exporter that matches board=nothing"),
        ("shell -l board=nothing -- true", 1, "there is no exporter that matches board=nothing"),
        ("create lease --exporter nobody --wait", 1, 'can\'t be satisfied: there is no exporter "nobody"'),
        ("shell --lease theirs -- true", 1, 'lease "theirs" belongs to client "somebody", not to "ci"'),
        ("delete lease theirs", 1, 'lease "theirs" belongs to client "somebody", not to "ci"'),
        ("shell --lease over -- true", 1, 'lease "over" has ended: released by its holder'),
        ("console --lease over", 1, 'lease "over" has ended: released by its holder'),
        ("create lease -l board=bench-bad --name mine", 1, 'your lease "mine" has not ended; release it first'),
        ("create lease -l board=bench-bad theirs", 1, 'the name "theirs" belongs to a lease of client "somebody"'),
        ("shell -l board=bench-bad --name theirs -- true", 1, 'belongs to a lease of client "somebody"'),
        ("create lease -l board=bench-bad mine --name mine", 2, "the name is given twice, as NAME and with --name"),
        ("get history nowhere", 1, 'there is no exporter "nowhere" in namespace'),
        ("get history", 2, "missing argument 'EXPORTER'"),
        ("create lease -l board=bench-bad --duration soon", 2, '"soon" is not a duration; write it as 30m'),
        ("create lease -l board,,", 2, "in the selector"),
    ],
)
def test_a_lease_that_can_not_be_had_is_told(bad_lab: Lab, command: str, status: int, sentence: str) -> None:
    active = set(names(bad_lab, "leases"))
    said = bad_lab.ci.run("jumplab", *command.split())
    assert said.out == ""
    assert sentence in last_sentence(said, status, "jumplab")
    assert set(names(bad_lab, "leases")) == active


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"clientRef": {"name": "ci"}, "duration": "soon"}, "spec.duration"),
        ({"clientRef": {"name": 5}, "selector": {}}, "spec.clientRef.name"),
        ({"clientRef": {"name": "ci"}, "selector": {}, "whenUnsatisfiable": "Perhaps"}, "spec.whenUnsatisfiable"),
        ({"selector": {}}, "spec.clientRef"),
    ],
)
def test_a_manifest_that_the_schema_refuses_is_told_with_its_field(
    lab: Lab, spec: Plain, field: str, tmp_path: Path
) -> None:
    lease = {"apiVersion": GROUP, "kind": "Lease", "metadata": {"name": "refused"}, "spec": spec}
    kubectl = Kubectl(lab.home.kubeconfig, tmp_path, NAMESPACE)
    said = kubectl.run("apply", "--validate=false", "-f", "-", stdin=yaml.safe_dump(lease))
    assert said.status == 1
    assert field in said.err
    assert "refused" not in names(lab, "leases")


# Drivers


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("board power cycle --off-seconds soon", 2, "invalid value for '--off-seconds'"),
        ("board power on now", 2, "unexpected extra argument (now)"),
        ("board power explode", 2, 'driver "board.power" has no "explode"; it offers: on, off'),
        ("fan on", 2, 'this exporter has no "fan"; it offers: board'),
        ("siren howl", 1, "asks for the client class acme_drivers.SirenClient, whose package is not allowed"),
        ("missing on", 1, "driver \"missing\" did not start: there is no driver type 'acme/relay'"),
        ("stubborn on", 1, 'driver "stubborn" did not start: the relay box does not answer'),
    ],
)
def test_a_call_that_can_not_be_made_is_told_and_moves_nothing(
    bad_lab: Lab, words: str, status: int, sentence: str
) -> None:
    said = bad_lab.ci.run("jumplab", "shell", "--lease", "mine", "--", "j", *words.split())
    assert said.out == ""
    assert sentence in last_sentence(said, status, "j")


def test_a_client_class_that_is_not_allowed_is_told_to_test_authors(bad_lab: Lab) -> None:
    refused = pytest.raises(errors.ClientNotAllowed, match='add "acme_drivers" to drivers.allow of your client config')
    with refused, jumplab.attach("mine", client=bad_lab.config):
        raise AssertionError("it must not be entered")


def test_the_other_drivers_are_served_and_the_broken_ones_told(bad_lab: Lab) -> None:
    said = bad_lab.ci.run(
        "jumplab", "shell", "--lease", "mine", "--", "sh", "-c", "j board power on && j && j board power off"
    )
    assert said.status == 0, said
    assert "missing  did not start: there is no driver type 'acme/relay'" in said.out
    assert "stubborn  did not start: the relay box does not answer" in said.out
    told = bad_lab.get("exporters", "bench-bad")["status"]["statusMessage"]
    assert 'driver "missing" can\'t be used' in told
    assert 'driver "stubborn" can\'t be used: the relay box does not answer' in told


# The exporter and the control plane


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token": "stolen"}, "this controller did not issue the token"),
        ({"tls": {"ca": STRANGER}}, 'is not signed by a trusted CA; check "tls.ca"'),
        ({"metadata": {"namespace": NAMESPACE, "name": "bench-bad"}}, 'jumpstarter-name says "bench-bad"'),
    ],
)
def test_an_exporter_that_can_not_come_in_ends_and_is_told_why(bad_lab: Lab, change: Plain, sentence: str) -> None:
    if "bench-out" not in names(bad_lab, "exporters"):
        bad_lab.create("Exporter", "bench-out", {})
    file = bad_lab.exporter_config("bench-out", **change)
    assert sentence in last_sentence(bad_lab.ci.run("jumplab-exporter", "run", file), 1, "jumplab-exporter")


def operator(lab: Lab, *options: str | Path) -> Said:
    """`jumplab-operator run` for the lab's own API, with some of its options as told."""
    (port,) = free_ports(1)
    usual = ("--endpoint", f"127.0.0.1:{port}", "--listen", f"127.0.0.1:{port}", "--own-namespace", NAMESPACE)
    return lab.ci.run("jumplab-operator", "run", *usual, *options)


@pytest.mark.parametrize("option", ["--listen", "--health"])
def test_a_port_in_use_is_told_by_an_operator_for_a_cluster(bad_lab: Lab, option: str) -> None:
    said = operator(bad_lab, option, bad_lab.config.endpoint)
    assert f"jumplab-operator: {bad_lab.config.endpoint} can't be listened on" in last_sentence(
        said, 1, "jumplab-operator"
    )


def test_an_address_that_is_none_is_told_by_an_operator_for_a_cluster(bad_lab: Lab) -> None:
    said = operator(bad_lab, "--health", "lab")
    assert "invalid value for '--health': \"lab\" is not of the form HOST:PORT" in said.err
    assert said.status == 2


def test_what_the_api_refuses_an_operator_is_told(bad_lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(kubeconfig(bad_lab.kube.url, data_dir_of(bad_lab) / "ca.crt", "stolen")))
    said = operator(bad_lab, "--kubeconfig", file)
    assert (
        one_sentence(said, 1) == "jumplab-operator: the Kubernetes API refused what the operator needs: Unauthorized\n"
    )


def test_a_kubeconfig_that_is_missing_is_told_by_an_operator(bad_lab: Lab) -> None:
    said = operator(bad_lab, "--kubeconfig", "/nowhere")
    assert (
        one_sentence(said, 2) == "jumplab-operator: the kubeconfig /nowhere can't be read: No such file or directory\n"
    )


@pytest.mark.parametrize("content", [None, "words", "[1, 2", "\0"])
def test_a_kubeconfig_that_is_none_is_named(bad_lab: Lab, content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    said = bad_lab.ci.run("jumplab", "create", "exporter", "new", "--kubeconfig", file)
    assert f"the kubeconfig {file} can't be used" in one_sentence(said, 2)


def data_dir_of(lab: Lab) -> Path:
    assert isinstance(lab.home, OneMachine)
    return lab.home.data_dir


def names(lab: Lab, plural: str) -> list[str]:
    """The names of what is there, without ended leases."""
    return [each["metadata"]["name"] for each in lab.list(plural) if not each.get("status", {}).get("ended")]
