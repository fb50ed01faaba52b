"""A robot's request as DingTalk's cloud reads it: which fields each type needs, and who is mentioned.

Source: DingTalk's custom robot documentation, "message types and data format".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TITLE_AND_TEXT = ("title", "text")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "text": ("content",),
    "markdown": _TITLE_AND_TEXT,
    "link": (*_TITLE_AND_TEXT, "messageUrl"),
    "actionCard": _TITLE_AND_TEXT,
    "feedCard": ("links",),
}


@dataclass(frozen=True)
class Message:
    """What stands in a request's body; empty where it says nothing readable."""

    kind: str = ""
    content: Mapping[str, Any] | None = None
    message_id: str = ""
    wanted: tuple[str, ...] = ()
    """Those in `at`, by mobile or user id."""
    everybody: bool = False

    @property
    def title(self) -> str:
        """The line of the phone's notification."""
        return _string(self.content, "title")

    @property
    def text(self) -> str:
        """The words of a message of any type."""
        return _string(self.content, "text") or _string(self.content, "content")

    @property
    def mentioned(self) -> tuple[str, ...]:
        """Those in `at` who also stand in the text: only their phones ring."""
        return tuple(one for one in self.wanted if f"@{one}" in self.text)

    @property
    def kind_is_known(self) -> bool:
        """Whether robots may send this type."""
        return self.kind in _NEEDED

    @property
    def fault(self) -> str:
        """What is missing; empty when the message is complete."""
        if not self.kind_is_known:
            return f"msgtype must be one of {', '.join(_NEEDED)}"
        if self.content is None:
            return f"there is no {self.kind}"
        missing = [name for name in _NEEDED[self.kind] if not _is_filled(name, self.content.get(name))]
        if self.kind == "actionCard" and not (
            {"singleTitle", "singleURL"} <= set(self.content) or "btns" in self.content
        ):
            missing.append("singleTitle and singleURL, or btns")
        return f"{self.kind} needs {', '.join(missing)}" if missing else ""

    def has_keyword(self, keywords: list[str]) -> bool:
        """Whether one of the robot's keywords stands in it; true when the robot has none."""
        words = json.dumps(list((self.content or {}).values()), ensure_ascii=False)
        return not keywords or any(json.dumps(keyword, ensure_ascii=False)[1:-1] in words for keyword in keywords)


def read_message(body: bytes) -> Message | None:
    """The message in a request's body; None when it is no JSON object."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    kind = data.get("msgtype")
    kind = kind if isinstance(kind, str) else ""
    content, at = data.get(kind), data.get("at")
    at = at if isinstance(at, dict) else {}
    wanted = [one for name in ("atMobiles", "atUserIds") if isinstance(at.get(name), list) for one in at[name]]
    return Message(
        kind=kind,
        content=content if isinstance(content, dict) else None,
        message_id=_string(data, "msgUuid"),
        wanted=tuple(str(one) for one in wanted),
        everybody=at.get("isAtAll") is True,
    )


def _string(data: Mapping[str, Any] | None, name: str) -> str:
    value = (data or {}).get(name)
    return value if isinstance(value, str) else ""


def _is_filled(name: str, value: object) -> bool:
    return isinstance(value, list if name == "links" else str) and bool(value)
