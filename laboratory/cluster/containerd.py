"""containerd, a worker's container runtime, with the plugins that give pods their networks."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from laboratory.cluster.system import System
from laboratory.programs.gotools import CNI_PLUGINS, ensure
from laboratory.programs.nodeprograms import runc
from laboratory.servers.daemon import Daemon
from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError

PAUSE: Final = "registry.k8s.io/pause:3.10"
SOCKET: Final = "/run/containerd/containerd.sock"
_START_SECONDS: Final = 60

_SETTINGS: Final = """\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
# What makes folders for plugins in /opt, and a way for them to change containers.
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
  address = "{socket}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  # Below their parent's, which takes a right (CAP_SYS_RESOURCE) that root inside a virtual machine may not have.
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = {plugins}
  conf_dir = "{networks}"
[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = "runc"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "{shim}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{runc}"
  SystemdCgroup = false
"""


def write_containerd_settings(folder: Path, pods: str) -> None:
    """The files that `start_containerd` reads; `pods` is the network of the worker's pods."""
    networks = folder / "networks"
    networks.mkdir()
    (networks / "10-pods.conflist").write_text(json.dumps(_network(pods)))
    settings = _SETTINGS.format(
        socket=SOCKET,
        pause=PAUSE,
        plugins=json.dumps([str(ensure(plugin).parent) for plugin in CNI_PLUGINS]),
        networks=networks,
        shim=ensure("containerd-shim-runc-v2"),
        runc=runc(),
    )
    (folder / "containerd.toml").write_text(settings)


def start_containerd(system: System, folder: Path, environment: Mapping[str, str]) -> Daemon:
    """It answers when this returns. Raises TapwatchError with the end of its log."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    command: list[str | Path] = ["env", *variables, ensure("containerd"), "--config", folder / "containerd.toml"]
    daemon = system.start("containerd", command, folder / "containerd.log")
    if not comes_true(lambda: _answers(system), _START_SECONDS):
        raise TapwatchError(f"{daemon.name} does not answer after {_START_SECONDS} s:\n{daemon.log_end()}")
    return daemon


def import_images(system: System, archives: Sequence[Path]) -> None:
    """Give a worker the images of these archives, which have full names. Raises TapwatchError."""
    for archive in archives:
        system.run(_ctr("images", "import", "--local", archive))


def image_names(system: System) -> list[str]:
    """What a worker's images are called, without those known by their digests."""
    names = system.run(_ctr("images", "list", "--quiet")).split()
    return [name for name in names if "sha256:" not in name]


def _answers(system: System) -> bool:
    try:
        system.run(_ctr("version"))
    except TapwatchError:
        return False
    return True


def _ctr(*arguments: str | Path) -> list[str | Path]:
    return [ensure("ctr"), "--address", SOCKET, "--namespace", "k8s.io", *arguments]


def _network(pods: str) -> dict[str, object]:
    """A bridge on the worker, without address translation: the others know the way."""
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/networks",  # so that a boot forgets which addresses were in use
                    "ranges": [[{"subnet": pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
