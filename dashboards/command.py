"""Write Grafana's dashboards, the files that provision them, or push them into a running Grafana."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from dashboards import push as pushing
from dashboards.api import Grafana
from dashboards.configmap import write_config_maps
from dashboards.language import Language
from dashboards.provisioning import GENERATED, stale_files, write_dashboards, write_provisioning
from tapwatch.errors import TapwatchError
from tapwatch.process import exit_on_faults
from tapwatch.settings import read_secret

TOKEN_VARIABLE = "TAPWATCH_GRAFANA_TOKEN"  # noqa: S105 - a variable's name

_folder = click.Path(file_okay=False, path_type=Path)
_file = click.Path(dir_okay=False, path_type=Path)


def _languages(function: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--language",
        "languages",
        type=click.Choice([language.value for language in Language], case_sensitive=False),
        multiple=True,
        default=[language.value for language in Language],
        callback=lambda _context, _parameter, values: tuple(map(Language, values)),
        help="Only these; give it once for each. Unless given, all.",
    )(function)


@click.group("dashboards")
def command() -> None:
    """Write Grafana's dashboards, the files that provision them, or push them into a running Grafana.

    \b
    Into a running Grafana:  tapwatch dashboards push --url https://grafana.example --token-file ./grafana.token
    By files:                tapwatch dashboards provision --prometheus http://127.0.0.1:9090 --output ./provisioning
    By ConfigMaps:           tapwatch dashboards configmaps --namespace monitoring --output ./manifests
    After changing one:      tapwatch dashboards build
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
@_languages
@exit_on_faults
def provision(prometheus: str, output: Path, languages: tuple[Language, ...]) -> None:
    """Write a provisioning folder: the data source, the dashboards, and the providers that load them.

    Start Grafana with GF_PATHS_PROVISIONING set to the folder.
    """
    parts = urlsplit(prometheus)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise click.BadParameter("must be a URL such as http://127.0.0.1:9090", param_hint="--prometheus")
    write_provisioning(output, prometheus, languages)
    click.echo(f"{output}: start Grafana with GF_PATHS_PROVISIONING={output.resolve()}")


@command.command()
@click.option("--namespace", required=True, help="Where Grafana's sidecar looks.")
@click.option("--output", type=_folder, required=True, help="The folder for the manifests.")
@_languages
@exit_on_faults
def configmaps(namespace: str, output: Path, languages: tuple[Language, ...]) -> None:
    """Write a ConfigMap for each dashboard, labelled for the sidecar of Grafana's Helm charts.

    Apply them with `kubectl apply --server-side -f FOLDER`.
    """
    for file in write_config_maps(output, namespace, languages):
        click.echo(file)


@command.command()
@click.option("--url", required=True, help="Grafana's, as https://grafana.example or http://127.0.0.1:3000.")
@click.option("--token-file", type=_file, help=f"The service account's token. Unless given, ${TOKEN_VARIABLE} is.")
@click.option("--ca-file", type=_file, help="The authority that signed Grafana's certificate, when it is your own.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@_languages
@exit_on_faults
def push(
    url: str, token_file: Path | None, ca_file: Path | None, languages: tuple[Language, ...], *, dry_run: bool
) -> None:
    """Push the dashboards into a running Grafana: all of those that differ, or none.

    The token is a service account's with the role Editor.
    """
    with Grafana(url, _token(token_file), ca_file=str(ca_file) if ca_file else None) as grafana:
        made = pushing.plan(grafana, languages)
        if not dry_run:
            pushing.push(grafana, made)
    for uid in made.new_folders:
        click.echo(f"folder {uid}: {'to be made' if dry_run else 'made'}")
    for page in made.changes:
        outcome = "new" if page.found is None else "changed"
        click.echo(f"{page.uid}: {'would be ' if dry_run else ''}{outcome}")
    click.echo(f"{len(made.pages) - len(made.changes)} of {len(made.pages)} dashboards were up to date.")


def _token(file: Path | None) -> SecretStr:
    """From the file, else from the environment; raises TapwatchError."""
    if file is not None:
        try:
            return read_secret(file)
        except ValueError as error:
            raise TapwatchError(str(error)) from error
    if token := os.environ.get(TOKEN_VARIABLE, "").strip():
        return SecretStr(token)
    raise TapwatchError(f"a token is needed: give --token-file, or set ${TOKEN_VARIABLE}")
