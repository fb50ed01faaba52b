"""`python -m tests.soak`: the exporter beside ill gateways for as long as wanted."""

import asyncio
import tempfile
from pathlib import Path

import click

from tests.soak.soak import soak
from tests.soak.verdict import verdict


@click.command()
@click.option("--seconds", type=click.IntRange(5), default=600, show_default=True)
@click.option("--gateways", type=click.IntRange(1), default=20, show_default=True, help="With four units each.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(seconds: int, gateways: int, seed: int) -> None:
    """Let gateways restart, hang, forget connections, lose units, refuse and garble, and explain every gap."""
    with tempfile.TemporaryDirectory() as folder:
        record = asyncio.run(soak(Path(folder), seconds, gateways=gateways, seed=seed))
    faults = sum(len(one) for one in record.faults)
    click.echo(f"{len(record.scrapes)} scrapes beside {faults} faults: {dict(record.ends.most_common())}")
    click.echo(f"memory {record.megabytes[0]:.0f} to {record.megabytes[-1]:.0f} MB, {max(record.descriptors)} files")
    verdict(record)
    click.echo("no wrong value, no late answer, and every gap has its reason")


if __name__ == "__main__":
    main()
