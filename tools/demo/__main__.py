"""Runs the demonstration, step by step."""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import jumplab
from jumplab.client.config import ClientConfig, parse_config, read_yaml
from jumplab.driver import GenericClient
from jumplab_exporter.testing.fat_image import make_fat_image
from tools.demo.board import Board, export, find_board
from tools.demo.programs import Failed, Programs
from tools.demo.telling import Teller

LEASE = Path(__file__).resolve().parents[2] / "examples" / "lease.yaml"
PROMPT = "=> "
OF_THE_LEASE = "involvedObject.name=demo"
GREETING = b"written by make demo\n"
_STARTING_BOUND_SECONDS = 30.0
_POLL_SECONDS = 0.05


def main() -> int:
    teller = Teller()
    with tempfile.TemporaryDirectory(prefix="jumplab-demo-") as temporary:
        folder = Path(temporary)
        environment = {
            "HOME": temporary,
            "XDG_CONFIG_HOME": f"{temporary}/config",
            "KUBECONFIG": f"{temporary}/lab/kubeconfig",
        }
        try:
            with Programs(folder, environment) as programs:
                demonstrate(programs, teller)
        except (Failed, jumplab.JumplabError) as error:
            print(f"demo: failed: {error}", file=sys.stderr)
            return 1
    teller.step("everything that was started has ended")
    print("demo: ok")
    return 0


def demonstrate(programs: Programs, teller: Teller) -> None:
    """From an empty folder to the board's prompt and back."""
    board = find_board()
    kubectl = programs.find("kubectl")
    teller.step("a control plane on this machine: jumplab-operator standalone")
    start_control_plane(programs)
    if not kubectl:
        teller.note("kubectl was not found: jumplab itself asks for the lease")
    teller.step("a client and an exporter: jumplab create client me, jumplab create exporter bench")
    config = create_resources(programs)
    teller.step(f"jumplab-exporter run bench.yaml: {board.title}")
    if board.missing:
        teller.note(f"no QEMU board: {board.missing}")
    start_exporter(programs, board)
    teller.step("a disk image with the file hello.txt")
    image = programs.folder / "disk.img"
    image.write_bytes(make_fat_image({"hello.txt": GREETING}))
    teller.step("kubectl apply -f examples/lease.yaml, and wait until it is Ready" if kubectl else "a lease")
    teller.lines(apply_lease(programs, kubectl))
    with leased(config, programs) as client:
        use_board(client, board, image, teller)
    teller.step("release, and what happened to the lease")
    teller.lines(release(programs, kubectl))


def start_control_plane(programs: Programs) -> None:
    """Returns when the lab's kubeconfig can be used."""
    programs.start(
        "jumplab-operator", "standalone", "--data-dir", f"{programs.folder}/lab", "--port=0", "--grpc-port=0"
    )
    wait_for(programs, programs.folder / "jumplab-operator.log", "Jumplab is running")


def create_resources(programs: Programs) -> ClientConfig:
    """Returns the client's configuration."""
    client = programs.folder / "config" / "jumpstarter" / "clients" / "me.yaml"
    exporter = programs.folder / "bench.yaml"
    programs.run_all(
        ["jumplab", "create", "client", "me", "--save"],
        ["jumplab", "create", "exporter", "bench", "-l", "board=demo", "--out", str(exporter)],
    )
    return parse_config(read_yaml(client), str(client))


def start_exporter(programs: Programs, board: Board) -> None:
    """Returns when the exporter is registered."""
    configuration = programs.folder / "bench.yaml"
    export(configuration, board)
    programs.start("jumplab-exporter", "run", str(configuration))
    wait_for(programs, programs.folder / "jumplab-exporter.log", "Available")


def apply_lease(programs: Programs, kubectl: str | None) -> str:
    """Asks for the lease and waits until it is ready: what the tools said."""
    if kubectl:
        said = programs.run(kubectl, "apply", "-f", str(LEASE))
        return said + programs.run(kubectl, "wait", "--for=condition=Ready", "jl/demo", "--timeout=30s")
    selector = ",".join(f"{key}={value}" for key, value in labels().items())
    return programs.run("jumplab", "create", "lease", "--name=demo", "-l", selector, "--duration=10m", "--wait")


def labels() -> dict[str, str]:
    """What examples/lease.yaml asks for."""
    selected: dict[str, str] = yaml.safe_load(LEASE.read_text())["spec"]["selector"]["matchLabels"]
    return selected


@contextlib.contextmanager
def leased(config: ClientConfig, programs: Programs) -> Iterator[GenericClient]:
    """The drivers of the lease; a program that ended meanwhile is told."""
    programs.check_running()
    with jumplab.attach("demo", client=config) as client:
        yield client


def use_board(client: GenericClient, board: Board, image: Path, teller: Teller) -> None:
    """Writes the disk, boots, and talks to the boot loader."""
    teller.step("storage.write_file: the image goes onto the board's disk")
    digest = client.storage.write_file(image)
    teller.note(f"{digest.size_bytes} bytes, SHA-256 {digest.sha256[:16]}…")
    teller.step("power.on, and the console until the prompt")
    client.power.on()
    said = client.console.expect("stop autoboot")
    client.console.send("\n")
    teller.lines(said + client.console.expect(PROMPT))
    for command in board.commands:
        teller.step(f"the board is asked: {command}")
        answer = client.console.run(command, PROMPT)
        teller.lines(answer)
    if "hello.txt" not in answer:
        raise Failed("the board does not see hello.txt on its disk")
    client.power.off()


def release(programs: Programs, kubectl: str | None) -> str:
    """Releases the lease: its events, one a line."""
    if kubectl:
        programs.run(kubectl, "patch", "jl", "demo", "--type=merge", "--patch", '{"spec":{"release":true}}')
        programs.run(kubectl, "wait", "--for=condition=Ready=false", "jl/demo", "--timeout=30s")
        answer = programs.run(kubectl, "get", "events", f"--field-selector={OF_THE_LEASE}", "--output=json")
        events = json.loads(answer)["items"]
    else:
        programs.run("jumplab", "delete", "lease", "demo")
        events = listed_events(programs.folder / "lab" / "kubeconfig")
    events.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
    return "\n".join(f"{event['reason']:10}{event['message']}" for event in events)


def listed_events(kubeconfig: Path) -> list[dict[str, Any]]:
    """The lease's events, asked for without kubectl."""
    import kubernetes

    config: Any = kubernetes.config
    with config.new_client_from_config(str(kubeconfig)) as api:
        events = kubernetes.client.CoreV1Api(api).list_namespaced_event("default", field_selector=OF_THE_LEASE)
        items: list[dict[str, Any]] = api.sanitize_for_serialization(events)["items"]
        return items


def wait_for(programs: Programs, log: Path, text: str) -> None:
    """Waits until a program has said `text`. Raises Failed where it ends before, or takes too long."""
    deadline = time.monotonic() + _STARTING_BOUND_SECONDS
    while text not in log.read_text(errors="replace"):
        programs.check_running()
        if time.monotonic() > deadline:
            raise Failed(
                f'"{text}" did not come within {_STARTING_BOUND_SECONDS:g} s; {log.name} has: {log.read_text()}'
            )
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
