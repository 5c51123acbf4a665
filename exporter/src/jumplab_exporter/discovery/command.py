"""The command `jumplab-exporter discover`."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence

from jumplab.exit_status import print_result
from jumplab_exporter.discovery.host import Host, Thing
from jumplab_exporter.discovery.probing import probe as probe_thing
from jumplab_exporter.discovery.proposal import proposal_of
from jumplab_exporter.discovery.usage import Usage
from jumplab_exporter.discovery.watching import changes

_PAUSE_SECONDS = 1.0


def print_proposal(*, probe: bool) -> None:
    """Things that a running exporter uses are marked, and never probed."""
    things, usage = Host().things(), Usage.now()
    free = [thing for thing in things if not usage.user_of(thing)]
    remarks = asyncio.run(_probed(free)) if probe else {}
    print_result(proposal_of(things, usage, remarks).rstrip("\n"))


def print_changes() -> None:
    """Until it is interrupted."""
    for line in changes(lambda: Host().things(), lambda: time.sleep(_PAUSE_SECONDS)):
        print_result(line)
        sys.stdout.flush()


async def _probed(things: Sequence[Thing]) -> Mapping[Thing, Sequence[str]]:
    return {thing: await probe_thing(thing) for thing in things}
