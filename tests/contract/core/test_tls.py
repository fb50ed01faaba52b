"""TLS is set up in one module, so that no part of the product trusts Python's or OpenSSL's least version."""

import ast
from collections.abc import Iterator
from pathlib import Path

PRODUCT = ("tapwatch", "exporters", "alerting", "dashboards", "demo", "k8s")
MAKERS = {"SSLContext", "create_default_context", "_create_unverified_context", "_create_stdlib_context"}


def contexts_made(source: str) -> Iterator[int]:
    """The lines on which a context is made."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in MAKERS:
                yield node.lineno


def test_only_one_module_makes_contexts() -> None:
    found = {
        str(path)
        for folder in PRODUCT
        for path in Path(folder).rglob("*.py")
        if any(contexts_made(path.read_text(encoding="utf-8")))
    }
    assert found == {"tapwatch/tls.py"}
