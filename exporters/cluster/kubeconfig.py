"""Kubeconfig files: which API server a context leads to, and every fault that would keep us from it.

The format is client-go's, tools/clientcmd/api/v1, types.go. Keys that only kubectl needs are ignored, and of the
entries only those that the context uses are looked at, as kubectl does. The official client reads the same files
again for the credentials; its own messages are not shown, as some repeat a whole entry, token included.
"""

import base64
import binascii
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from exporters.cluster.endpoint import ServerUrl
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.settings import (
    ROOT,
    AnySettings,
    Document,
    DocumentPath,
    RelativePath,
    Settings,
    read_document,
    spell,
    validate,
)


@dataclass(frozen=True)
class Plugin:
    """A command that hands out credentials."""

    command: str
    folder: Path
    """Where a relative path starts: the kubeconfig's folder."""
    hint: str = ""
    """What the kubeconfig says of installing it."""

    @property
    def is_installed(self) -> bool:
        """Whether it can be run; a name is looked up on PATH."""
        if "/" not in self.command:
            return shutil.which(self.command) is not None
        return os.access(self.folder / self.command, os.X_OK)


@dataclass(frozen=True)
class Target:
    """The cluster that a context leads to, or that settings name by its server."""

    files: tuple[Path, ...]
    """The kubeconfig files, merged by those who read them; none where server, token and CA file say all."""
    context: str
    cluster: str
    """The cluster's name in the file."""
    server: str
    """The URL that users use."""
    plugin: Plugin | None = None
    proxy: SecretStr | None = None
    """The URL of the HTTP proxy in front of the cluster."""
    token_file: Path | None = None
    ca_file: Path | None = None
    server_name: str | None = None
    """The name that certificates must be for, when it is not the URL's."""


class _Part(Settings):
    """Others' format: more keys than ours may stand there."""

    model_config = ConfigDict(extra="ignore")


def _existing(path: Path) -> Path:
    try:
        found = path.is_file()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if not found:
        raise ValueError(f"there is no file {path}")
    return path


def is_there(file: Path) -> bool:
    """Tell whether a file exists. Where that cannot be seen it is taken for there, and reading it says why not."""
    try:
        return file.exists()
    except OSError:
        return True


def _base64(secret: SecretStr) -> SecretStr:
    try:
        base64.b64decode(secret.get_secret_value(), validate=False)
    except binascii.Error:
        raise ValueError("must be base64") from None
    return secret


def _http_proxy(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("must be the URL of an HTTP proxy, as http://proxy.example:3128; others are not supported")
    return secret


HttpProxy = Annotated[SecretStr, AfterValidator(_http_proxy)]
"""It may hold a password."""
ExistingFile = Annotated[RelativePath, AfterValidator(_existing)]
Base64 = Annotated[SecretStr, AfterValidator(_base64)]


class _ClusterPart(_Part):
    server: ServerUrl
    authority_file: ExistingFile | None = Field(None, alias="certificate-authority")
    authority: Base64 | None = Field(None, alias="certificate-authority-data")
    proxy: HttpProxy | None = Field(None, alias="proxy-url")


class _PluginPart(_Part):
    command: Annotated[str, Field(min_length=1)]
    hint: str = Field("", alias="installHint")


class _UserPart(_Part):
    certificate_file: ExistingFile | None = Field(None, alias="client-certificate")
    certificate: Base64 | None = Field(None, alias="client-certificate-data")
    key_file: ExistingFile | None = Field(None, alias="client-key")
    key: Base64 | None = Field(None, alias="client-key-data")
    token_file: ExistingFile | None = Field(None, alias="tokenFile")
    plugin: _PluginPart | None = Field(None, alias="exec")


class _ContextPart(_Part):
    cluster: str
    user: str = ""


@dataclass(frozen=True)
class _Entry:
    """A named entry of one of the lists: a cluster, a user or a context."""

    document: Document
    path: DocumentPath
    content: object

    def read(self, model: type[AnySettings]) -> AnySettings:
        """The entry as `model`; raises ConfigError with each fault's place in the whole file."""
        depth = len(self.path)
        lines = {path[depth:]: line for path, line in self.document.lines.items() if path[:depth] == self.path}
        lines.setdefault(ROOT, self.document.line(self.path) or 1)
        folder = Path(self.document.file).parent
        try:
            return validate(Document(self.document.file, self.content, lines), model, folder)
        except ConfigError as error:
            raise ConfigError(
                replace(fault, path=".".join(part for part in (spell(self.path), fault.path) if part))
                for fault in error.faults
            ) from error


def read_target(files: Sequence[Path], context: str | None) -> Target:
    """The cluster of `context`, else of the current context; raises ConfigError with every fault on the way.

    Several files are merged as kubectl does: the first to name something decides, and files that do not exist are
    passed over as long as one does.
    """
    existing = tuple(file for file in files if is_there(file)) or tuple(files)
    documents = [_read(file) for file in existing]
    name = context or _current_context(documents)
    chosen = _find(documents, "contexts", name).read(_ContextPart)
    faults = Faults()
    with faults.collect():
        cluster = _find(documents, "clusters", chosen.cluster).read(_ClusterPart)
    plugin = None
    with faults.collect():
        plugin = _read_plugin(documents, chosen.user)
    faults.raise_if_any()
    return Target(existing, name, chosen.cluster, cluster.server, plugin, cluster.proxy)


def _read(file: Path) -> Document:
    document = read_document(file)
    if not isinstance(document.data, Mapping):
        raise ConfigError([Fault(document.file, None, "", "is not a kubeconfig file: it must be a mapping")])
    return document


def _current_context(documents: Sequence[Document]) -> str:
    for document in documents:
        if isinstance(document.data, Mapping) and document.data.get("current-context"):
            return str(document.data["current-context"])
    file = documents[0].file
    raise ConfigError([Fault(file, None, "current-context", "is not set, and no context is named")])


_MISSING = object()
_WRAPPED_IN = {"contexts": "context", "clusters": "cluster", "users": "user"}


def _find(documents: Sequence[Document], kind: str, name: str) -> _Entry:
    """The entry of this name; raises ConfigError when there is none, or nothing in it."""
    entries: dict[str, _Entry] = {}
    inner = _WRAPPED_IN[kind]
    for document in documents:
        rows = document.data.get(kind) if isinstance(document.data, Mapping) else None
        for index, row in enumerate(rows if isinstance(rows, list) else []):
            if isinstance(row, Mapping) and "name" in row:
                entry = _Entry(document, (kind, index, inner), row.get(inner, _MISSING))
                entries.setdefault(str(row["name"]), entry)
    if name not in entries:
        known = f"there are: {', '.join(sorted(entries))}" if entries else "there are none"
        raise ConfigError([documents[0].fault((kind,), f"has no {inner} {name!r}; {known}")])
    if entries[name].content is _MISSING:
        raise ConfigError([entries[name].document.fault(entries[name].path, "is missing")])
    return entries[name]


def _read_plugin(documents: Sequence[Document], user: str) -> Plugin | None:
    """The user's credential plugin; raises ConfigError for any fault of the user.

    Whether it is installed is seen when it is wanted: one cluster's missing plugin keeps no other from being watched.
    """
    if not user:
        return None
    entry = _find(documents, "users", user)
    plugin = entry.read(_UserPart).plugin
    return None if plugin is None else Plugin(plugin.command, Path(entry.document.file).parent, plugin.hint)
