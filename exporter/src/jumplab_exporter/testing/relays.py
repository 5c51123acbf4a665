"""Relays with an HTTP interface: Shelly and Tasmota."""

import ssl
from typing import Any

from aiohttp import web

from jumplab_exporter.testing.http_simulator import DigestGuard, HttpSimulator, has_basic


class _Relays(HttpSimulator):
    """relays: how many it has; then the state of each, which a test may change.  password: of its web page, or none;
    may be changed, too.

    watts: what its meter shows, at 230 V; None for a device without one.  joules: what it has counted.
    """

    def __init__(
        self,
        *,
        relays: int = 1,
        password: str = "",
        watts: float | None = None,
        joules: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.relays = [False] * relays
        self.password = password
        self.watts = watts
        self.joules = joules


class ShellyGen1(_Relays):
    """A Shelly of the first generation, with the user `admin`: basic authentication, /relay/0?turn=on."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/shelly", self._about),
            web.get("/relay/{index}", self._relay),
            web.get("/meter/{index}", self._meter),
        ]

    async def _about(self, _: web.Request) -> web.Response:
        return web.json_response({"type": "SHSW-25", "auth": bool(self.password), "num_outputs": len(self.relays)})

    async def _relay(self, request: web.Request) -> web.Response:
        index = self._admitted_index(request)
        turn = request.query.get("turn")
        if turn in ("on", "off"):
            self.relays[index] = turn == "on"
        elif turn is not None:
            return web.Response(status=400, text="Bad turn!")
        return web.json_response({"ison": self.relays[index], "has_timer": False, "source": "http"})

    async def _meter(self, request: web.Request) -> web.Response:
        self._admitted_index(request)
        if self.watts is None:
            raise web.HTTPNotFound(text="Not Found")
        return web.json_response({"power": self.watts, "is_valid": True, "total": self.joules / 60})

    def _admitted_index(self, request: web.Request) -> int:
        if self.password and not has_basic(request, "admin", self.password):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="shellyswitch25-0001"'})
        text = request.match_info["index"]
        if not text.isdecimal() or int(text) >= len(self.relays):
            raise web.HTTPNotFound(text="Not Found")
        return int(text)


class ShellyGen2(_Relays):
    """A Shelly of the second or third generation: digest authentication with SHA-256, /rpc/Switch.Set."""

    def __init__(
        self,
        *,
        relays: int = 1,
        password: str = "",
        watts: float | None = None,
        joules: float = 0.0,
        generation: int = 2,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(relays=relays, password=password, watts=watts, joules=joules, tls=tls)
        self._generation = generation
        self._name = f"shellyplus{generation}pm-0001"

    def routes(self) -> list[web.RouteDef]:
        self._guard = DigestGuard("admin", self.password, self._name)
        called = "/rpc/{method}"
        return [web.get("/shelly", self._about), web.post(called, self._call), web.get(called, self._call)]

    async def _about(self, _: web.Request) -> web.Response:
        return web.json_response({"id": self._name, "gen": self._generation, "auth_en": bool(self.password)})

    async def _call(self, request: web.Request) -> web.Response:
        self._guard.password = self.password
        if self.password and not self._guard.admits(request):
            return self._guard.challenge()
        arguments = await _arguments(request)
        index = arguments.get("id")
        if not isinstance(index, int):
            return _failure(400, -103, "Missing or bad argument 'id'!")
        if index >= len(self.relays):
            return _failure(404, -105, f"Argument 'id', value {index} not found!")
        match request.match_info["method"]:
            case "Switch.Set":
                was_on, self.relays[index] = self.relays[index], bool(arguments["on"])
                return web.json_response({"was_on": was_on})
            case "Switch.GetStatus":
                state = {"id": index, "source": "HTTP_in", "output": self.relays[index]}
                return web.json_response(state | self._meter())
            case method:
                return _failure(404, 404, f"No handler for {method}")

    def _meter(self) -> dict[str, Any]:
        if self.watts is None:
            return {}
        counted = {"total": self.joules / 3600, "by_minute": [0.0, 0.0, 0.0], "minute_ts": 0}
        return {"apower": self.watts, "voltage": 230.0, "current": self.watts / 230, "aenergy": counted}


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.method == "POST":
        content: dict[str, Any] = await request.json()
        return content
    index = request.query.get("id", "")
    return {"id": int(index) if index.isdecimal() else None, "on": request.query.get("on") == "true"}


def _failure(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


class TasmotaDevice(_Relays):
    """A device with Tasmota, with the user `admin`: /cm?cmnd=Power1%20On."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/cm", self._command)]

    async def _command(self, request: web.Request) -> web.Response:
        asked = (request.query.get("user"), request.query.get("password"))
        if self.password and asked != ("admin", self.password):
            return web.json_response({"WARNING": "Need user=<username>&password=<password>"}, status=401)
        command, _, value = request.query.get("cmnd", "").lower().partition(" ")
        if command.startswith("power"):
            return self._power(command.removeprefix("power"), value)
        if (command, value) == ("status", "10"):
            return web.json_response({"StatusSNS": {"Time": "2026-08-01T12:00:00", **self._meter()}})
        return web.json_response({"Command": "Unknown"})

    def _power(self, index: str, value: str) -> web.Response:
        relay = int(index or 1) - 1
        if not 0 <= relay < len(self.relays):
            return web.json_response({"Command": "Error"})
        if value in ("on", "1", "off", "0"):
            self.relays[relay] = value in ("on", "1")
        key = "POWER" if len(self.relays) == 1 else f"POWER{relay + 1}"
        return web.json_response({key: "ON" if self.relays[relay] else "OFF"})

    def _meter(self) -> dict[str, Any]:
        if self.watts is None:
            return {}
        kilowatt_hours = self.joules / 3_600_000
        return {"ENERGY": {"Total": kilowatt_hours, "Power": self.watts, "Voltage": 230, "Current": self.watts / 230}}
