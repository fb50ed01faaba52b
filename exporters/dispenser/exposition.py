"""Readings as Prometheus' text format, version 0.0.4, or as OpenMetrics 1.0.

Everything but the numbers is rendered once for each map; a test compares the result with prometheus-client's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

from isal import igzip
from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from exporters.dispenser.decode import Slot, Texts
from tapwatch.catalogue import Metric

_WORTH_COMPRESSING = 1024
_COMPRESSION = 1
"""igzip's own fast level: a tenth of zlib's time for hardly more bytes."""


@dataclass(frozen=True)
class Format:
    """One of the two text formats."""

    content_type: str
    is_open_metrics: bool

    @classmethod
    def accepted(cls, accept: str) -> "Format":
        """The best of what an `Accept` header asks for; content negotiation is prometheus-client's own."""
        _, content_type = choose_encoder(accept)
        return cls(content_type, content_type.startswith("application/openmetrics-text"))

    def header(self, metric: Metric) -> str:
        """The lines above a metric's samples."""
        return _header(metric, self.is_open_metrics)

    @property
    def end(self) -> str:
        """What ends a page."""
        return "# EOF\n" if self.is_open_metrics else ""


@dataclass(frozen=True)
class Family:
    """The slots of one metric, and the text around what changes."""

    metric: Metric
    heads: Sequence[tuple[int, str, str, bool]]
    """For each slot: its number, its name and brace, its own labels and closing brace, and whether it is an info's."""


def families(slots: Sequence[Slot]) -> Sequence[Family]:
    """The slots of a map by metric; those of one metric stand together."""
    numbered = groupby(enumerate(slots), key=lambda item: item[1].metric)
    return tuple(Family(metric, tuple(_head(number, slot) for number, slot in group)) for metric, group in numbered)


@dataclass
class Page:
    """Samples of one or more devices, by metric."""

    lines: dict[str, tuple[Metric, list[str]]] = field(default_factory=dict)

    def add(self, metric: Metric, labels: Iterable[tuple[str, str]], value: float, common: str = "") -> None:
        """One sample; `common` as for a reading."""
        own = ",".join(f'{name}="{escape(text)}"' for name, text in labels)
        pairs = f"{common},{own}" if common and own else common or own
        series = f"{metric.name}{{{pairs}}}" if pairs else metric.name
        number = floatToGoString(value)  # type: ignore[no-untyped-call]  # prometheus-client's
        self._lines_of(metric).append(f"{series} {number}\n")

    def add_reading(self, found: Sequence[Family], texts: Texts, common: str = "") -> None:
        """What one device said; `common` is the labels that every sample of it has, as `rendered_labels` gives them."""
        comma = "," if common else ""
        for family in found:
            lines = self._lines_of(family.metric)
            for number, head, tail, is_info in family.heads:
                text = texts[number]
                if text is None:
                    continue
                if is_info:
                    lines.append(_info_line(head, common, tail, text))
                elif tail:
                    lines.append(f"{head}{{{common}{comma}{tail}}} {text}\n")
                elif common:
                    lines.append(f"{head}{{{common}}} {text}\n")
                else:
                    lines.append(f"{head} {text}\n")

    def _lines_of(self, metric: Metric) -> list[str]:
        found = self.lines.get(metric.name)
        if found is None:
            found = self.lines[metric.name] = metric, []
        return found[1]

    def render(self, page_format: Format) -> str:
        """The whole page; metrics without a sample are left out."""
        parts = [page_format.header(metric) + "".join(lines) for metric, lines in self.lines.values() if lines]
        return "".join(parts) + page_format.end


def rendered_labels(labels: Mapping[str, str]) -> str:
    """Labels as they stand between braces, sorted."""
    return ",".join(f'{name}="{escape(text)}"' for name, text in sorted(labels.items()))


def escape(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def compress(body: bytes, accept_encoding: str) -> bytes | None:
    """The body gzipped; None when the client does not take that, or it is not worth it."""
    if len(body) < _WORTH_COMPRESSING or "gzip" not in accept_encoding.lower():
        return None
    compressed: bytes = igzip.compress(body, _COMPRESSION)
    return compressed


def _head(number: int, slot: Slot) -> tuple[int, str, str, bool]:
    if slot.value_label is not None:
        # Its label's value is not known yet: the names before and after it are kept apart by a line feed.
        before = rendered_labels({name: text for name, text in slot.labels if name < slot.value_label})
        after = rendered_labels({name: text for name, text in slot.labels if name > slot.value_label})
        tail = f"{before}{',' if before else ''}{slot.value_label}=\n{',' if after else ''}{after}"
        return number, slot.metric.name, tail, True
    return number, slot.metric.name, rendered_labels(dict(slot.labels)), False


def _info_line(name: str, common: str, tail: str, text: str) -> str:
    labels = tail.replace("\n", f'"{escape(text)}"')
    return f"{name}{{{common}{',' if common else ''}{labels}}} 1.0\n"


@lru_cache(maxsize=4096)
def _header(metric: Metric, is_open_metrics: bool) -> str:  # noqa: FBT001 - the cache's key
    help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    name = metric.name
    if is_open_metrics:
        help_text = help_text.replace('"', r"\"")
        if metric.type == "counter":
            name = name.removesuffix("_total")
    return f"# HELP {name} {help_text}\n# TYPE {name} {metric.type}\n"
