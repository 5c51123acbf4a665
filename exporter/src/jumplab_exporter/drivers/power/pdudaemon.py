"""An outlet behind pdudaemon, the power daemon that LAVA labs use, by its HTTP listener."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jumplab.driver import errors
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.http_device import HttpAddress, HttpDevice, Request, Timeout


class PduDaemonPower(PowerInterface, HttpDevice):
    """An outlet that pdudaemon switches.  url: of its HTTP listener;  pdu, outlet: `hostname` and `port` in its words.

    alias: in place of these, an alias of its configuration.  The daemon tells no state: the last switching counts.
    timeout: for one switching; the daemon itself tries again where a PDU fails.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {
        "url": "http://10.0.0.2:16421",
        "pdu": "rack-1",
        "outlet": 4,
    }

    url: HttpAddress
    pdu: Annotated[str, Field(min_length=1)] | None = None
    outlet: Annotated[int, Field(ge=0)] | None = None
    alias: Annotated[str, Field(min_length=1)] | None = None
    timeout: Timeout = timedelta(seconds=60)
    _on = False

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        if self.alias is None and (self.pdu is None or self.outlet is None):
            raise errors.ConfigurationInvalid("must have `pdu` and `outlet`, or `alias`")
        if self.alias is not None and (self.pdu is not None or self.outlet is not None):
            raise errors.ConfigurationInvalid("alias: stands for `pdu` and `outlet`; remove either")

    async def on(self) -> None:
        await self._switch(on=True)

    async def off(self) -> None:
        await self._switch(on=False)

    async def is_on(self) -> bool:
        return self._on

    async def check(self) -> None:
        """Looks whether the daemon answers, and switches nothing."""
        await self.ask(Request(f"{self.url}/"))

    async def _switch(self, *, on: bool) -> None:
        query = {"alias": self.alias} if self.alias else {"hostname": str(self.pdu), "port": str(self.outlet)}
        answer = await self.ask(Request(f"{self.url}/power/control/{'on' if on else 'off'}", query=query))
        outlet = f'alias "{self.alias}"' if self.alias else f'outlet {self.outlet} of "{self.pdu}"'
        if answer.status == 500 and answer.text.startswith("Invalid request"):
            raise OSError(
                f"pdudaemon at {self.url} does not know {outlet}, or its PDU fails; the daemon's log has more"
            )
        if not answer.succeeded().text.startswith("OK"):
            raise OSError(f"{self.url} answers {answer.shown()}, which pdudaemon does not; is this its HTTP listener?")
        self._on = on
