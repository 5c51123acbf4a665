"""Where the outlets of makers' PDUs are in SNMP, and their values for on and off.

Sources: APC PowerNet-MIB (rPDUOutletControl, sPDUOutletCtl), Raritan PDU2-MIB (outletSwitching), CyberPower CPS-MIB
(ePDUOutletControl), Gude's MIBs for each product.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet.  oid: to be set;  state_oid: to be read;  on, off, state_on, state_off: the values of each."""

    oid: str
    on: int
    off: int
    state_oid: str
    state_on: int
    state_off: int


def _same(oid: str, on: int, off: int) -> Outlet:
    return Outlet(oid, on, off, oid, on, off)


_APC = "1.3.6.1.4.1.318.1.1"
_RARITAN = "1.3.6.1.4.1.13742.6.4.1.2.1"
_CYBERPOWER = "1.3.6.1.4.1.3808.1.1.3.3"
_GUDE = "1.3.6.1.4.1.28507"

MODELS = {
    "apc": Outlet(f"{_APC}.12.3.3.1.1.4", 1, 2, f"{_APC}.12.3.5.1.1.4", 1, 2),
    "apc-masterswitch": _same(f"{_APC}.4.4.2.1.3", 1, 2),
    "cyberpower": Outlet(f"{_CYBERPOWER}.3.1.1.4", 1, 2, f"{_CYBERPOWER}.5.1.1.4", 1, 2),
    "gude-8031": _same(f"{_GUDE}.81.1.3.1.2.1.3", 1, 0),
    "gude-8210": _same(f"{_GUDE}.29.1.3.1.2.1.3", 1, 0),
    "raritan": Outlet(f"{_RARITAN}.2.1", 1, 0, f"{_RARITAN}.3.1", 7, 8),
}
"""By the name in a configuration; the outlet's number follows the OIDs."""
