"""Where API servers are reached."""

import pytest

from exporters.cluster.endpoint import parse_server_url, replica_url


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://10.0.0.11:6443", "https://10.0.0.11:6443"),
        ("https://10.0.0.11:6443/", "https://10.0.0.11:6443"),
        ("https://api.example", "https://api.example"),
        ("https://[fd00::11]:6443", "https://[fd00::11]:6443"),
        ("https://rancher.example/k8s/clusters/c-1", "https://rancher.example/k8s/clusters/c-1"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
    ],
)
def test_a_server_is_named_by_its_url(written: str, meant: str) -> None:
    assert parse_server_url(written) == meant


@pytest.mark.parametrize(
    "written", ["", "10.0.0.11:6443", "api.example", "ftp://api.example", "https://", "https://a:port", None, 6443]
)
def test_what_is_no_url_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a URL such as https://10\.0\.0\.11:6443$"):
        parse_server_url(written)


@pytest.mark.parametrize("written", ["https://admin:hunter2@10.0.0.11:6443", "https://hunter2@10.0.0.11"])
def test_a_password_in_a_url_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(ValueError, match="without a user or a password") as caught:
        parse_server_url(written)
    assert "hunter2" not in str(caught.value)


def test_an_address_of_version_6_stands_in_brackets() -> None:
    assert replica_url("10.0.0.11", 6443) == "https://10.0.0.11:6443"
    assert replica_url("fd00::11", 6443) == "https://[fd00::11]:6443"
    assert replica_url("master-1.example", 443) == "https://master-1.example:443"
