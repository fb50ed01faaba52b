"""A bridge with one robot, and the stand-in that it sends to."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from alerting.dingtalk.bridge import Bridge
from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.settings import load_settings
from alerting.dingtalk.standin.cloud import Received
from alerting.dingtalk.standin.faults import Fault, Kind
from alerting.dingtalk.standin.server import StandIn
from tests.processes import serving

TOKEN = "t0ken-" + "a" * 40
SECRET = "SEC" + "b" * 40


def write_settings(
    folder: Path,
    url: str,
    *,
    timeout: str = "1s",
    patience: str = "8s",
    robot: Mapping[str, object] | None = None,
) -> Path:
    """The bridge's settings file with robot `ops`, and its secrets."""
    (folder / "ops.token").write_text(TOKEN, encoding="utf-8")
    (folder / "ops.secret").write_text(SECRET, encoding="utf-8")
    ops = {"url": url, "access_token_file": "./ops.token", "secret_file": "./ops.secret", "keywords": ["Tapwatch"]}
    file = folder / "dingtalk.yaml"
    settings = {"timeout": timeout, "patience": patience, "robots": {"ops": ops | dict(robot or {})}}
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Channel:
    """Both, running."""

    bridge_url: str
    stand_in: StandIn
    settings: Path
    session: aiohttp.ClientSession

    async def post(self, body: bytes, robot: str = "ops", **options: object) -> tuple[int, str]:
        """What Alertmanager does."""
        url = f"{self.bridge_url}/dingtalk/{robot}"
        async with self.session.post(url, data=io.BytesIO(body), **options) as answer:  # type: ignore[arg-type]  # passed through
            return answer.status, await answer.text()

    async def reload(self) -> tuple[int, str]:
        async with self.session.post(f"{self.bridge_url}/-/reload") as answer:
            return answer.status, await answer.text()

    async def metrics(self) -> str:
        async with self.session.get(f"{self.bridge_url}/metrics") as answer:
            return await answer.text()

    @property
    def received(self) -> list[Received]:
        """All that the robot has sent."""
        return self.stand_in.cloud.received()

    @property
    def accepted(self) -> list[Received]:
        """What stands in the group chat."""
        return [one for one in self.received if one.verdict.accepted and not one.repeated]

    def break_cloud(self, kind: str, count: int | None = None, **how: object) -> None:
        """Switch a fault of DingTalk on."""
        self.stand_in.fault = Fault(Kind(kind), count, **how)  # type: ignore[arg-type]  # passed through

    def mend_cloud(self) -> None:
        """Switch it off."""
        self.stand_in.fault = None


@asynccontextmanager
async def running_channel(
    folder: Path, clocks: Clocks | None = None, *, answer_within: str = "1s", patience: str = "8s", **robot: object
) -> AsyncIterator[Channel]:
    """The stand-in knows the robot as the bridge does."""
    stand_in = StandIn(load_settings(write_settings(folder, "http://127.0.0.1:1/robot/send", robot=robot)))
    async with serving(stand_in.service) as cloud_url:
        file = write_settings(folder, f"{cloud_url}/robot/send", timeout=answer_within, patience=patience, robot=robot)
        async with serving(Bridge(file, clocks).service) as bridge_url, aiohttp.ClientSession() as session:
            yield Channel(bridge_url, stand_in, file, session)
