"""`jumplab-operator`: runs the control plane, on a cluster or on one machine.

Exit status: 2 for wrong usage or configuration, 1 for everything else that keeps it from running.
"""

import asyncio
import logging
import os
import sys
from datetime import timedelta
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import click

from jumplab.audit_log import FEWEST_BYTES, AuditLog
from jumplab.config_places import NoHome, home_of
from jumplab.exit_status import exit_status_of
from jumplab.interrupts import end_at_interrupt
from jumplab.protocol.durations import parse_duration
from jumplab.protocol.sizes import format_size, parse_size
from jumplab.transport.endpoint import check_address
from jumplab.verbosity import log_format_option, take_verbosity, verbose_option
from jumplab.versions import version_command, version_option
from jumplab_operator.audit import OperatorAudit
from jumplab_operator.authority import Step
from jumplab_operator.ca_rotation import TOLD, rotate_on_cluster
from jumplab_operator.clock import now
from jumplab_operator.control_plane import Installation, Listening, Running, in_cluster, one_machine
from jumplab_operator.controller.served_certificate import CertificateFiles
from jumplab_operator.errors import DataDirUnusable
from jumplab_operator.kube import access as kube_access
from jumplab_operator.leadership.election import PodIdentity
from jumplab_operator.process import PROGRAM, run_plane
from jumplab_operator.reconcile.context.settings import QUARANTINE_AFTER
from jumplab_operator.standalone.storage.backup import back_up
from jumplab_operator.standalone.storage.datadir import opened
from jumplab_operator.standalone.storage.rotation import replace_admin_token, rotate_authority

log = logging.getLogger(__name__)


class _Port(click.IntRange):
    name = "port number"


PORT = _Port(0, 65535)
FILE = click.Path(path_type=Path, dir_okay=False)

_SWITCH_SECONDS = 0.0005
"""How long a thread may run while another waits. kopf works in a thread of its own: by Python's default
the main loop would get its turn ten times later at each of its system calls."""


QUARANTINE = click.option(
    "--quarantine-after",
    type=click.IntRange(1),
    default=QUARANTINE_AFTER,
    show_default=True,
    help="Quarantine an exporter after this many consecutive failures.",
)


def _address(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    """Checks an option that is `host:port` or empty."""
    try:
        return check_address(value) if value else value
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@version_option(PROGRAM, PROGRAM)
@verbose_option
def cli() -> None:
    """Control plane of a hardware lab, on Kubernetes or on one machine."""


def main() -> None:
    """The program `jumplab-operator`."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    words, _ = take_verbosity(sys.argv[1:])
    status = exit_status_of(lambda: cli.main(words, prog_name=PROGRAM, standalone_mode=False), PROGRAM)
    end_at_interrupt()
    sys.exit(status)


cli.add_command(version_command(PROGRAM, PROGRAM))


def _length(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:  # noqa: ARG001 - click's signature
    """Reads an option that is a Go duration."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


PREEMPTION = click.option(
    "--preemption-notice",
    metavar="DURATION",
    callback=_length,
    default="60s",
    show_default=True,
    help="Grace period before a preempted lease ends.",
)


def _audit_log_size(ctx: click.Context, param: click.Parameter, value: str) -> int:  # noqa: ARG001 - click's signature
    """Reads an option that is a size."""
    try:
        size_bytes = parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if size_bytes < FEWEST_BYTES:
        raise click.BadParameter(f"{value} is too small; the least is {format_size(FEWEST_BYTES)}")
    return size_bytes


def _networks(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    param: click.Parameter,  # noqa: ARG001
    values: tuple[str, ...],
) -> tuple[IPv4Network | IPv6Network, ...]:
    """Reads an option that is an address or a network, any number of times."""
    try:
        return tuple(ip_network(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write an address or a network such as 10.0.0.0/8") from error


AUDIT_LOG = click.option(
    "--audit-log",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File for the audit log; - is standard output.  [default: none]",
)
AUDIT_LOG_SIZE = click.option(
    "--audit-log-size",
    metavar="SIZE",
    callback=_audit_log_size,
    default="256MiB",
    show_default=True,
    help="Space for the audit log with its older files.",
)

DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder for all data.  [default: ~/.local/share/jumplab]"
)


@cli.command()
@DATA_DIR
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=PORT, help="Port of the Kubernetes API; 0 takes a free one.  [default: the last one, or 7443]"
)
@click.option(
    "--grpc-port", type=PORT, help="Port of the controller; 0 takes a free one.  [default: the last one, or 7444]"
)
@click.option(
    "--advertise",
    metavar="HOST",
    help="Host name or address at which exporters and clients reach this machine.  [default: --host]",
)
@click.option(
    "--trusted-proxies",
    multiple=True,
    metavar="NETWORK",
    callback=_networks,
    help="Address or network of proxies: no bound on their unauthenticated connections; can be repeated.",
)
@AUDIT_LOG
@AUDIT_LOG_SIZE
@log_format_option
@QUARANTINE
@PREEMPTION
def standalone(
    data_dir: Path | None,
    host: str,
    port: int | None,
    grpc_port: int | None,
    advertise: str | None,
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...],
    audit_log: Path | None,
    audit_log_size: int,
    log_format: str,
    quarantine_after: int,
    preemption_notice: timedelta,
) -> None:
    """Run a complete control plane on this machine."""
    folder = data_dir or _default_data_dir()
    log = _audit_log(audit_log, audit_log_size)
    plane = partial(
        one_machine,
        audit=OperatorAudit(log),
        quarantine_after=quarantine_after,
        preemption_notice=preemption_notice,
        trusted_proxies=trusted_proxies,
    )
    run_plane(
        lambda _: plane(folder, host, port, grpc_port, advertise),
        _told_standalone,
        audit_log=log,
        log_format=log_format,
    )


@cli.command()
@DATA_DIR
@click.argument("target", type=click.Path(path_type=Path))
def backup(data_dir: Path | None, target: Path) -> None:
    """Copy the data of standalone to TARGET, while it runs or not.

    TARGET is a new or an empty folder, or a file whose name ends with .tar. It holds the private keys of the lab.
    """
    folder = data_dir or _default_data_dir()
    back_up(folder, target)
    click.echo(f"{folder} is copied to {target}; keep it as you keep passwords.")


@cli.group()
def rotate() -> None:
    """Replace the administrator's token of standalone, or the CA."""


@rotate.command("admin-token")
@DATA_DIR
def rotate_admin_token(data_dir: Path | None) -> None:
    """Replace the administrator's token, while standalone runs or not.

    Returns when the old token is dead and the kubeconfig has the new one; where standalone does not run, its next start
    does that.
    """
    found = opened(data_dir or _default_data_dir())
    file = found.path / "admin.token"
    if replace_admin_token(found):
        click.echo(f"{file} and {found.kubeconfig} have a new token; the old one is dead.")
    else:
        click.echo(f"{file} has a new token; {found.kubeconfig} gets it at the next start.")


KUBECONFIG = click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="Kubeconfig of the cluster.  [default: $KUBECONFIG, or the pod's]",
)


@rotate.command("ca")
@DATA_DIR
@click.option(
    "--own-namespace", metavar="NAMESPACE", help="Namespace of an operator on a cluster, in place of --data-dir."
)
@KUBECONFIG
@click.option("--switch", "asked", flag_value=Step.SWITCH.value, help="Sign with the new CA, once everybody has both.")
@click.option("--finish", "asked", flag_value=Step.FINISH.value, help="Drop the old CA.")
def rotate_ca(data_dir: Path | None, own_namespace: str | None, kubeconfig: Path | None, asked: str | None) -> None:
    """Replace the CA in three steps, while the control plane runs.

    Without an option a new CA is made: from then on exporters and clients are given both CAs. A step that was made
    already is not made again. Returns when the control plane has taken the step over.
    """
    step = Step(asked or Step.BEGIN)
    if own_namespace is not None:
        if data_dir is not None:
            raise click.UsageError("--data-dir and --own-namespace contradict each other; give one of them")
        asyncio.run(rotate_on_cluster(kube_access.find(kubeconfig), own_namespace, step))
        click.echo(TOLD[step])
        return
    found = opened(data_dir or _default_data_dir())
    if rotate_authority(found, step, now()):
        click.echo(TOLD[step])
    else:
        click.echo(f"{TOLD[step]} Standalone does not run; it takes this over when it starts.")


@cli.command()
@KUBECONFIG
@click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=_address,
    default="0.0.0.0:7444",
    show_default=True,
    help="Address to listen on.",
)
@click.option(
    "--endpoint",
    metavar="HOST:PORT",
    callback=_address,
    required=True,
    help="Address at which exporters and clients reach the controller.",
)
@click.option("--own-namespace", default="jumplab", show_default=True, help="Namespace that holds the operator's keys.")
@click.option("--namespace", "namespaces", multiple=True, help="Namespace to serve; can be repeated.  [default: all]")
@click.option(
    "--pod",
    default="",
    help="Name of the operator's pod; turns leader election on.  [default: no leader election]",
)
@click.option(
    "--tls-name", "names", multiple=True, help="Additional name in the operator's own certificate; can be repeated."
)
@click.option(
    "--tls-certificate", type=FILE, help="Certificate to serve in place of the operator's own; requires --tls-key."
)
@click.option("--tls-key", type=FILE, help="Private key of --tls-certificate.")
@click.option("--tls-ca", type=FILE, help="CA of --tls-certificate.  [default: a public CA]")
@click.option(
    "--health",
    metavar="HOST:PORT",
    callback=_address,
    default="",
    help="Address for /livez, /readyz and /metrics.  [default: not served]",
)
@AUDIT_LOG
@AUDIT_LOG_SIZE
@log_format_option
@QUARANTINE
@PREEMPTION
def run(
    kubeconfig: Path | None,
    listen: str,
    endpoint: str,
    own_namespace: str,
    namespaces: tuple[str, ...],
    pod: str,
    names: tuple[str, ...],
    tls_certificate: Path | None,
    tls_key: Path | None,
    tls_ca: Path | None,
    health: str,
    audit_log: Path | None,
    audit_log_size: int,
    log_format: str,
    quarantine_after: int,
    preemption_notice: timedelta,
) -> None:
    """Run operator, controller and router on a cluster that has the CRDs."""
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key require each other; set both or neither")
    access = kube_access.find(kubeconfig)
    files = CertificateFiles(tls_certificate, tls_key, tls_ca) if tls_certificate and tls_key else None
    listening = Listening(listen, endpoint, names, files)
    pod_identity = PodIdentity(own_namespace, pod) if pod else None
    installation = Installation(own_namespace, namespaces, pod_identity, quarantine_after, preemption_notice)
    log = _audit_log(audit_log, audit_log_size)
    audit = OperatorAudit(log)
    run_plane(partial(in_cluster, access, listening, installation, audit=audit), _told_cluster, health, log, log_format)


def _audit_log(file: Path | None, size_bytes: int) -> AuditLog | None:
    """Not entered yet; None: none is kept."""
    return AuditLog(file, "controller", size_bytes) if file is not None else None


def _told_standalone(running: Running) -> str:
    assert running.kubeconfig is not None
    return f"""Jumplab is running; the controller is at {running.endpoint}. In another terminal:

    export KUBECONFIG={running.kubeconfig}
    jumplab create client me
    jumplab create exporter bench-1 -l board=demo
    kubectl get exporters,jumpstarter

Stop it with Ctrl-C; everything is kept in {running.kubeconfig.parent}."""


def _told_cluster(running: Running) -> str:
    return f"Jumplab is running; the controller is at {running.endpoint}."


def _default_data_dir() -> Path:
    return _data_home() / "jumplab"


def _data_home() -> Path:
    if named := os.environ.get("XDG_DATA_HOME"):
        return Path(named)
    try:
        return home_of(os.environ) / ".local" / "share"
    except NoHome as error:
        raise DataDirUnusable(f"{error}; choose a folder with --data-dir, or set HOME") from error
