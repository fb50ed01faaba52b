"""The aggregation layer and webhooks of the control plane work, and fail as told."""

from collections.abc import Iterator

import pytest

from laboratory.kubernetes.extension import GROUP, GUARDED, VERSION, Extension, extended
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.servers.waiting import comes_true

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled, pytest.mark.root]

CONFIG_MAPS = f"/api/v1/namespaces/{GUARDED}/configmaps"


@pytest.fixture
def extension(plane: HighlyAvailable) -> Iterator[Extension]:
    with extended(plane) as extension:
        yield extension


def test_an_added_api_is_served_until_its_endpoint_is_gone(plane: HighlyAvailable, extension: Extension) -> None:
    name = extension.add_api()
    assert comes_true(lambda: available(plane, name) == "True")
    assert comes_true(lambda: plane.entrance.ask("GET", f"/apis/{GROUP}/{VERSION}").status == 200)
    extension.remove_endpoint()
    assert comes_true(lambda: available(plane, name) == "False", 60)
    extension.add_endpoint()
    assert comes_true(lambda: available(plane, name) == "True", 60)


def test_a_webhook_that_fails_closed_refuses_without_an_endpoint(plane: HighlyAvailable, extension: Extension) -> None:
    extension.add_webhook()
    assert comes_true(lambda: plane.entrance.ask("GET", CONFIG_MAPS).status == 200)
    assert comes_true(lambda: write(plane, "before") == 201)
    extension.remove_endpoint()
    assert comes_true(lambda: write(plane, "during") == 500, 60)
    extension.add_endpoint()
    assert comes_true(lambda: write(plane, "after") == 201, 60)


def available(plane: HighlyAvailable, name: str) -> str | None:
    """The status of the APIService's condition."""
    answer = plane.entrance.ask("GET", f"/apis/apiregistration.k8s.io/v1/apiservices/{name}").json()
    conditions = answer.get("status", {}).get("conditions", [])
    return next((str(one["status"]) for one in conditions if one["type"] == "Available"), None)


def write(plane: HighlyAvailable, name: str) -> int:
    """The status of the answer when a config map is written, again and again with the same name."""
    plane.entrance.ask("DELETE", f"{CONFIG_MAPS}/{name}")
    return plane.entrance.ask("POST", CONFIG_MAPS, {"metadata": {"name": name}}).status
