"""All attacks, by name."""

from dataclasses import dataclass

from tools.abuse import callers, requests, strangers
from tools.abuse.strangers import Attack


@dataclass(frozen=True, slots=True)
class Entry:
    """on: which address of a target it needs.  is_bounded_outside: newcomers are locked out of that port while it
    lasts, since nothing there bounds connections by address; a firewall or an ingress does.
    """

    attack: Attack
    on: str = "grpc"
    is_bounded_outside: bool = False


ATTACKS = {
    "unfinished messages, no token": Entry(strangers.unfinished_messages),
    "unfinished messages, a client": Entry(callers.unfinished_messages),
    "half TLS handshakes": Entry(strangers.half_tls_handshakes, is_bounded_outside=True),
    "silent connections": Entry(strangers.silent_grpc, is_bounded_outside=True),
    "TLS handshakes at full speed": Entry(strangers.handshakes),
    "rapid resets": Entry(strangers.rapid_resets),
    "streams without a message": Entry(strangers.many_streams),
    "calls with a wrong token": Entry(strangers.strangers_calls),
    "long headers": Entry(strangers.long_headers),
    "a client at full speed": Entry(callers.full_speed),
    "2,000 watches": Entry(callers.many_watches),
    "as many leases as may be": Entry(callers.many_leases),
    "large reports of an exporter": Entry(callers.large_reports),
    "router streams without a partner": Entry(callers.lonely_streams),
    "messages that are none": Entry(callers.bad_messages),
    "half probes": Entry(strangers.half_probes, "health"),
    "half headers": Entry(strangers.half_headers, "api"),
    "half TLS handshakes, HTTP": Entry(strangers.half_http_handshakes, "api"),
    "slow bodies": Entry(requests.slow_bodies, "api"),
    "requests with a wrong token": Entry(requests.strangers_requests, "api"),
    "requests at full speed": Entry(requests.full_speed, "api"),
    "heavy patches and selectors": Entry(requests.heavy_requests, "api"),
    "large objects": Entry(requests.large_objects, "api"),
    "300 watches, HTTP": Entry(requests.many_watches, "api"),
    "300 watches that read nothing": Entry(requests.slow_watches, "api"),
    "upgrades": Entry(requests.upgrades, "api"),
}
