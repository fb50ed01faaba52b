"""The whole stack in a laboratory: images, operators, secrets, and the manifests that users apply."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from k8s.secretfiles import make_secrets
from laboratory.cluster.laboratory import Laboratory
from laboratory.cluster.operators import install_keda, install_operators
from laboratory.images.makers import MAKERS
from tapwatch.cache import tell

OVERLAY: Final = Path(__file__).parents[2] / "k8s" / "overlays" / "laboratory"
NAMESPACE: Final = "tapwatch"
_IMAGES: Final = (
    "tapwatch",
    "haproxy",
    "prometheus",
    "alertmanager",
    "prometheus-operator",
    "prometheus-config-reloader",
    "cloudnative-pg",
    "postgresql",
)
_SCALING: Final = ("keda", "keda-metrics-apiserver")
_READY_SECONDS: Final = 600
_WHOLE: Final[Mapping[str, str]] = {
    "prometheus/tapwatch": "condition=Available",
    "alertmanager/tapwatch": "condition=Available",
    "cluster.postgresql.cnpg.io/postgresql": "condition=Ready",
}
"""What operators roll out, and how it is known to be."""


def write_secrets() -> None:
    """Random words for the secrets that the overlay does not have yet."""
    make_secrets(OVERLAY, all_of_them=True)


def images(*, autoscaled: bool = False) -> list[Path]:
    """The archives of all that runs in it, made at first use. Raises TapwatchError."""
    return [MAKERS[name]() for name in (*_IMAGES, *(_SCALING if autoscaled else ()))]


def install(laboratory: Laboratory, overlay: Path = OVERLAY, *, autoscaled: bool = False) -> None:
    """Everything of the overlay, made and whole; with KEDA when it is `autoscaled`.

    Raises TapwatchError with what is not.
    """
    archives = images(autoscaled=autoscaled)
    tell("images: loading them on every worker")
    laboratory.load_image(*archives)
    tell("operators: installing them")
    install_operators(laboratory)
    if autoscaled:
        install_keda(laboratory)
    write_secrets()
    laboratory.apply(overlay)
    tell(f"{NAMESPACE}: applied; waiting until all is rolled out")
    roll_out(laboratory)


def roll_out(laboratory: Laboratory) -> None:
    """Wait until all that was applied serves. Raises TapwatchError with what does not."""
    for resource, state in _WHOLE.items():
        wait = ("wait", resource, "--namespace", NAMESPACE, f"--for={state}", f"--timeout={_READY_SECONDS}s")
        laboratory.kubectl(*wait)
    laboratory.wait_for(namespace=NAMESPACE, seconds=_READY_SECONDS)
