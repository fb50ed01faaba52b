"""Register layouts that are hard to read in few requests, as maps for the exporter and as devices that have them."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.least import Wire
from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.registermap import Place, RegisterMap, Space
from exporters.dispenser.simulator.registers import Registers
from exporters.dispenser.simulator.traits import Traits
from exporters.dispenser.simulator.unit import Unit

_METRIC = "dispenser_bench_value"


@dataclass(frozen=True)
class Layout:
    """What a map names, and what its device bears."""

    name: str
    runs: Sequence[tuple[str, int]]
    """Registers that follow each other: the first one, and how many."""
    type: str = "u16"
    has_gaps: bool = True
    """Whether the device has the registers between the runs; one without refuses to read across."""
    cap: int = 0
    """The most registers that it gives at once; 0 for Modbus' own limit."""

    @property
    def places(self) -> Iterator[str]:
        """Of each number."""
        width = 2 if self.type == "u32" else 1
        for first, count in self.runs:
            place = Place.parse(first)
            yield from (f"{first[0]}{number}" for number in range(place.number, place.number + count, width))

    def write(self, folder: Path, wire: Wire) -> Path:
        """The map's file, for devices on that wire."""
        file = folder / f"{self.name.replace(' ', '-')}-{wire.name.partition(',')[0].lower()}.yaml"
        metric = {"type": "gauge", "help": "A register of the benchmark."}
        content: dict[str, object] = {
            "metrics": {_METRIC: metric},
            "registers": [self._entry(at) for at in self.places],
        }
        if wire.serial is not None:
            turnaround = f"{wire.turnaround_seconds * 1000:.0f}ms"
            content["line"] = {"baudrate": wire.serial.baudrate, "turnaround": turnaround}
        file.write_text(json.dumps(content), encoding="utf-8")
        return file

    def _entry(self, at: str) -> dict[str, object]:
        kind = "bit" if at[0] in "cd" else self.type
        return {"at": at, "type": kind, "metric": _METRIC, "labels": {"register": at}}


LAYOUTS = (
    Layout("small gaps", [(f"i{10 * block}", 6) for block in range(6)]),
    Layout("wide gaps", [(f"i{48 * block}", 8) for block in range(4)]),
    Layout("mixed gaps", [("h0", 4), ("h6", 9), ("h30", 2), ("h51", 12), ("h88", 5), ("h153", 20)]),
    Layout("300 wide numbers", [("h1", 600)], type="u32"),
    Layout("greed is punished", [("i0", 10), ("i110", 10), ("i124", 60)]),
    Layout("four spaces", [("c0", 20), ("c40", 3), ("d5", 9), ("h0", 12), ("i100", 30)]),
    Layout("refused gaps", [("i0", 6), ("i8", 6), ("i16", 10), ("i60", 4)], has_gaps=False),
    Layout("at most 50", [("i0", 120), ("i130", 10)], cap=50),
)


class Device(Unit):
    """A simulated unit with the registers of a map, and with the ones between them where the layout says so."""

    def __init__(self, address: DeviceAddress, register_map: RegisterMap, layout: Layout | None) -> None:
        """Without a layout it has just what the map names."""
        self._has_gaps = layout is not None and layout.has_gaps
        traits = Traits(cap=layout.cap if layout is not None else 0)
        super().__init__(address, Registers(register_map), random.Random(0), lambda: 0.0, traits)  # noqa: S311 - as it is

    def read(self, space: Space, start: int, count: int) -> Sequence[int] | None:
        """Registers that nobody named hold 0."""
        if not self._has_gaps:
            return super().read(space, start, count)
        return [(super(Device, self).read(space, number, 1) or [0])[0] for number in range(start, start + count)]

    def may_read(self, start: Place, count: int) -> bool:
        """Whether it answers such a request."""
        refused = self.traits.refusal(start.space, start.number, count)
        return refused is None and self.read(start.space, start.number, count) is not None
