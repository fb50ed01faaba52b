"""The words around an alert, in each language. Alerts themselves speak the language of their rules."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerting.dingtalk.settings import Language


@dataclass(frozen=True)
class Phrases:
    """One language."""

    severities: Mapping[str, str]
    resolved: str
    floor: str
    since: str
    lasted: str
    what_to_do: str
    dashboard: str
    graph: str
    more: str
    alertmanager: str
    days: str
    hours: str
    minutes: str
    seconds: str


PHRASES: Mapping[Language, Phrases] = {
    "en": Phrases(
        severities={"critical": "Critical", "warning": "Warning", "info": "Info"},
        resolved="Resolved",
        floor="floor {}",
        since="Since {}",
        lasted="Lasted {}, since {}",
        what_to_do="What to do",
        dashboard="Dashboard",
        graph="Graph",
        more="and {} more",
        alertmanager="all in Alertmanager",
        days="{} d",
        hours="{} h",
        minutes="{} min",
        seconds="{} s",
    ),
    "zh-TW": Phrases(
        severities={"critical": "嚴重", "warning": "警告", "info": "通知"},
        resolved="已恢復",
        floor="{} 樓",
        since="自 {} 起",
        lasted="歷時 {}，自 {} 起",
        what_to_do="處理步驟",
        dashboard="儀表板",
        graph="圖表",
        more="另有 {} 則",
        alertmanager="在 Alertmanager 檢視全部",
        days="{} 天",
        hours="{} 小時",
        minutes="{} 分鐘",
        seconds="{} 秒",
    ),
    "zh-CN": Phrases(
        severities={"critical": "严重", "warning": "警告", "info": "通知"},
        resolved="已恢复",
        floor="{} 楼",
        since="自 {} 起",
        lasted="历时 {}，自 {} 起",
        what_to_do="处理步骤",
        dashboard="仪表盘",
        graph="图表",
        more="另有 {} 条",
        alertmanager="在 Alertmanager 查看全部",
        days="{} 天",
        hours="{} 小时",
        minutes="{} 分钟",
        seconds="{} 秒",
    ),
}
