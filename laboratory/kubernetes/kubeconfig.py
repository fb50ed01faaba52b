"""Kubeconfig files with everything inside, as a person would be handed one."""

import base64
from collections.abc import Mapping
from pathlib import Path

import yaml

from laboratory.kubernetes.certificates import Credential, write_secret


def certificate_user(credential: Credential) -> dict[str, str]:
    """A user who shows a client certificate."""
    return {
        "client-certificate-data": _data(credential.certificate_pem),
        "client-key-data": _data(credential.key_pem),
    }


def token_user(token: str) -> dict[str, str]:
    """A user who shows a bearer token."""
    return {"token": token}


def write_kubeconfig(file: Path, server: str, authority_pem: bytes, name: str, user: Mapping[str, str]) -> Path:
    """Write a file of one cluster and one context named NAME, the current one; the file's path."""
    cluster = {"server": server, "certificate-authority-data": _data(authority_pem)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tapwatch", "cluster": cluster}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": "tapwatch", "user": name}}],
        "current-context": name,
    }
    write_secret(file, yaml.safe_dump(content, sort_keys=False).encode())
    return file


def _data(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
