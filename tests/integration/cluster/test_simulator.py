"""The simulated control plane behaves as a real one where the exporter and kubectl look."""

import asyncio
import json
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

from exporters.cluster.simulator import SimulatedControlPlane
from tapwatch.errors import TapwatchError

LEASE = "/apis/coordination.k8s.io/v1/namespaces/tapwatch/leases/one"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


class Client:
    """Asks with the kubeconfig's trust."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        self.address = content["clusters"][0]["cluster"]["server"]
        self.token = content["users"][0]["user"]["token"]
        self._trust = ssl.create_default_context(cafile=kubeconfig.parent / "ca.pem")

    async def apply(self, url: str) -> int:
        """The version of what was written."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"}) as session,
            session.patch(url, ssl=self._trust, json={"metadata": {"name": "one"}}) as response,
        ):
            return int((await response.json())["metadata"]["resourceVersion"])

    async def get(self, url: str, token: str | None = None) -> tuple[int, str]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as session,
            session.get(url, ssl=self._trust, headers=headers) as response,
        ):
            return response.status, await response.text()


async def test_a_replica_answers_as_a_real_one(tmp_path: Path) -> None:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=2) as plane:
        client, (one, other) = Client(plane.kubeconfig), plane.replicas
        assert await client.get(f"{one.url}/livez") == (200, "ok")
        status, text = await client.get(f"{one.url}/readyz?verbose")
        assert (status, text.splitlines()[0], text.splitlines()[-1]) == (200, "[+]ping ok", "readyz check passed")
        assert await client.get(f"{one.url}/livez/etcd") == (200, "ok")
        assert (await client.get(f"{one.url}/livez/none"))[0] == 404
        await one.fail("etcd")
        status, text = await client.get(f"{one.url}/livez")
        assert status == 500
        assert "[-]etcd failed: reason withheld\n" in text
        assert (await client.get(f"{one.url}/livez/etcd"))[0] == 500
        status, text = await client.get(f"{one.url}/livez?verbose&exclude=etcd")
        assert status == 200
        assert "[+]etcd excluded: ok\n" in text
        assert (await client.get(f"{other.url}/livez"))[0] == 200
        assert "simulated" in json.loads((await client.get(f"{one.url}/version"))[1])["gitVersion"]
        with pytest.raises(TapwatchError, match="has no check 'none'"):
            await one.fail("none")


async def test_lists_are_for_those_who_show_the_token_and_a_wrong_one_is_refused_everywhere(tmp_path: Path) -> None:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=1) as plane:
        client, (replica,) = Client(plane.kubeconfig), plane.replicas
        assert (await client.get(f"{replica.url}{SLICES}"))[0] == 403
        assert (await client.get(f"{replica.url}{SLICES}", "wrong"))[0] == 401
        assert (await client.get(f"{replica.url}/livez", "wrong"))[0] == 401
        status, text = await client.get(f"{replica.url}{SLICES}", client.token)
        assert status == 200
        assert [item["ports"][0]["port"] for item in json.loads(text)["items"]] == [replica.port]


async def test_writes_through_all_replicas_at_once_have_a_version_each_and_none_is_lost(tmp_path: Path) -> None:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=3) as plane:
        client = Client(plane.kubeconfig)
        urls = [f"{replica.url}{LEASE}" for replica in plane.replicas] * 20
        versions = await asyncio.gather(*(client.apply(url) for url in urls))
        assert sorted(versions) == list(range(2, 2 + len(urls)))


async def test_the_address_leads_to_whoever_is_alive(tmp_path: Path) -> None:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=2) as plane:
        client = Client(plane.kubeconfig)
        await plane.replicas[0].kill()
        for _ in range(4):  # of two at once, one must not take the other's turn at the one that is alive
            answers = await asyncio.gather(*(client.get(f"{client.address}/livez") for _ in range(2)))
            assert answers == [(200, "ok")] * 2
        await plane.replicas[1].kill()
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get(f"{client.address}/livez")
        await plane.replicas[1].restart()
        assert await client.get(f"{client.address}/livez") == (200, "ok")


async def test_a_killed_replica_refuses_and_a_hung_one_accepts_and_says_nothing(tmp_path: Path) -> None:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=1) as plane:
        client, (replica,) = Client(plane.kubeconfig), plane.replicas
        await replica.hang()
        assert replica.running is True
        with pytest.raises(TimeoutError):
            await client.get(f"{replica.url}/livez")
        await replica.resume()
        assert await client.get(f"{replica.url}/livez") == (200, "ok")
        url = replica.url
        await replica.kill()
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(f"{url}/livez")
        await replica.restart()
        assert (replica.url, replica.running) == (url, True)
        assert await client.get(f"{url}/livez") == (200, "ok")


async def test_it_says_that_it_is_simulated_and_keeps_its_secrets(tmp_path: Path) -> None:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=1) as plane:
        content = yaml.safe_load(plane.kubeconfig.read_text())
        assert content["current-context"] == content["clusters"][0]["name"] == "simulated"
        for secret in ("kubeconfig.yaml", "token", "server.pem"):
            assert (plane.folder / secret).stat().st_mode & 0o077 == 0


async def test_no_replica_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    """However that ends, and even when the replica is stopped at that moment."""
    script = """
import asyncio, sys
from pathlib import Path
from exporters.cluster.simulator import SimulatedControlPlane

async def main():
    async with SimulatedControlPlane(Path(sys.argv[1]), replicas=1) as plane:
        await plane.replicas[0].hang()
        print(plane.replicas[0].port, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "plane"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    port = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await asyncio.sleep(0.2)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
