"""Write the Kubernetes manifests that follow from other files, and an overlay's secrets."""

from pathlib import Path

import click

from k8s.manifests import FOLDER, generated_manifests, stale_manifests, write_manifests
from k8s.rules import GRAFANA, RUNBOOKS
from k8s.secretfiles import make_secrets
from tapwatch.errors import TapwatchError
from tapwatch.process import exit_on_faults


@click.group("k8s")
def command() -> None:
    """Write the Kubernetes manifests that follow from other files, and an overlay's secrets.

    \b
    After a change of rules, routes or rights:  tapwatch k8s build
    Before an overlay is applied:               tapwatch k8s secrets k8s/overlays/dev
                                                tapwatch check k8s k8s/overlays/dev
    """  # noqa: D301 - click's mark for lines that stay as they are


@command.command()
@click.option("--grafana", default=GRAFANA, show_default=True, help="Where the links of alerts lead.")
@click.option("--runbooks", default=RUNBOOKS, show_default=True, help="Where the links to runbooks lead.")
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not what would be written.")
@exit_on_faults
def build(grafana: str, runbooks: str, *, check: bool) -> None:
    """Write rules, routes and rights as Kubernetes takes them, from alerting/ and exporters/."""
    texts = generated_manifests(grafana, runbooks)
    if check and (stale := stale_manifests(FOLDER, texts)):
        raise TapwatchError(f"not in step: {', '.join(map(str, stale))}; run `tapwatch k8s build`")
    for file in () if check else write_manifests(FOLDER, texts):
        click.echo(file)
    click.echo(f"{FOLDER}: every file is in step")


@command.command()
@click.argument("overlay", type=click.Path(file_okay=False, path_type=Path))
@click.option("--stand-in", is_flag=True, help="Those of DingTalk and Zabbix too: random words, for a demonstration.")
@exit_on_faults
def secrets(overlay: Path, *, stand_in: bool) -> None:
    """Make the secret files that an OVERLAY lacks and that any random word does for; others are named.

    No file that is there is touched.
    """
    made, missing = make_secrets(overlay, all_of_them=stand_in)
    for path in made:
        click.echo(f"{path}: made")
    for path in missing:
        click.echo(f"{path}: yours to write; k8s/secrets.example/README.md says where it comes from")
