"""The pages about osteoporosis: where a DXA picture is answered, and questions and answers in which each statement has its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from spondyl.apps.api.pages import page
from spondyl.apps.api.predict import TASK
from spondyl.core.person import OLDEST_YEARS
from spondyl.tasks.port import Task

CONTENT = Path(__file__).with_suffix(".toml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(_Part):
    """Where a statement comes from. `read` is the day it was read, `read_as` how much of it was."""

    title: str = Field(min_length=1)
    publisher: str = Field(min_length=1)
    year: int = Field(ge=1990, le=2100)
    read: date
    read_as: Literal["text", "abstract", "extract"]
    address: str = Field("", pattern="^(https://.*)?$")


class Statement(_Part):
    """One statement, and the key of its source."""

    text: str = Field(min_length=1)
    source: str


class Question(_Part):
    """A question with its answer."""

    question: str = Field(min_length=1)
    statements: tuple[Statement, ...] = Field(min_length=1)


class Answers(_Part):
    """The content of the page of questions. A value of it has no statement without a source, and no source without a statement."""

    note: str = Field(min_length=1)
    sources: Mapping[str, Reference]
    questions: tuple[Question, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_complete(self) -> Answers:
        named = {statement.source for question in self.questions for statement in question.statements}
        if named != set(self.sources):
            raise ValueError(f"named and not listed: {named - set(self.sources)}; listed and not named: {set(self.sources) - named}")
        return self

    @property
    def numbers(self) -> dict[str, int]:
        """By key of a source its number, 1 the first that is named."""
        named = (statement.source for question in self.questions for statement in question.statements)
        return {source: number for number, source in enumerate(dict.fromkeys(named), 1)}


def read_answers(path: Path = CONTENT) -> Answers:
    """The content of a file.

    Raises:
        ValueError: If something is missing in it, or a statement and its source do not fit.
    """
    return Answers.model_validate(tomllib.loads(path.read_text("utf-8")))


answers = cache(read_answers)


def osteoporosis_router(tasks: Mapping[str, Task]) -> APIRouter:
    """The pages for people."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/osteoporosis")
    def upload(request: Request) -> Response:
        return page(request, "osteoporosis.html", ready=TASK in tasks, oldest=int(OLDEST_YEARS))

    @router.get("/osteoporosis/questions")
    def questions(request: Request) -> Response:
        return page(request, "questions.html", answers=answers())

    return router
