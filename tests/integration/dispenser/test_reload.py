"""What a reload changes for the lines and devices that are kept."""

import ssl
from pathlib import Path

import aiohttp
from prometheus_client import CollectorRegistry

from exporters.dispenser.address import parse_address
from exporters.dispenser.exporter import Exporter
from exporters.dispenser.fleet import Fleet
from exporters.dispenser.line import LineMetrics
from exporters.dispenser.settings import State
from laboratory.kubernetes.certificates import Authority
from laboratory.modbus.plant import Registers
from laboratory.modbus.pymodbus_server import pymodbus_server
from laboratory.processes import serving


def write_map(folder: Path, description: str) -> None:
    register = "{at: i0, type: u16, metric: dispenser_error_code}"
    (folder / "one.yaml").write_text(f"description: {description}\nregisters: [{register}]\n", encoding="utf-8")


async def test_kept_lines_open_their_next_connection_by_the_new_settings(tmp_path: Path) -> None:
    former, current = Authority.create("former"), Authority.create("current")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*current.server("gateway", ["127.0.0.1"]).write(tmp_path, "gateway"))
    (tmp_path / "ca.pem").write_bytes(former.certificate_pem)
    write_map(tmp_path, "One register.")
    (tmp_path / "settings.yaml").write_text("maps: [./one.yaml]\ntls: {ca_file: ./ca.pem}\n", encoding="utf-8")
    units: dict[int, Registers] = {1: {"i0": [7], "h0": [0], "c0": [0], "d0": [0]}}
    async with (
        pymodbus_server(units, "tls", tls) as gateway,
        serving(Exporter(tmp_path / "settings.yaml").service) as url,
        aiohttp.ClientSession() as session,
    ):
        query = {"target": f"{gateway}/1", "module": "one"}
        async with session.get(f"{url}/probe", params=query) as response:
            assert 'reason="tls"' in await response.text()
        (tmp_path / "ca.pem").write_bytes(current.certificate_pem)
        async with session.post(f"{url}/-/reload") as response:
            assert response.status == 200
        async with session.get(f"{url}/probe", params=query) as response:
            assert "dispenser_up 1.0" in await response.text()


async def test_units_of_a_map_that_was_replaced_are_forgotten_and_others_kept(tmp_path: Path) -> None:
    """Else they take memory for ever, and count as neighbours."""
    (tmp_path / "settings.yaml").write_text("maps: [./one.yaml]\n", encoding="utf-8")
    write_map(tmp_path, "The first.")
    before = State.load(tmp_path / "settings.yaml")
    fleet = Fleet(LineMetrics(CollectorRegistry()))
    replaced, kept = parse_address("127.0.0.1:1/1"), parse_address("127.0.0.1:1/2")
    fleet.device(replaced, before.modules["one"], before)
    device = fleet.device(kept, before.modules["default"], before)
    assert fleet.has_neighbours(kept.gateway)
    write_map(tmp_path, "The second.")
    after = State.load(tmp_path / "settings.yaml", before)
    fleet.use(after, before)
    assert not fleet.has_neighbours(kept.gateway)
    assert fleet.device(kept, after.modules["default"], after) is device
