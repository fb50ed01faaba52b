"""How a campus is wired."""

import pytest

from exporters.dispenser.simulator.layout import Layout


@pytest.mark.parametrize(
    ("layout", "kinds"),
    [
        (Layout(dispensers=8, units_per_gateway=1, rtu_share=0.25), "tcp rtu+tcp tcp tcp tcp tcp rtu+tcp tcp"),
        (Layout(dispensers=4, units_per_gateway=1, rtu_share=1), "rtu+tcp rtu+tcp rtu+tcp rtu+tcp"),
        (Layout(dispensers=4, units_per_gateway=1, rtu_share=0.5, tls_share=0.5), "rtu+tcp tls tls rtu+tcp"),
        (Layout(dispensers=3, units_per_gateway=2, rtu_share=0, serial_lines=1), "tcp serial"),
        (Layout(dispensers=2, units_per_gateway=1, serial_lines=9), "serial serial"),
    ],
)
def test_every_kind_of_gateway_has_its_share(layout: Layout, kinds: str) -> None:
    found = list(layout.transports())
    assert sorted(found) == sorted(kinds.split())
    assert len(found) == layout.gateways


def test_the_kinds_are_spread_over_the_campus() -> None:
    kinds = list(Layout(dispensers=40, units_per_gateway=1, rtu_share=0.25, tls_share=0.25).transports())
    for kind in ("rtu+tcp", "tls"):
        assert [kinds[start : start + 8].count(kind) for start in range(0, 40, 8)] == [2] * 5
