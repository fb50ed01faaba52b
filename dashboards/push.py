"""Dashboards pushed into a running Grafana: all that differ, or none.

Grafana's API has no transactions. So all that can be known to fail is asked before anything is written; what has been
written when something fails all the same is put back as it was.
"""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from dashboards.api import Grafana, GrafanaError, Json, Stored
from dashboards.grafana import to_json
from dashboards.language import Language, name_in, say
from dashboards.provisioning import DASHBOARDS, FOLDER, FOLDER_UID


@dataclass(frozen=True)
class Page:
    """A dashboard on its way: as it is wanted, and as Grafana has it."""

    wanted: Json
    folder: str
    found: Stored | None

    @property
    def uid(self) -> str:
        """Its name, which bookmarks and alerts hold."""
        return str(self.wanted["uid"])

    @property
    def differs(self) -> bool:
        """Whether there is anything to write."""
        return self.found is None or not self.found.shows(self.wanted, self.folder)


@dataclass(frozen=True)
class Plan:
    """What a push will do."""

    new_folders: dict[str, str]
    """Titles by uid."""
    pages: list[Page]

    @property
    def changes(self) -> list[Page]:
        """The dashboards to write."""
        return [page for page in self.pages if page.differs]


def plan(grafana: Grafana, languages: Collection[Language] = tuple(Language)) -> Plan:
    """Look at what Grafana has, and change nothing.

    Raises GrafanaError with everything that already stands in the way.
    """
    grafana.require_version()
    folders = {name_in(FOLDER_UID, language): say(FOLDER, language) for language in languages}
    found_folders = {uid: grafana.folder(uid) for uid in folders}
    pages = [
        Page(wanted, name_in(FOLDER_UID, language), grafana.dashboard(str(wanted["uid"])))
        for language in languages
        for wanted in (json.loads(to_json(dashboard, language)) for dashboard in DASHBOARDS)
    ]
    made = Plan({uid: title for uid, title in folders.items() if found_folders[uid] is None}, pages)
    faults = [
        f"the token may not save in folder {uid}; the service account needs the role Editor, or Edit on the folder"
        for uid, folder_found in found_folders.items()
        if folder_found is not None and not folder_found.get("canSave")
    ]
    faults += [fault for page in made.changes for fault in _obstacles(page)]
    if faults:
        raise GrafanaError("nothing was pushed:\n" + "\n".join(faults))
    return made


def _obstacles(page: Page) -> Iterator[str]:
    if page.found is None:
        return
    if page.found.provisioned:
        yield f"dashboard {page.uid} is provisioned from a file; change it there, or remove its provider first"
    elif not page.found.writable:
        yield f"the token may not change dashboard {page.uid}"


def push(grafana: Grafana, made: Plan) -> None:
    """Carry out the plan. Raises GrafanaError after what was written has been put back, or says what could not be."""
    with _undone_on_failure() as done:
        for uid, title in made.new_folders.items():
            grafana.create_folder(uid, title)
            done.append((f"folder {uid}", partial(grafana.delete_folder, uid)))
        for page in made.changes:
            # Before it is known whether it was saved: an answer that is lost may follow a save.
            done.append((f"dashboard {page.uid}", partial(_put_back, grafana, page)))
            grafana.save(page.wanted, page.folder, page.found)


def _put_back(grafana: Grafana, page: Page) -> None:
    now = grafana.dashboard(page.uid)
    if page.found is None:
        if now is not None:
            grafana.delete(page.uid)
    elif now is None or now.json.get("version") != page.found.json.get("version"):
        grafana.save(page.found.json, page.found.folder, page.found, force=True)


@contextmanager
def _undone_on_failure() -> Iterator[list[tuple[str, Callable[[], None]]]]:
    """What was done is undone, the last first, whatever ends the block early."""
    done: list[tuple[str, Callable[[], None]]] = []
    try:
        yield done
    except BaseException as error:
        left = [name for name, undo in reversed(done) if not _succeeds(undo)]
        if not isinstance(error, GrafanaError):
            raise
        outcome = f"these stay as they were pushed: {', '.join(left)}" if left else "nothing was pushed"
        raise GrafanaError(f"{outcome}: {error}") from error


def _succeeds(undo: Callable[[], None]) -> bool:
    try:
        undo()
    except GrafanaError:
        return False
    return True
