"""What goes wrong between the states of a board.

JumplabError
└── StrategyError
    ├── StrategyInvalid    the class of a strategy has a mistake
    ├── NoSuchState        a state that the strategy does not have
    ├── NoWayThere         no ways lead to the state
    ├── TransitionFailed   a way failed, or took too long
    ├── BoardPanicked      the board said that it can't go on
    └── LoginFailed        the board's system did not let its user in
"""

from jumplab.errors import JumplabError
from jumplab.strategies.record import Step


class StrategyError(JumplabError):
    """Anything that strategies raise on purpose."""


class StrategyInvalid(StrategyError):
    """The class of a strategy has a mistake, or is used as it can't be."""


class NoSuchState(StrategyError):
    """The strategy does not have this state; the message lists those that it has."""


class NoWayThere(StrategyError):
    """No ways lead to the state; the message lists the states that can be reached."""


class TransitionFailed(StrategyError):
    """A way failed, or took too long; the error behind it is `__cause__`. The board's state is unknown from here on.

    step: the way that failed.  done: the steps of this transition before it.  console: the last lines of the board's
    consoles.
    """

    def __init__(self, message: str, step: Step, done: tuple[Step, ...], console: str) -> None:
        super().__init__(message)
        self.step = step
        self.done = done
        self.console = console


class BoardPanicked(StrategyError):
    """The board said that it can't go on: a kernel panic, for example."""


class LoginFailed(StrategyError):
    """The board's system did not let its user in."""
