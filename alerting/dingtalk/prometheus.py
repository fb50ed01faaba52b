"""Prometheus' HTTP API: the last hours of an expression. The only module of the bridge that calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tapwatch.errors import PollError, PollReason

POINTS = 240
"""Of a line: as many as a phone shows."""


class _Series(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    metric: Mapping[str, str]
    values: Sequence[tuple[float, float]]


class _Data(BaseModel):
    result_type: Annotated[Literal["matrix"], Field(alias="resultType")]
    result: Sequence[_Series]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Data


@dataclass(frozen=True)
class Line:
    """One series over time."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    """Unix time and value, the oldest first."""


async def query_range(
    session: aiohttp.ClientSession, url: str, expression: str, period: tuple[float, float]
) -> list[Line]:
    """The expression's series from when to when, in Unix time. Raises PollError."""
    begin, end = period
    query = {"query": expression, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{(end - begin) / POINTS:.3f}"}
    try:
        async with session.post(f"{url}/api/v1/query_range", data=query) as response:
            text = await response.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise PollError(PollReason.CONNECT, f"{url}: {type(error).__name__}") from error
    try:
        answer = _Answer.model_validate_json(text)
    except ValidationError as error:
        raise PollError(PollReason.GARBLED, f"{url} does not answer as Prometheus does") from error
    return [Line(series.metric, series.values) for series in answer.data.result]
