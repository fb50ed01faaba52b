"""What DingTalk gets, spelled out: DingTalk decides on its form."""

import json
from zoneinfo import ZoneInfo

from alerting.dingtalk.message import Form, Message, Reader, Style, write
from alerting.payload import parse_notification
from laboratory.notifications import alert, body


def test_a_message_is_dingtalks_markdown() -> None:
    message = Message(Form.MARKDOWN, "標題", 'text "so"\n', 1)
    assert message.encode("id") == (
        '{"msgUuid": "id", "msgtype": "markdown", "markdown": {"title": "標題", "text": "text \\"so\\"\\n"}}'.encode()
    )


def test_plain_text_is_dingtalks_text() -> None:
    for form in (Form.TEXT, Form.BARE):
        assert json.loads(Message(form, "", "水", 1).encode("id")) == {
            "msgUuid": "id",
            "msgtype": "text",
            "text": {"content": "水"},
        }


def test_the_demo_and_people_find_a_resolved_alert_by_its_mark() -> None:
    """The first mark on the line that names the dispenser is the alert's state, in every language."""
    for language in ("en", "zh-TW", "zh-CN"):
        notification = parse_notification(body(alert(status="resolved"), alert(fingerprint="f2", dispenser="b")))
        text = write(notification, Reader(language, ZoneInfo("UTC"), ()), Style()).text
        lines = [line for line in text.splitlines() if "**" in line]
        assert [line.partition(" ")[0] for line in lines] == ["🔴", "✅"]
