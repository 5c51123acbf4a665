"""How the blocks of each page are tried, and why some are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_TESTS = "tests/docs"

ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "README.md": {"": f"{_TESTS}/test_readme.py"},
    "docs/access-policies.md": {"": f"{_TESTS}/test_pages.py"},
    "docs/reservations.md": {"": f"{_TESTS}/test_pages.py"},
    "docs/second-machine.md": {"": f"{_TESTS}/test_pages.py"},
    "docs/strategies.md": {"": f"{_TESTS}/test_strategies.py"},
    "docs/local.md": {"": f"{_TESTS}/test_local.py"},
    "docs/upgrades.md": {'driver "gauge"': f"{_TESTS}/test_upgrades.py"},
    "docs/drivers/consoles.md": dict.fromkeys(("board.", "with board."), f"{_TESTS}/test_console_answers.py"),
    "docs/drivers/console-serial.md": {"": f"{_TESTS}/test_consoles.py"},
    "docs/drivers/storage-disk.md": dict.fromkeys(
        ("storage:", "written =", "fetched =", "j storage write https:"), f"{_TESTS}/test_storage.py"
    ),
    "docs/drivers/own.md": {"": f"{_TESTS}/test_own_driver.py"},
    "docs/drivers/power.md": {"": f"{_TESTS}/test_power.py"},
    "docs/drivers/boot-server.md": {"": f"{_TESTS}/test_boot_server.py"},
    "docs/drivers/debug.md": {"": f"{_TESTS}/test_debug.py"},
    "docs/drivers/flasher.md": {"": f"{_TESTS}/test_flasher.py"},
    "docs/drivers/mqtt.md": {"": f"{_TESTS}/test_mqtt.py"},
    "docs/drivers/modbus.md": {"": f"{_TESTS}/test_modbus.py"},
    "docs/drivers/lines.md": {"": f"{_TESTS}/test_lines.py"},
    "docs/drivers/console-remote.md": {"": f"{_TESTS}/test_remote_consoles.py"},
    "docs/drivers/shell.md": {"": f"{_TESTS}/test_shells.py"},
    "docs/drivers/network.md": dict.fromkeys(
        ("with board.ssh.", "with board.snmp.", "with board.backend.", "with jumplab.lease(exporters"),
        f"{_TESTS}/test_network.py",
    ),
    "docs/drivers/storage-mux.md": {"": f"{_TESTS}/test_storage_mux.py"},
    "docs/exporter.md": {
        "jumplab-exporter reload": "tests/exporter/test_reload.py",
        **dict.fromkeys(("export:", "hooks:", "failureDetection:"), f"{_TESTS}/test_configuration_pages.py"),
        "jumplab-exporter: ": f"{_TESTS}/test_configuration_pages.py",
        "2026-": f"{_TESTS}/test_consoles.py",
        "consoleLogs:": f"{_TESTS}/test_consoles.py",
    },
    "docs/client.md": {
        "# ~/.config/": f"{_TESTS}/test_configuration_pages.py",
        **dict.fromkeys(("import jumplab\nfrom", "class Pair", "import asyncio"), "tests/lab/test_documentation.py"),
    },
    "docs/install.md": dict.fromkeys(
        ("uv tool", "python3 -m venv ~", "eval ", "jumplab --version", "git pull", "rm -r"),
        "tests/packaging/test_install_page.py",
    ),
}
"""For each page, beginnings of blocks and the test that runs or reads them."""

NOT_RUN: Mapping[str, Mapping[str, str]] = {
    "docs/audit.md": {
        "jumplab-operator standalone": "tests/lab/test_audit.py starts it with the option",
        "auditLog:": "tests/exporter/test_audit.py holds the settings, and tests/lab/test_audit.py uses them",
    },
    "docs/benchmarks-development.md": {"make ": "each takes minutes; tests/bench runs a short round"},
    "docs/growing.md": {
        "make ": "it takes minutes; tests/bench runs a short round",
        "jumplab-operator run": "tests/lab starts such operators with the same options",
    },
    "docs/chaos.md": {"make ": "each takes minutes; tests/chaos and tests/fuzz run short rounds"},
    "docs/development.md": {
        "make ": "these are the targets that run the tests",
        "jumplab  ": "a diagram; tests/docs/test_development.py looks at the packages that it names",
    },
    "docs/cli.md": {
        "jumplab get exporters": "it opens a shell and a console; tests/cli/test_shell.py and test_console.py do",
        "jumplab console --log-of": "tests/cli/test_kept_log.py runs it",
        "j  ": "some of it waits for keys; test_each_j_command_exists looks at each command and option",
    },
    "docs/client.md": {
        "import jumplab\n\nwith": "it is what the README runs",
        "with jumplab.lease(exporters": "tests/lab/test_gangs.py leases so",
        'exporter "bench-1" does not': "tests/client/test_board_types.py holds the sentence",
    },
    "docs/cluster.md": {
        "docker ": "there is no Docker; tests/images builds the images without it",
        "FROM ": "there is no Docker",
        "kubectl -n jumplab": "tests/docs/test_readme.py runs it in its cluster",
        "helm install jumplab": "tests/docs/test_readme.py runs the same command",
        "helm install lab": "there is no program `helm`; tests/charts installs the chart by its library",
        "# lab.yaml": "the chart's values; test_the_lab_as_code_can_be_installed renders the chart with them",
    },
    "docs/discovery.md": {"jumplab-exporter discover": "tests/exporter/test_discovery.py runs it; --watch never ends"},
    "docs/drivers/consoles.md": {"echo jumplab": "a shell gets it; tests/drivers/test_console_run.py reads it there"},
    "docs/drivers/network.md": dict.fromkeys(
        ("j ssh", "j snmp", "j backend"), "it waits for Ctrl-C; tests/cli/test_forwarding.py runs it"
    ),
    "docs/drivers/storage-disk.md": {"disk: can't": "tests/drivers/test_storage_formats.py holds the sentence"},
    "docs/exporter.md": {
        "Connecting": "a diagram",
        "driver   works": "tests/exporter/test_check_command.py holds the table",
        "jumplab-exporter check": "CONFIG stands for a file; the README has the commands",
    },
    "docs/health.md": {"class HttpRelay": "a part of the driver of docs/drivers/own.md"},
    "docs/install.md": {
        "jumplab-operator standalone": "tests/docs/test_pages.py runs it on docs/second-machine.md",
        "python3 -m venv /opt": "it wants systemd; tests/packaging installs the same wheels",
    },
    "docs/leasing.md": {"position:": "a part of a status; test_the_status_of_the_queue_has_these_fields reads it"},
    "docs/logs.md": dict.fromkeys(("2026-", '{"time"'), "tests/lab/test_logs.py reads such lines"),
    "docs/pytest.md": {"": "it mixes programs with what they print; tests/testing has its tests"},
    "docs/rotating.md": {
        "the new certificate": "tests/charts/test_in_a_pod.py holds the sentence",
        "jumplab-operator rotate ca ": "it locks the pages' lab out; tests/lab/test_ca_rotation.py makes the steps",
    },
    "docs/standalone-api.md": {"install -d": "it starts a control plane; tests/standalone/test_backup.py restores so"},
    "docs/sessions.md": {"from jumplab": "tests/drivers/test_flasher_flashrom.py listens in this way"},
}
"""The blocks that are not run, and why."""


@dataclass(frozen=True)
class Session:
    """How the shell blocks of a page are run in the lab of the pages: those of `j` in a leased shell.

    before: commands that make what a block assumes;  names: what stands for its placeholders;  alternatives: whether
    each line wants `before`.
    """

    before: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    alternatives: bool = False


_LEASE = """kubectl apply -f - <<'END'
apiVersion: jumpstarter.dev/v1alpha1
kind: Lease
metadata: {name: demo}
spec: {clientRef: {name: me}, selector: {matchLabels: {board: demo}}, duration: 10m}
END
kubectl get jl demo -o yaml | grep -v resourceVersion > lease.yaml
"""
_GONE = """kubectl delete clients.jumpstarter.dev gone --ignore-not-found
rm -f gone.yaml
jumplab create client gone --out gone.yaml
"""
_OLD = """kubectl delete clients.jumpstarter.dev/turned exporters.jumpstarter.dev/bench-turned --ignore-not-found
rm -f turned.yaml bench-turned.yaml
jumplab create client turned --out turned.yaml
jumplab create exporter bench-turned --out bench-turned.yaml
"""
_IMAGES = "head -c 4M /dev/zero > image.img; head -c 1M image.img > boot.bin; xz -kf image.img\n"

SESSIONS: Mapping[str, Session] = {
    "docs/cli.md": Session(
        before="echo 'def test_power(board): board.power.on()' > test_power.py\n",
        names={"export KUBECONFIG=…": "true", "client me": "client mia", "bench-1": "bench-7"},
    ),
    "docs/client.md": Session(),
    "docs/leasing.md": Session(before=_LEASE, names={"NAME": "demo"}),
    "docs/health.md": Session(),
    "docs/rotating.md": Session(before=_OLD, names={"ci": "turned", "bench-1": "bench-turned"}),
    "docs/security.md": Session(before=_GONE, names={"NAME": "gone"}, alternatives=True),
    "docs/standalone-api.md": Session(names={"/backups/": "backups/"}),
    "docs/drivers/consoles.md": Session(before="j power on\n"),
    "docs/drivers/storage-disk.md": Session(before=_IMAGES),
}
