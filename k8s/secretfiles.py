"""The secret files that an overlay takes: which, where they are asked for, and what is wrong with them."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tapwatch.errors import ConfigError, Fault, Faults, TapwatchError
from tapwatch.settings import Document, DocumentPath, read_document

PLACEHOLDER = "REPLACE-ME"
"""What the files of k8s/secrets.example hold."""

_KUSTOMIZATION = "kustomization.yaml"
_OURS_TO_CHOOSE = (".password", "webhook.token")
"""How the files end that any random word does for; the others come from DingTalk or Zabbix."""


@dataclass(frozen=True)
class SecretFile:
    """One file that a secretGenerator of a kustomization reads."""

    path: Path
    kustomization: Document
    place: DocumentPath
    """Where the kustomization asks for it."""

    @property
    def can_be_made(self) -> bool:
        """Whether a random word does."""
        return self.path.name.endswith(_OURS_TO_CHOOSE)

    def fault(self) -> Fault | None:
        """What is wrong with the file, or nothing; the message never shows what it holds."""
        message = _complaint(self.path)
        return None if message is None else self.kustomization.fault(self.place, message)


def secret_files(overlay: Path) -> list[SecretFile]:
    """Those of the overlay and of all that it names, in reading order. Raises ConfigError for bad kustomizations."""
    faults = Faults()
    found = [one for file in _kustomizations(overlay, faults) for one in _files_of(file)]
    faults.raise_if_any()
    return found


def check_secrets(overlay: Path) -> list[SecretFile]:
    """The overlay's secret files, all of them good. Raises ConfigError with all that are not."""
    files = secret_files(overlay)
    faults = [fault for one in files if (fault := one.fault()) is not None]
    if faults:
        raise ConfigError(faults)
    return files


def make_secrets(overlay: Path, *, all_of_them: bool = False) -> tuple[list[Path], list[Path]]:
    """Write a random word into each missing file that one does for, or into all that are missing.

    Returns what was written, and what is still missing. Raises TapwatchError when one cannot be written.
    """
    missing = {one.path: one for one in secret_files(overlay) if not one.path.exists()}
    made = [path for path, one in missing.items() if all_of_them or one.can_be_made]
    for path in made:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32), encoding="ascii")
        except OSError as error:
            raise TapwatchError(f"{path} cannot be written: {error.strerror}") from error
    return made, [path for path in missing if path not in made]


def _kustomizations(folder: Path, faults: Faults) -> Iterator[Document]:
    """The folder's kustomization.yaml, and those of the folders that it names."""
    file = folder / _KUSTOMIZATION
    if not file.is_file():
        faults.add(Fault(str(file), None, "", "there is none; name the folder of an overlay, as k8s/overlays/dev"))
        return
    with faults.collect():
        document = read_document(file)
        yield document
        for key in ("resources", "components"):
            for name in _list(document, key):
                if (folder / str(name)).is_dir():
                    yield from _kustomizations(folder / str(name), faults)


def _files_of(document: Document) -> Iterator[SecretFile]:
    folder = Path(document.file).parent
    for number, generator in enumerate(_list(document, "secretGenerator")):
        for index, entry in enumerate(generator.get("files", [])):
            name = str(entry).rpartition("=")[2]
            yield SecretFile(folder / name, document, ("secretGenerator", number, "files", index))


def _list(document: Document, key: str) -> list[Any]:
    data = document.data
    return (data.get(key) or []) if isinstance(data, dict) else []


def _complaint(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"{path} is missing; {_remedy(path)}"
    except (OSError, UnicodeDecodeError) as error:
        return f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}"
    if not text.strip():
        return f"{path} is empty; {_remedy(path)}"
    if PLACEHOLDER in text:
        return f"{path} still holds the example's text; {_remedy(path)}"
    if path.parent.name == "secrets" and text != text.strip():
        return f"{path} begins or ends with white space, which would be part of the secret; printf '%s' writes none"
    return None


def _remedy(path: Path) -> str:
    if path.name.endswith(_OURS_TO_CHOOSE):
        return "`tapwatch k8s secrets` makes one"
    return "k8s/secrets.example/README.md says where it comes from"
