"""docs/metrics.md, written from the catalogue: `python -m tapwatch.reference` prints it."""

from collections.abc import Iterator

import click

from tapwatch.catalogue import CATALOGUE, Metric

_TITLES = {
    "dispenser_": "Dispensers, on the dispenser exporter's `/probe`",
    "controlplane_": "Control planes, on the cluster exporter's `/metrics`",
    "tapwatch_": "Our own processes, on their `/metrics`",
}


def metrics_page() -> str:
    """The page's text: every metric with its type, labels and help, by prefix."""
    lines = [
        "# Metrics",
        "",
        "Written from [the catalogue](../tapwatch/catalogue.py) by `make docs`. Names, types, labels are a contract.",
        "Every `dispenser_` series also has the labels of the inventory: `dispenser`, `site`, `building`, `floor`,",
        "`module`, `gateway`. [Register maps](register-maps.md) may expose more metrics than these; the",
        "values of `outlet`, `fault`, `stage` and others that rules select by stand there, too.",
    ]
    for prefix, title in _TITLES.items():
        lines += ["", f"## {title}", "", "| metric | type | labels | meaning |", "|---|---|---|---|"]
        lines += _rows(metric for name, metric in sorted(CATALOGUE.items()) if name.startswith(prefix))
    return "\n".join(lines) + "\n"


def _rows(metrics: Iterator[Metric]) -> Iterator[str]:
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {metric.type} | {labels} | {metric.help} |"


if __name__ == "__main__":
    click.echo(metrics_page(), nl=False)
