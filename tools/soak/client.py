"""The client: leases an exporter again and again, calls its driver, and prints how many leases it has had.

    python -m tools.soak.client CONFIGURATION EXPORTER COUNT

CONFIGURATION is the client's file.
"""

import sys
from pathlib import Path

import jumplab
from jumplab.client.config import parse_config, read_yaml

EACH = 100
"""A line for so many."""


def main(configuration: Path, exporter: str, count: int) -> None:
    config = parse_config(read_yaml(configuration), str(configuration))
    for number in range(1, count + 1):
        with jumplab.lease(exporter=exporter, duration="30m", client=config) as board:
            board.power.on()
        if number % EACH == 0:
            print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
