"""The campus over HTTP: list the dispensers, inject a fault, clear it, make a device difficult."""

import difflib
from collections.abc import Collection

from aiohttp import web
from pydantic import ValidationError

from exporters.dispenser.simulator.campus import Campus, SimulatedDispenser
from exporters.dispenser.simulator.faults import DESCRIPTIONS, Fault
from exporters.dispenser.simulator.traits import Traits
from tapwatch.web import Service, own_registry


def control_service(campus: Campus) -> Service:
    """The campus as the shared web server takes it."""
    control = _Control(campus)
    return Service(
        name="simulate",
        routes=[
            web.get("/dispensers", control.list_dispensers),
            web.get("/gateways", control.list_gateways),
            web.get("/faults", control.list_faults),
            web.get("/dispensers/{name}", control.show),
            web.post("/dispensers/{name}/faults/{fault}", control.inject),
            web.delete("/dispensers/{name}/faults/{fault}", control.clear),
            web.delete("/dispensers/{name}/faults", control.clear_all_of_one),
            web.delete("/faults", control.clear_all),
            web.put("/dispensers/{name}/traits", control.set_traits),
        ],
        registry=own_registry(),
        links=["/dispensers", "/gateways", "/faults"],
    )


class _Control:
    def __init__(self, campus: Campus) -> None:
        self._campus = campus

    async def list_dispensers(self, _request: web.Request) -> web.Response:
        return web.json_response([_describe(one) for one in self._campus.dispensers.values()])

    async def list_gateways(self, _request: web.Request) -> web.Response:
        """With the traffic of each, for benchmarks."""
        return web.json_response([{"gateway": str(one.gateway), **vars(one.traffic)} for one in self._campus.gateways])

    async def list_faults(self, _request: web.Request) -> web.Response:
        return web.json_response({str(fault): text for fault, text in DESCRIPTIONS.items()})

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response(_describe(self._dispenser(request)))

    async def inject(self, request: web.Request) -> web.Response:
        dispenser = self._dispenser(request)
        await self._campus.inject(dispenser.name, _fault(request))
        return web.json_response(_describe(dispenser))

    async def clear(self, request: web.Request) -> web.Response:
        dispenser = self._dispenser(request)
        await self._campus.clear(dispenser.name, _fault(request))
        return web.json_response(_describe(dispenser))

    async def clear_all_of_one(self, request: web.Request) -> web.Response:
        dispenser = self._dispenser(request)
        await self._campus.clear(dispenser.name)
        return web.json_response(_describe(dispenser))

    async def clear_all(self, _request: web.Request) -> web.Response:
        faulty = [one.name for one in self._campus.dispensers.values() if one.unit.faults]
        for name in faulty:
            await self._campus.clear(name)
        return web.json_response({"cleared": faulty})

    async def set_traits(self, request: web.Request) -> web.Response:
        """All of them: what is not named is easy again."""
        dispenser = self._dispenser(request)
        try:
            dispenser.unit.traits = Traits.model_validate_json(await request.text())
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise web.HTTPBadRequest(text=f"{faults}\n") from error
        return web.json_response(_describe(dispenser))

    def _dispenser(self, request: web.Request) -> SimulatedDispenser:
        """Raises 404 with the nearest name."""
        name = request.match_info["name"]
        if name not in self._campus.dispensers:
            hint = nearest(name, self._campus.dispensers) or "; GET /dispensers lists them"
            raise web.HTTPNotFound(text=f"no dispenser is named {name!r}{hint}\n")
        return self._campus.dispensers[name]


def _fault(request: web.Request) -> Fault:
    """Raises 400 with the faults there are."""
    name = request.match_info["fault"]
    try:
        return Fault(name)
    except ValueError:
        known = ", ".join(Fault)
        hint = nearest(name, list(Fault)) or "."
        raise web.HTTPBadRequest(text=f"no fault is named {name!r}{hint} There are: {known}\n") from None


def nearest(word: str, known: Collection[str]) -> str:
    """`; did you mean ...?` when a known word is near."""
    close = difflib.get_close_matches(word, [str(one) for one in known], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _describe(one: SimulatedDispenser) -> dict[str, object]:
    return {
        **one.entry,
        "faults": sorted(one.unit.faults),
        "traits": one.unit.traits.model_dump(mode="json", exclude_defaults=True),
        "hot_celsius": round(one.unit.water.hot_celsius, 1),
        "cold_celsius": round(one.unit.water.cold_celsius, 1),
        "tank_level": round(one.unit.water.hot_level, 2),
    }
