"""A bridge with one robot, and the stand-in that it sends to."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import sqlalchemy
import yaml

from alerting.dingtalk.bridge import Bridge
from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.settings import load_settings
from alerting.dingtalk.standin.cloud import Received
from alerting.dingtalk.standin.faults import Fault, Kind
from alerting.dingtalk.standin.server import StandIn
from laboratory.processes import serving

TOKEN = "t0ken-" + "a" * 40
SECRET = "SEC" + "b" * 40


def write_settings(
    folder: Path,
    url: str,
    *,
    timeout: str = "1s",
    robot: Mapping[str, object] | None = None,
    robots: Sequence[str] = (),
    **more: object,
) -> Path:
    """The bridge's settings file with robot `ops`, others with the same options, their secrets, and more settings."""
    options = {"url": url, "secret_file": "./ops.secret", "keywords": ["Tapwatch"]}
    (folder / "ops.secret").write_text(SECRET, encoding="utf-8")
    found = {}
    for name in ("ops", *robots):
        (folder / f"{name}.token").write_text(TOKEN if name == "ops" else f"{name}-{TOKEN}", encoding="utf-8")
        found[name] = options | {"access_token_file": f"./{name}.token"} | dict(robot or {} if name == "ops" else {})
    settings = {"timeout": timeout, "patience": "8s", "robots": found} | more
    file = folder / "dingtalk.yaml"
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

    def change_settings(self, old: str, new: str) -> str:
        """Write other settings, which count from the next reload on; the text as it was."""
        text = self.settings.read_text(encoding="utf-8")
        assert old in text
        self.settings.write_text(text.replace(old, new), encoding="utf-8")
        return text

    async def reload(self) -> tuple[int, str]:
        async with self.session.post(f"{self.bridge_url}/-/reload") as answer:
            return answer.status, await answer.text()

    async def get(self, path: str) -> str:
        """A page of the bridge."""
        async with self.session.get(f"{self.bridge_url}{path}") as answer:
            return await answer.text()

    async def metrics(self) -> str:
        return await self.get("/metrics")

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

    def of(self, robot: str) -> list[Received]:
        """What stands in this robot's group chat."""
        return [one for one in self.accepted if one.robot == robot]


@asynccontextmanager
async def running_channel(
    folder: Path,
    clocks: Clocks | None = None,
    *,
    answer_within: str = "1s",
    robots: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
    **robot: object,
) -> AsyncIterator[Channel]:
    """The stand-in knows the robots as the bridge does."""
    more = dict(settings or {})
    known = write_settings(folder, "http://127.0.0.1:1/robot/send", robot=robot, robots=robots)
    stand_in = StandIn(load_settings(known))
    async with serving(stand_in.service) as cloud_url:
        url = f"{cloud_url}/robot/send"
        file = write_settings(folder, url, timeout=answer_within, robot=robot, robots=robots, **more)
        async with replica(file, stand_in, clocks) as channel:
            yield channel


@asynccontextmanager
async def replica(settings: Path, stand_in: StandIn, clocks: Clocks | None = None) -> AsyncIterator[Channel]:
    """A bridge, or one more, with these settings."""
    async with serving(Bridge(settings, clocks).service) as bridge_url, aiohttp.ClientSession() as session:
        yield Channel(bridge_url, stand_in, settings, session)


async def until(reached: Callable[[], bool], what: str = "it") -> None:
    """Return as soon as it is reached; fails after a long time."""
    for _ in range(600):
        if reached():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what} does not happen")


def ledger(url: str, query: str) -> list[tuple[object, ...]]:
    """What the store says."""
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
    finally:
        engine.dispose()
