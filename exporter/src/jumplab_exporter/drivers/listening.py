"""Why a port of the lab host can't be listened at, and what to do."""

import errno

from jumplab_exporter.drivers.refusals import reason_of

_PRIVILEGED_PORTS = 1024


def listening_refused(error: OSError, host: str, port: int, settings: tuple[str, str]) -> OSError:
    """The error with a sentence that names the place.  settings: the names of those that have host and port."""
    host_setting, port_setting = settings
    place = f"port {port} of {host} can't be listened at: {reason_of(error)}"
    match error.errno:
        case errno.EACCES if port < _PRIVILEGED_PORTS:
            remedy = "give the exporter CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)"
        case errno.EADDRINUSE:
            remedy = f"another program serves there: stop it, or choose another `{port_setting}`"
        case errno.EADDRNOTAVAIL:
            remedy = f"this host has no such address; correct `{host_setting}`"
        case _:
            remedy = f"correct `{host_setting}`"
    return OSError(f"{place}; {remedy}")
