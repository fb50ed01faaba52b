"""A strict stand-in for the part of Grafana's HTTP API that a push uses: paths, payloads, rights and versions.

It answers as Grafana's documentation of the Folder and the Dashboard API says, and refuses what those do not name.
"""

import copy
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_SAVE_KEYS = {"dashboard", "folderUid", "message", "overwrite"}
_FOLDER_KEYS = {"title", "uid"}


@dataclass
class Kept:
    """A dashboard."""

    json: Json
    folder: str
    provisioned: bool = False


@dataclass
class GrafanaStandIn:
    """Its state, which a test may look at and change."""

    tokens: dict[str, str] = field(default_factory=lambda: {"editor-token": "Editor", "viewer-token": "Viewer"})
    version: str = "11.6.0"
    folders: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, Kept] = field(default_factory=dict)
    protected_folders: set[str] = field(default_factory=set)
    """In which nobody may save."""
    writes: list[str] = field(default_factory=list)
    """Every request that changed something."""
    before_save: Callable[[int], web.StreamResponse | None] = lambda _number: None
    """Called with the number of the save, from 1 on; its answer, if any, is given instead."""
    _saves: int = 0
    _next_id: int = 1

    def application(self) -> web.Application:
        """What a test server serves."""
        application = web.Application(middlewares=[self._authorized])
        application.router.add_get("/api/frontend/settings", self._settings)
        application.router.add_get("/api/folders/{uid}", self._get_folder)
        application.router.add_post("/api/folders", self._create_folder)
        application.router.add_delete("/api/folders/{uid}", self._delete_folder)
        application.router.add_get("/api/dashboards/uid/{uid}", self._get_dashboard)
        application.router.add_delete("/api/dashboards/uid/{uid}", self._delete_dashboard)
        application.router.add_post("/api/dashboards/db", self._save)
        return application

    @web.middleware
    async def _authorized(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return web.json_response({"message": "Invalid API key"}, status=401)
        if request.method != "GET" and self.tokens[token] == "Viewer":
            return web.json_response({"message": "You'll need additional permissions"}, status=403)
        if request.method == "POST" and request.content_type != "application/json":
            return web.json_response({"message": "bad request data"}, status=400)
        answer = await handler(request)
        if request.method != "GET" and answer.status == web.HTTPOk.status_code:
            self.writes.append(f"{request.method} {request.path}")
        return answer

    def _may_save(self, request: web.Request, folder: str) -> bool:
        role = self.tokens[request.headers["Authorization"].removeprefix("Bearer ")]
        return role == "Editor" and folder not in self.protected_folders

    async def _settings(self, _request: web.Request) -> web.Response:
        return web.json_response({"buildInfo": {"version": self.version, "env": "production"}})

    async def _get_folder(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if uid not in self.folders:
            return web.json_response({"message": "folder not found"}, status=404)
        may = self._may_save(request, uid)
        return web.json_response({"uid": uid, "title": self.folders[uid], "canSave": may, "canEdit": may, "version": 1})

    async def _create_folder(self, request: web.Request) -> web.Response:
        body = await request.json()
        if set(body) != _FOLDER_KEYS or not body["title"] or not _UID.fullmatch(body["uid"]):
            return web.json_response({"message": "bad request data"}, status=400)
        if body["uid"] in self.folders or body["title"] in self.folders.values():
            return web.json_response({"message": "a folder with the same name already exists"}, status=409)
        self.folders[body["uid"]] = body["title"]
        return web.json_response({"uid": body["uid"], "title": body["title"], "version": 1})

    async def _delete_folder(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if self.folders.pop(uid, None) is None:
            return web.json_response({"message": "folder not found"}, status=404)
        self.dashboards = {name: one for name, one in self.dashboards.items() if one.folder != uid}
        return web.json_response({"message": "Folder deleted"})

    async def _get_dashboard(self, request: web.Request) -> web.Response:
        kept = self.dashboards.get(request.match_info["uid"])
        if kept is None:
            return web.json_response({"message": "Dashboard not found"}, status=404)
        meta = {
            "folderUid": kept.folder,
            "provisioned": kept.provisioned,
            "canSave": self._may_save(request, kept.folder) and not kept.provisioned,
            "version": kept.json["version"],
        }
        return web.json_response({"dashboard": kept.json, "meta": meta})

    async def _delete_dashboard(self, request: web.Request) -> web.Response:
        if self.dashboards.pop(request.match_info["uid"], None) is None:
            return web.json_response({"message": "Dashboard not found"}, status=404)
        return web.json_response({"message": "Dashboard deleted"})

    async def _save(self, request: web.Request) -> web.StreamResponse:
        self._saves += 1
        if (answer := self.before_save(self._saves)) is not None:
            return answer
        body = await request.json()
        if wrong := self._wrong(body):
            return web.json_response({"message": wrong}, status=400)
        dashboard, folder = copy.deepcopy(body["dashboard"]), body["folderUid"]
        if not self._may_save(request, folder):
            return web.json_response({"message": "Access denied to save dashboard"}, status=403)
        if (conflict := self._conflict(dashboard, folder)) and not body["overwrite"]:
            return web.json_response(conflict, status=412)
        found = self.dashboards.get(dashboard["uid"])
        dashboard["id"] = found.json["id"] if found else self._next_id
        dashboard["version"] = found.json["version"] + 1 if found else 1
        self._next_id += found is None
        self.dashboards[dashboard["uid"]] = Kept(dashboard, folder)
        return web.json_response({"uid": dashboard["uid"], "status": "success", "version": dashboard["version"]})

    def _wrong(self, body: Json) -> str:
        if set(body) != _SAVE_KEYS:
            return f"keys {sorted(body)} instead of {sorted(_SAVE_KEYS)}"
        dashboard = body["dashboard"]
        if not dashboard.get("title") or not _UID.fullmatch(dashboard.get("uid", "")):
            return "Dashboard title cannot be empty"
        if not isinstance(dashboard.get("schemaVersion"), int) or not isinstance(dashboard.get("panels"), list):
            return "not a classic dashboard"
        if body["folderUid"] not in self.folders:
            return "folder not found"
        found = self.dashboards.get(dashboard["uid"])
        return "Cannot save provisioned dashboard" if found and found.provisioned else ""

    def _conflict(self, dashboard: Json, folder: str) -> Json | None:
        found = self.dashboards.get(dashboard["uid"])
        if found and dashboard.get("version") != found.json["version"]:
            return {"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}
        for uid, other in self.dashboards.items():
            if uid != dashboard["uid"] and (other.folder, other.json["title"]) == (folder, dashboard["title"]):
                return {"status": "name-exists", "message": "A dashboard with the same name already exists"}
        return None
