"""Write Grafana's dashboards, and the files that provision them."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from dashboards.provisioning import GENERATED, stale_files, write_dashboards, write_provisioning
from tapwatch.errors import TapwatchError
from tapwatch.process import exit_on_faults

_folder = click.Path(file_okay=False, path_type=Path)


@click.group("dashboards")
def command() -> None:
    """Write Grafana's dashboards, and the files that provision them.

    \b
    For your own Grafana:   tapwatch dashboards provision --prometheus http://127.0.0.1:9090 --output ./provisioning
    After changing one:     tapwatch dashboards build
    """  # noqa: D301 - click's mark for lines that stay as they are


@command.command()
@click.option(
    "--output", type=_folder, default=GENERATED, help="Where to. Unless given, where the code's own copies are."
)
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not what the code would write.")
@exit_on_faults
def build(output: Path, *, check: bool) -> None:
    """Write the dashboards' JSON, for Grafana's import page or an API of yours."""
    if not check:
        for file in write_dashboards(output):
            click.echo(file)
    elif stale := stale_files(output):
        raise TapwatchError("\n".join(stale))
    else:
        click.echo(f"{output}: every file is in step")


@command.command()
@click.option("--prometheus", required=True, help="Where Grafana finds Prometheus, as http://127.0.0.1:9090.")
@click.option("--output", type=_folder, required=True, help="The folder; Grafana reads it where it stands.")
@exit_on_faults
def provision(prometheus: str, output: Path) -> None:
    """Write a provisioning folder: the data source, the dashboards, and the provider that loads them.

    Start Grafana with GF_PATHS_PROVISIONING set to the folder.
    """
    parts = urlsplit(prometheus)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise click.BadParameter("must be a URL such as http://127.0.0.1:9090", param_hint="--prometheus")
    write_provisioning(output, prometheus)
    click.echo(f"{output}: start Grafana with GF_PATHS_PROVISIONING={output.resolve()}")
