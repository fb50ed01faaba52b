"""Settings files: YAML read into frozen models, every fault of a file reported at once with its line."""

import difflib
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError, ValidationInfo

from tapwatch.errors import ConfigError, Fault

DocumentPath = tuple[str | int, ...]
"""The way to a node of a YAML document: mapping keys and list positions from the root."""

ROOT: DocumentPath = ()

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where built in: thousands of rows in a second


class Settings(BaseModel):
    """The base of every settings model: frozen, and a key that it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


AnySettings = TypeVar("AnySettings", bound=Settings)


@dataclass(frozen=True)
class Document:
    """A YAML document with the line of each of its nodes."""

    file: str
    data: object
    lines: Mapping[DocumentPath, int]

    def line(self, path: DocumentPath) -> int | None:
        """The line of the node at `path`, or of the nearest node above it that the document has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def fault(self, path: DocumentPath, message: str) -> Fault:
        """A fault at the node at `path`."""
        return Fault(self.file, self.line(path), spell(path), message)


def spell(path: DocumentPath) -> str:
    """`("dispensers", 2, "address")` as people read it: `dispensers[2].address`."""
    spelled = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return spelled.removeprefix(".")


def read_document(path: Path) -> Document:
    """Read a YAML file; raises ConfigError when it cannot be read, is not YAML, or repeats a key."""
    return parse_document(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; raises ConfigError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError([Fault(str(path), None, "", f"cannot be read: {reason}")]) from error


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text that came from `file`; raises ConfigError as `read_document` does."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(file, None, {ROOT: 1})
        faults = list(_repeated_keys(node, ROOT, file))
        if faults:
            raise ConfigError(faults)
        lines = dict(_lines(node, ROOT))
        return Document(file, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise ConfigError([Fault(file, line, "", f"is not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([Fault(file, None, "", f"is not YAML: {error}")]) from error
    finally:
        loader.dispose()


def _children(node: yaml.Node, path: DocumentPath) -> Iterator[tuple[DocumentPath, yaml.Node, yaml.Node]]:
    """(path, node that marks the place, value node) of each direct child."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), key, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value, value


def _lines(node: yaml.Node, path: DocumentPath) -> Iterator[tuple[DocumentPath, int]]:
    if path == ROOT:
        yield path, node.start_mark.line + 1
    for child_path, place, value in _children(node, path):
        yield child_path, place.start_mark.line + 1
        yield from _lines(value, child_path)


def _repeated_keys(node: yaml.Node, path: DocumentPath, file: str) -> Iterator[Fault]:
    """PyYAML keeps the last of equal keys in silence; for a person the first is lost."""
    seen: dict[Hashable, int] = {}
    for child_path, place, value in _children(node, path):
        line = place.start_mark.line + 1
        if child_path in seen:
            yield Fault(file, line, spell(child_path), f"the key is already given on line {seen[child_path]}")
        seen[child_path] = line
        yield from _repeated_keys(value, child_path, file)


def load(path: Path, model: type[AnySettings]) -> AnySettings:
    """Read a settings file into `model`; relative paths inside it start at the file's folder.

    Raises ConfigError with every fault of the file.
    """
    return validate(read_document(path), model, path.parent)


def validate(document: Document, model: type[AnySettings], folder: Path) -> AnySettings:
    """Turn a document into `model`; relative paths start at `folder`. Raises ConfigError with every fault."""
    data = {} if document.data is None else document.data
    try:
        return model.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        faults = sorted({_fault(document, model, details) for details in error.errors()}, key=_reading_order)
        raise ConfigError(faults) from None  # pydantic's error would repeat the input, secrets included


def _reading_order(fault: Fault) -> tuple[int, Fault]:
    return fault.line or 0, fault


def _fault(document: Document, model: type[BaseModel], details: Mapping[str, Any]) -> Fault:
    path = tuple(part for part in details["loc"] if not _is_union_tag(part, document, details["loc"]))
    match details["type"]:
        case "extra_forbidden":
            known = sorted(_known_keys(model, path[:-1]))
            message = f"unknown key{_suggestion(str(path[-1]), known)}"
        case "missing":
            message = "is missing"
        case "model_type" | "dict_type":
            message = "must be a mapping (key: value)"
        case _:
            message = str(details["msg"]).removeprefix("Value error, ")
            message = message[:1].lower() + message[1:]
    return document.fault(path, message)


def _is_union_tag(part: str | int, document: Document, loc: DocumentPath) -> bool:
    """Pydantic puts the tried type's name into the path of a union's fault; people did not write it there."""
    position = loc.index(part)
    return isinstance(part, str) and loc[: position + 1] not in document.lines and "[" in part


def _known_keys(model: type[BaseModel], path: DocumentPath) -> set[str]:
    """The keys that the model at `path` takes; empty when the path leads out of our models."""
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        if field is None:
            continue  # a key of a mapping whose values are models
        inner = _model_inside(field.annotation)
        if inner is None:
            return set()
        model = inner
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_inside(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for argument in get_args(annotation) if (model := _model_inside(argument))), None)


def _suggestion(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known keys: {', '.join(known)}" if known else ""


def _beside_the_file(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("must be a path")
    folder = (info.context or {}).get("folder", Path())
    return Path(folder) / Path(value).expanduser()


RelativePath = Annotated[Path, BeforeValidator(_beside_the_file)]
"""A path that starts at the folder of the settings file which names it."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?")


def parse_duration(value: object) -> float:
    """Seconds of a duration as Prometheus writes it: `500ms`, `15s`, `1h30m`. A bare number is refused, but 0."""
    text = str(value)
    if text == "0":
        return 0.0
    if not isinstance(value, str) or not text or not _DURATION.fullmatch(text):
        raise ValueError(f"must be a duration such as 500ms, 15s or 1h30m, not {text!r}")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


Seconds = Annotated[float, BeforeValidator(parse_duration)]
"""A duration written as Prometheus writes it; seconds inside the program."""


def read_secret(path: Path) -> SecretStr:
    """The secret in a file, without the white space around it; raises ValueError when there is none."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"the secret's file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ValueError(f"the secret's file {path} is not UTF-8 text") from None
    if not secret:
        raise ValueError(f"the secret's file {path} is empty")
    return SecretStr(secret)


def _secret_beside_the_file(value: object, info: ValidationInfo) -> SecretStr:
    return read_secret(_beside_the_file(value, info))


SecretFile = Annotated[SecretStr, BeforeValidator(_secret_beside_the_file)]
"""A secret in a file of its own; the settings hold the file's path, relative to themselves."""
