"""A board's safe state: into which state each driver is brought before and after a lease."""

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence

from jumplab.driver.interface import states_of
from jumplab.session.call_errors import sentence_of
from jumplab.session.host import DriverTree
from jumplab.session.host.dispatch import Dispatcher
from jumplab.session.host.driver_logs import speaking, traceback_of
from jumplab.session.host.keeping import is_of_driver
from jumplab.session.host.tree import Node
from jumplab.session.scrubbing import scrubbed_text
from jumplab_exporter.errors import ConfigurationError
from jumplab_exporter.safe_state_settings import SafeState

REACHING_BOUND_SECONDS = 35.0
"""Of one driver: more than a command has, so that its own bound is the one that is named."""
_NEXT_AFTER_SECONDS = 10.0
_CANCELLING_SECONDS = 2.0

_log = logging.getLogger(__name__)


class SafeStates:
    """The safe state of one configuration, driver by driver, in this order."""

    def __init__(self, wanted: Sequence[SafeState]) -> None:
        self._wanted = wanted

    def __bool__(self) -> bool:
        return bool(self._wanted)

    @property
    def bound_seconds(self) -> float:
        """How long `reach` takes at the most."""
        if not self._wanted:
            return 0.0
        return (len(self._wanted) - 1) * _NEXT_AFTER_SECONDS + REACHING_BOUND_SECONDS + _CANCELLING_SECONDS

    def problems(self, tree: DriverTree) -> Iterator[str]:
        """A sentence for each entry that no driver of the tree could ever reach; none has to be set up."""
        nodes, used = _by_path(tree), dict[int, str]()
        for place, (path, state) in enumerate((each.driver, each.state) for each in self._wanted):
            where = f"safeState.{place}"
            node = nodes.get(path)
            if node is None:
                known = ", ".join(nodes) or "none"
                yield f'{where}: there is no driver "{path}"; the drivers are: {known}'
                continue
            if earlier := used.get(id(node.driver)):
                yield f'{where}: driver "{path}" has its safe state from {earlier} already; remove one of the two'
            used.setdefault(id(node.driver), where)
            states = states_of(type(node.driver))
            if not node.failure and state not in states:
                has = f"its states are: {', '.join(states)}" if states else "it has no states to be brought into"
                yield f'{where}: driver "{path}" has no state "{state}"; {has}'

    async def reach(self, tree: DriverTree) -> str:
        """Brings each driver into its state: what was not reached, as a sentence, or "". The tree is set up.

        One begins when the one before has ended, or has taken 10 s; each has 35 s, whatever becomes of the others.
        """
        if not self._wanted:
            return ""
        dispatcher = Dispatcher(tree)
        try:
            failures = await self._reach_all(tree, dispatcher)
        finally:
            dispatcher.close()
        if failures:
            failure = f"the safe state was not reached: {'; '.join(failures)}"
            _log.error("%s", failure)
            return failure
        _log.info("the safe state is reached: %s", ", ".join(f"{each.driver} {each.state}" for each in self._wanted))
        return ""

    async def _reach_all(self, tree: DriverTree, dispatcher: Dispatcher) -> list[str]:
        nodes, running = _by_path(tree), list[asyncio.Task[str]]()
        try:
            for each in self._wanted:
                reaching = _reach(nodes[each.driver], each.state, dispatcher)
                running.append(asyncio.create_task(reaching, name=f"the safe state of {each.driver}"))
                await asyncio.wait(running[-1:], timeout=_NEXT_AFTER_SECONDS)
            return list(filter(None, await asyncio.gather(*running)))
        finally:
            for task in running:
                task.cancel()


def require_reachable(safe_states: SafeStates, tree: DriverTree) -> None:
    """Raises ConfigurationError, with all that is wrong: nobody may take a board for safe that is not."""
    if problems := list(safe_states.problems(tree)):
        raise ConfigurationError("; ".join(problems))


def _by_path(tree: DriverTree) -> dict[str, Node]:
    return {node.path: node for node in tree.nodes.values() if node.path}


async def _reach(node: Node, state: str, dispatcher: Dispatcher) -> str:
    """Why the driver is not in its state, as a sentence, or "". Leaves alone what goes on although it was cancelled."""
    with speaking(node.path):
        calling = asyncio.create_task(_call(node, state, dispatcher), name=f"{node.path} to {state}")
    try:
        await asyncio.wait([calling], timeout=REACHING_BOUND_SECONDS)
        if calling.done():
            reason = calling.result()
        else:
            calling.cancel()
            await asyncio.wait([calling], timeout=_CANCELLING_SECONDS)
            reason = f"it did not answer within {REACHING_BOUND_SECONDS:.0f} s"
    finally:
        calling.cancel()
    return f'driver "{node.path}" ({state}): {reason}' if reason else ""


async def _call(node: Node, state: str, dispatcher: Dispatcher) -> str:
    """Why the call failed, or ""."""
    try:
        wanted = states_of(type(node.driver))[state] if not node.failure else None
        if wanted is None:
            return f"it did not start: {node.failure}"
        arguments = json.dumps(dict(wanted.arguments)).encode()
        invocation = dispatcher.prepare(node.uuid, wanted.method, arguments)
        with node.state.call_running():
            await dispatcher.call(invocation)
    except BaseException as error:  # a driver's own code: the others are brought into their states all the same
        if not is_of_driver(error):
            raise
        if traceback := traceback_of(error, node.driver.log):
            node.driver.log.error("it failed on its way to its safe state", exc_info=traceback)
        return scrubbed_text(sentence_of(error))
    return ""
