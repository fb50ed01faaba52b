"""The templates that messages are made from: ours, and the operator's own, which never silence an alert."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import structlog
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tapwatch.errors import Fault

log = structlog.get_logger()

_OURS = PackageLoader("alerting.dingtalk", "templates")


def _environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


_BUILT_IN = _environment(_OURS)


class Templates:
    """Ours, each of which a file of the same name in the operator's folder replaces."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    @cached_property
    def _own(self) -> ImmutableSandboxedEnvironment | None:
        return None if self.folder is None else _environment(ChoiceLoader([FileSystemLoader(self.folder), _OURS]))

    def render(self, name: str, values: Mapping[str, object]) -> tuple[str, str]:
        """Title and text; by our own template when the operator's fails, whatever it fails by."""
        if self._own is not None:
            try:
                return _render(self._own, name, values)
            except Exception as error:  # noqa: BLE001 - others' code
                log.error("template.failed", template=name, error=f"{type(error).__name__}: {error}")  # noqa: TRY400 - said
        return _render(_BUILT_IN, name, values)

    def words(self, language: str, macro: str, *arguments: object) -> str:
        """What a macro of a language's words says."""
        module = (self._own or _BUILT_IN).get_template(f"words/{language}.j2").module
        return str(getattr(module, macro)(*arguments))

    def faults(self) -> list[Fault]:
        """Files in the operator's folder that cannot be read as templates, or that replace nothing."""
        if self._own is None or self.folder is None:
            return []
        found, known = [], set(_BUILT_IN.list_templates())
        if not self.folder.is_dir():
            return [Fault(str(self.folder), None, "", "is no folder")]
        for file in sorted(self.folder.rglob("*.j2")):
            name = file.relative_to(self.folder).as_posix()
            if name not in known:
                right = ", ".join(sorted(known))
                found.append(Fault(str(file), None, "", f"replaces no template; there are: {right}"))
                continue
            try:
                self._own.get_template(name)
            except TemplateSyntaxError as error:
                found.append(Fault(str(file), error.lineno, "", f"is no template: {error.message}"))
        return found

    def try_out(self, name: str, values: Mapping[str, object]) -> list[Fault]:
        """What goes wrong when the operator's template renders these values."""
        if self._own is None or self.folder is None:
            return []
        try:
            _render(self._own, name, values)
        except Exception as error:  # noqa: BLE001 - others' code
            return [Fault(str(self.folder / name), None, "", f"fails: {type(error).__name__}: {error}")]
        return []


def _render(environment: ImmutableSandboxedEnvironment, name: str, values: Mapping[str, object]) -> tuple[str, str]:
    module = environment.get_template(name).make_module(dict(values))
    return str(getattr(module, "title", "")), str(module).strip("\n")


BUILT_IN = Templates()
