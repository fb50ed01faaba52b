"""Check an overlay before it is applied: its secrets, and whether Kustomize builds it."""

import subprocess
from collections import Counter
from pathlib import Path

import click
import yaml

from k8s.secretfiles import check_secrets
from tapwatch.errors import TapwatchError
from tapwatch.process import exit_on_faults


@click.command("k8s")
@click.argument("overlay", type=click.Path(file_okay=False, path_type=Path))
@click.option("--kubectl", default="kubectl", show_default=True, help="The kubectl that builds it.")
@exit_on_faults
def check_k8s(overlay: Path, kubectl: str) -> None:
    """Check an OVERLAY: every secret file is there, and `kubectl kustomize` builds it. Nothing is applied."""
    check_secrets(overlay)
    kinds = Counter(one["kind"] for one in yaml.safe_load_all(build_overlay(overlay, kubectl)))
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    click.echo(f"{overlay}: good; {kinds.total()} objects: {counts}")


def build_overlay(overlay: Path, kubectl: str | Path = "kubectl") -> str:
    """The overlay's objects as YAML. Raises TapwatchError with what Kustomize says of it."""
    try:
        answer = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True, check=False)  # noqa: S603 - a person named the program
    except OSError as error:
        raise TapwatchError(f"{kubectl} cannot be run: {error.strerror}; --kubectl names another") from error
    if answer.returncode != 0:
        raise TapwatchError(f"{overlay} cannot be built: {answer.stderr.strip()}")
    return answer.stdout
