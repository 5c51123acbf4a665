"""Strategies: the states of a board, and the ways between them (docs/strategies.md).

    class Imx8Strategy(jumplab.Strategy[Imx8, Literal["off", "shell"]]):
        @jumplab.way(jumplab.ANY_STATE, "off")
        def switch_off(self) -> None:
            self.board.power.off()

        @jumplab.way("off", "shell", timeout="2m")
        def boot(self) -> None:
            self.board.power.on()
            self.board.console.expect("login: ", timeout=60)

    Imx8Strategy(board).transition("shell")

Start reading in `ways`, which is pure: it reads a class and finds paths. `core` has what `plain` and `aio` share.
`uboot_linux_plain` and `uboot_linux_aio` are the ready ones. Nothing here leases, and nothing knows of pytest.
"""
