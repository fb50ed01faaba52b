"""The bridge's settings file: robots, and how to speak to the people behind them."""

import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tapwatch.settings import Seconds, SecretFile, Settings, load

Language = Literal["en", "zh-TW", "zh-CN"]

DINGTALK_URL = "https://oapi.dingtalk.com/robot/send"


def _known_time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone; right would be a name as Asia/Taipei") from None
    return name


class RateLimit(Settings):
    """What DingTalk allows a robot; its own figures are the default."""

    messages: Annotated[int, Field(ge=1)] = 20
    per: Annotated[Seconds, Field(gt=0)] = 60.0
    mute: Seconds = 600.0
    """How long DingTalk refuses everything after too many messages."""


class RobotSettings(Settings):
    """One DingTalk robot, which is one group chat."""

    url: Annotated[str, Field(pattern=r"^https?://[^?#]+$")] = DINGTALK_URL
    access_token: SecretFile = Field(alias="access_token_file")
    secret: SecretFile | None = Field(default=None, alias="secret_file")
    """For a robot that is secured by signature."""
    keywords: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list, max_length=10)
    """For a robot that is secured by keywords: one of them must stand in every message."""
    language: Language = "en"
    time_zone: Annotated[str, AfterValidator(_known_time_zone)] = "UTC"
    rate_limit: RateLimit = Field(default_factory=RateLimit)


class BridgeSettings(Settings):
    """The whole file."""

    robots: Annotated[dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")], RobotSettings], Field(min_length=1)]
    timeout: Annotated[Seconds, Field(gt=0)] = 5.0
    """The longest wait for one answer of DingTalk."""
    outbox: str | None = None
    """Not used by this version, which confirms a notification only when DingTalk has taken it."""
    alertmanagers: list[str] = Field(default_factory=list)
    """Not used by this version."""

    @property
    def unused(self) -> list[str]:
        """Settings in the file that this version accepts and does not use."""
        return sorted({"outbox", "alertmanagers"} & self.model_fields_set)


def load_settings(file: Path) -> BridgeSettings:
    """Read the file and the secrets that it names; raises ConfigError with every fault."""
    return load(file, BridgeSettings)
