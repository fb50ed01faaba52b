"""Settings that packaging/ ships, checked as on the machine that they are for."""

import re
import shutil
from pathlib import Path

from click.testing import CliRunner, Result

from tapwatch.cli import main

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"

SECRET = re.compile(r"(/run/(?:credentials/[^/\s]+|secrets))/([^\s,}\]]+)")
"""Where systemd and Docker Compose show a process its secrets: the folder, and the file's name."""

_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: admin
clusters: [{name: campus, cluster: {server: "https://127.0.0.1:6443"}}]
users: [{name: admin, user: {token: a-word}}]
contexts: [{name: admin, context: {cluster: campus, user: admin}}]
"""


def check_settings(process: str, file: Path, folder: Path) -> Result:
    """Check a copy of the file and its neighbours in an empty `folder`, where every secret that it names exists."""
    shutil.copytree(file.parent, folder, dirs_exist_ok=True)
    secrets = folder / "secrets"
    secrets.mkdir()
    copy = folder / file.name
    text = copy.read_text(encoding="utf-8")
    for _, name in SECRET.findall(text):
        content = _KUBECONFIG if name.endswith(".kubeconfig") else "a-word"
        (secrets / name).write_text(content, encoding="utf-8")
    copy.write_text(SECRET.sub(rf"{secrets}/\2", text), encoding="utf-8")
    return CliRunner().invoke(main, [process, f"--config.file={copy}", "--config.check"])


def named_files(page: Path) -> dict[str, bool]:
    """Each file of the project that a page's commands name, as a pattern, and whether there is one."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"(?<![\w./-])(?:packaging|alerting)/[\w./*-]+", text)
    return {pattern: any(ROOT.glob(pattern)) for pattern in found}
