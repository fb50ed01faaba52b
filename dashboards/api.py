"""Grafana's HTTP API, as far as pushing needs it. The only module with its client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import (
    GrafanaClientError,
    GrafanaException,
    GrafanaServerError,
    GrafanaTimeoutError,
    GrafanaUnauthorizedError,
)
from niquests.exceptions import ConnectionError as NoConnectionError
from niquests.exceptions import RequestException, SSLError
from pydantic import SecretStr

from tapwatch.errors import TapwatchError

Json = Mapping[str, Any]

OLDEST = (9, 4)
"""Grafana's first version that knows all that our dashboards ask for."""

_FORBIDDEN, _NOT_FOUND = 403, 404
_SERVER_KEYS = {"id", "version"}
"""What Grafana adds to a dashboard."""


class GrafanaError(TapwatchError):
    """Grafana refused, or did not answer; the message says what was asked of it and what would help."""


@dataclass(frozen=True)
class Stored:
    """A dashboard as Grafana has it."""

    json: Json
    folder: str
    """The folder's uid; empty for none."""
    provisioned: bool
    """It came from a file, and only from there can it be changed."""
    writable: bool
    """The token may change it."""

    def shows(self, wanted: Json, folder: str) -> bool:
        """Whether it is already what is wanted, and where."""
        own = {key: value for key, value in self.json.items() if key not in _SERVER_KEYS}
        return own == dict(wanted) and self.folder == folder


class Grafana:
    """One Grafana, and the token to change it with; a context, which closes the connections. Raises GrafanaError."""

    def __init__(self, url: str, token: SecretStr, timeout_seconds: float = 30, ca_file: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise GrafanaError("the URL of Grafana must look like https://grafana.example or http://127.0.0.1:3000")
        if parts.username is not None or parts.password is not None:
            raise GrafanaError("the URL of Grafana must hold no password: give a service account's token instead")
        path = parts.path.strip("/")
        self._url = url
        self._api = GrafanaApi(
            token.get_secret_value(),
            host=parts.hostname,
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            verify=ca_file or True,
            timeout=timeout_seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.client.s.close()

    def require_version(self) -> None:
        """It answers, accepts the token, and is not too old."""
        with self._asking("for its version"):
            version = str(self._api.version or "")
        numbers = version.split(".")
        if not numbers[0].isdigit():
            raise GrafanaError(f"{self._url} does not say which version of Grafana it is")
        if tuple(int(number) for number in numbers[:2] if number.isdigit()) < OLDEST:
            raise GrafanaError(f"{self._url} is Grafana {version}; the dashboards need 9.4 or later")

    def folder(self, uid: str) -> Json | None:
        """The folder, when there is one."""
        with self._asking(f"for folder {uid}"):
            try:
                found: Json = self._api.folder.get_folder(uid)
            except GrafanaClientError as error:
                if error.status_code == _NOT_FOUND:
                    return None
                raise
            return found

    def create_folder(self, uid: str, title: str) -> None:
        """Make a folder."""
        with self._asking(f"to make folder {title!r} ({uid})"):
            self._api.folder.create_folder(title, uid=uid)

    def delete_folder(self, uid: str) -> None:
        """Delete a folder with all that is in it."""
        with self._asking(f"to delete folder {uid}"):
            self._api.folder.delete_folder(uid)

    def dashboard(self, uid: str) -> Stored | None:
        """The dashboard, when there is one."""
        with self._asking(f"for dashboard {uid}"):
            try:
                found = self._api.dashboard.get_dashboard(uid)
            except GrafanaClientError as error:
                if error.status_code == _NOT_FOUND:
                    return None
                raise
            meta = found["meta"]
            return Stored(
                json=found["dashboard"],
                folder=meta.get("folderUid", ""),
                provisioned=bool(meta.get("provisioned")),
                writable=bool(meta.get("canSave")),
            )

    def save(self, wanted: Json, folder: str, replaced: Stored | None, *, force: bool = False) -> None:
        """Create the dashboard, or replace the one that was found; refused when that was changed meanwhile.

        `force` replaces it whatever has happened.
        """
        known = {key: replaced.json.get(key) for key in _SERVER_KEYS} if replaced is not None else {"id": None}
        payload = {
            "dashboard": {**wanted, **known},
            "folderUid": folder,
            "message": "tapwatch dashboards push",
            "overwrite": force,
        }
        with self._asking(f"to save dashboard {wanted['uid']}"):
            self._api.dashboard.update_dashboard(payload)

    def delete(self, uid: str) -> None:
        """Delete a dashboard."""
        with self._asking(f"to delete dashboard {uid}"):
            self._api.dashboard.delete_dashboard(uid)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """The client's exceptions as ours; none of them holds the token."""
        try:
            yield
        except GrafanaUnauthorizedError as error:
            raise GrafanaError(f"{self._url} does not accept the token; asked {what}") from error
        except GrafanaClientError as error:
            raise GrafanaError(self._refusal(error, what)) from error
        except GrafanaTimeoutError as error:
            raise GrafanaError(f"{self._url} does not answer in time; asked {what}") from error
        except GrafanaServerError as error:
            raise GrafanaError(f"{self._url} failed with status {error.status_code}; asked {what}") from error
        except SSLError as error:
            raise GrafanaError(
                f"{self._url}: its certificate is not trusted; give its authority by --ca-file"
            ) from error
        except NoConnectionError as error:
            raise GrafanaError(f"{self._url} cannot be reached") from error
        except (GrafanaException, RequestException, KeyError, TypeError, AttributeError, ValueError) as error:
            raise GrafanaError(f"{self._url} does not answer as Grafana does; asked {what}") from error

    def _refusal(self, error: GrafanaClientError, what: str) -> str:
        if error.status_code == _FORBIDDEN:
            return f"the token has no right: asked {self._url} {what}. The service account needs the role Editor"
        said = error.response.get("message") if isinstance(error.response, dict) else None
        return f"{self._url} refuses with status {error.status_code}: {said or 'no reason given'}; asked {what}"
