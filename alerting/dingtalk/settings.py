"""The bridge's settings file: robots, and how to speak to the people behind them."""

import ipaddress
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, model_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tapwatch.settings import RelativePath, Seconds, SecretFile, Settings, load

Language = Literal["en", "zh-TW", "zh-CN"]
Severity = Literal["critical", "warning", "info"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)]

DINGTALK_URL = "https://oapi.dingtalk.com/robot/send"


def _known_time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone; right would be a name as Asia/Taipei") from None
    return name


def _robot_url(url: str) -> str:
    """The message never repeats the address: people paste the whole webhook, which holds the token."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must end before the '?'; the access token stands in access_token_file")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))):
        raise ValueError("must be an https:// URL, as it carries the access token; http:// only to this machine")
    return url


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _web_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or "@" in parts.netloc:
        raise ValueError("must be a http:// or https:// URL without user name and query")
    return url.rstrip("/")


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


def _one_word(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if "://" in text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("the file must hold the bare token or secret: one word, not the whole webhook address")
    return secret


def _database(address: object, info: ValidationInfo) -> URL:
    """The message never repeats the address: people put passwords into it."""
    try:
        url = make_url(str(address))
    except ArgumentError:
        raise ValueError("must be sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME") from None
    if url.drivername not in {"sqlite", "postgresql+psycopg"} or not url.database:
        raise ValueError("must be sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
    if url.password is not None:
        raise ValueError("must not hold a password; it stands in outbox_password_file")
    if url.drivername == "sqlite":
        folder = (info.context or {}).get("folder", Path())
        url = url.set(database=str(Path(folder).absolute() / url.database))
    return url


TimeZone = Annotated[str, AfterValidator(_known_time_zone)]

Credential = Annotated[SecretFile, AfterValidator(_one_word)]
"""A robot's token or secret, in a file of its own."""


class RateLimit(Settings):
    """What DingTalk allows a robot; its own figures are the default."""

    messages: Annotated[int, Field(ge=1)] = 20
    per: Annotated[Seconds, Field(gt=0)] = 60.0
    mute: Seconds = 600.0
    """How long DingTalk refuses everything after too many messages."""

    @property
    def kept(self) -> int:
        """Of the messages, those that are for critical news alone."""
        return self.messages // 4


class RobotSettings(Settings):
    """One DingTalk robot, which is one group chat."""

    url: Annotated[str, AfterValidator(_robot_url)] = DINGTALK_URL
    access_token: Credential = Field(alias="access_token_file")
    secret: Credential | None = Field(default=None, alias="secret_file")
    """For a robot that is secured by signature."""
    keywords: list[Annotated[str, Field(min_length=1, max_length=50)]] = Field(default_factory=list, max_length=10)
    """For a robot that is secured by keywords: one of them must stand in every message."""
    language: Language = "en"
    time_zone: TimeZone = "UTC"
    rate_limit: RateLimit = Field(default_factory=RateLimit)
    cards: bool = False
    """Whether a message with buttons is a card. A card rings nobody's phone, so what rings is no card."""
    pool: list[str] = Field(default_factory=list)
    """Robots that stand in, in this order, while this one is out of budget, muted or set up wrong. Usually more robots
    in the same group chat."""


class WatchdogSettings(Settings):
    """An alert that fires always, by which Prometheus and Alertmanager prove that they live."""

    within: Annotated[Seconds, Field(gt=0)] = 300.0
    """The longest silence; at least twice the `repeat_interval` of its route."""
    tell: Annotated[list[str], Field(min_length=1)]
    """The robots that say it when the alert stops coming, and when it comes back."""


class ReconcileSettings(Settings):
    """Whether all that Alertmanager has active was delivered."""

    receivers: Annotated[str, AfterValidator(_expression)] = "dingtalk.*"
    """A regular expression over the whole name of Alertmanager's receivers that come here."""
    severities: list[Severity] = Field(default=["critical", "warning"])
    after: Annotated[Seconds, Field(gt=0)] = 900.0
    """How long an alert may be active until it must have been delivered: longer than `group_wait`, `group_interval` and
    a mute of DingTalk together."""
    every: Annotated[Seconds, Field(gt=0)] = 60.0
    tell: list[str] = Field(default_factory=list)
    """Other robots that then tell of it, best in another group."""


class ButtonSettings(Settings):
    """Links in messages by which a person takes care of an alert, or silences it."""

    key: Credential = Field(alias="key_file")
    """Signs the links: `openssl rand -hex 32`; the same for all replicas."""
    valid: Annotated[Seconds, Field(gt=0)] = 86400.0
    """How long a link can be used."""


class PictureSettings(Settings):
    """A chart of the alert's expression in each message."""

    prometheus: Annotated[str, AfterValidator(_web_url)]
    """Where to ask for it."""
    hours: Annotated[int, Field(ge=1, le=168)] = 3
    deadline: Annotated[Seconds, Field(gt=0, le=3)] = 1.5
    """The longest that a message waits for its chart."""


class BridgeSettings(Settings):
    """The whole file."""

    robots: Annotated[dict[Name, RobotSettings], Field(min_length=1)]
    timeout: Annotated[Seconds, Field(gt=0)] = 3.0
    """The longest wait for one answer of DingTalk."""
    patience: Annotated[Seconds, Field(gt=0)] = 8.0
    """The longest that a notification may take: Alertmanager waits for its `group_interval`, at least 10 s."""
    outbox: Annotated[URL, BeforeValidator(_database)] | None = None
    """Where notifications are safe: `sqlite:///FILE` for one replica, `postgresql+psycopg://USER@HOST/NAME` for more.
    Without it a notification is confirmed only when DingTalk has taken it."""
    outbox_password: SecretFile | None = Field(default=None, alias="outbox_password_file")
    keep: Annotated[Seconds, Field(gt=0)] = 90 * 86400.0
    """How long the ledger remembers what was delivered."""
    webhook_token: Credential | None = Field(default=None, alias="webhook_token_file")
    """What Alertmanager must send as `Authorization: Bearer ...`; certificates of clients are for --web.config.file."""
    alertmanagers: list[Annotated[str, AfterValidator(_web_url)]] = Field(default_factory=list)
    """Alertmanager's replicas: asked for what is active, and to silence."""
    watchdogs: dict[Name, WatchdogSettings] = Field(default_factory=dict)
    """By the name in `POST /watchdog/NAME`."""
    reconcile: ReconcileSettings | None = None
    public_url: Annotated[str, AfterValidator(_web_url)] = ""
    """Where phones reach this bridge: for buttons and pictures."""
    buttons: ButtonSettings | None = None
    pictures: PictureSettings | None = None
    people: RelativePath | None = None
    """The file of people, teams and rotas."""
    templates: RelativePath | None = None
    """A folder whose files replace ours of the same names."""

    @property
    def database(self) -> URL | None:
        """The outbox's address with its password."""
        if self.outbox is None or self.outbox_password is None:
            return self.outbox
        return self.outbox.set(password=self.outbox_password.get_secret_value())

    def pool(self, name: str) -> list[str]:
        """The robots that deliver what is meant for this one: itself, then those that stand in."""
        return [name, *self.robots[name].pool]

    @model_validator(mode="after")
    def _pools_hold_robots_of_this_file(self) -> Self:
        for name, robot in self.robots.items():
            unknown = sorted(set(robot.pool) - self.robots.keys())
            if unknown:
                raise ValueError(f"robots.{name}.pool: no robot is named {unknown[0]!r}")
            if name in robot.pool or len(set(robot.pool)) < len(robot.pool):
                raise ValueError(f"robots.{name}.pool: names other robots, each once")
        return self

    @model_validator(mode="after")
    def _those_who_tell_are_robots_of_this_file(self) -> Self:
        tellers = {f"watchdogs.{name}.tell": one.tell for name, one in self.watchdogs.items()}
        if self.reconcile is not None:
            tellers["reconcile.tell"] = self.reconcile.tell
        for path, names in tellers.items():
            unknown = sorted(set(names) - self.robots.keys())
            if unknown:
                raise ValueError(f"{path}: no robot is named {unknown[0]!r}")
        return self

    @model_validator(mode="after")
    def _reconciling_has_both_sides(self) -> Self:
        if self.reconcile is not None and (self.outbox is None or not self.alertmanagers):
            raise ValueError("reconcile: needs outbox, which knows what was delivered, and alertmanagers")
        return self

    @model_validator(mode="after")
    def _what_phones_open_has_an_address(self) -> Self:
        for name in ("buttons", "pictures"):
            if getattr(self, name) is not None and (self.outbox is None or not self.public_url):
                raise ValueError(f"{name}: needs outbox, and public_url, where phones reach this bridge")
        return self

    @model_validator(mode="after")
    def _one_answer_fits_into_the_patience(self) -> Self:
        if self.timeout > self.patience:
            raise ValueError(f"timeout ({self.timeout:g} s) must not be longer than patience ({self.patience:g} s)")
        return self


def load_settings(file: Path) -> BridgeSettings:
    """Read the file and the secrets that it names; raises ConfigError with every fault."""
    return load(file, BridgeSettings)
