"""A multipart body, streamed to disk with its limits enforced on the way. Names in it are labels, never paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from spondyl.apps.api.schemas import whole_number
from spondyl.core import InputError, Person
from spondyl.core.errors import describe_unknown
from spondyl.store import Incoming

FILE_FIELDS = ("files", "file")
TEXT_FIELDS = ("task", "pair", "age", "sex")
MAX_TEXT_BYTES = 1024
MAX_LABEL = 200
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one request may bring. Archives are judged again while they are expanded.

    Attributes:
        file_bytes: One file that is not an archive.
        total_bytes: The whole body.
        files: Number of files.
    """

    file_bytes: int
    total_bytes: int
    files: int


@dataclass(slots=True)
class Received:
    """One file of the body. `label` is what the caller calls it: it goes back to the caller and nowhere else."""

    label: str
    file: Incoming


@dataclass(slots=True)
class Form:
    """The body. `skipped` holds (label, error) of files over the limit, whose bytes were not kept."""

    files: list[Received] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    skipped: list[tuple[str, InputError]] = field(default_factory=list)

    @property
    def person(self) -> Person:
        """What it says of the person.

        Raises:
            InputError: If `age` or `sex` is not as documented.
        """
        return Person.read(age=self.fields.get("age", ""), sex=self.fields.get("sex", ""))

    def discard(self) -> None:
        """Leave no trace of it."""
        for received in self.files:
            received.file.discard()


async def receive(request: Request, new_file: Callable[[], Incoming], limits: UploadLimits) -> Form:
    """Read the whole body.

    Raises:
        InputError: If it is no multipart form, ends early, has an unknown field, or passes a limit; nothing is left on disk then.
    """
    boundary = _boundary(request, limits)
    builder = _Builder(new_file, limits)
    try:
        parser = MultipartParser(boundary, builder.callbacks())  # type: ignore[arg-type]  # a plain dict of callables
        total = 0
        async for chunk in request.stream():
            total += len(chunk)
            if total > limits.total_bytes:
                raise _too_large(limits)
            parser.write(chunk)
        builder.check_complete()
    except MultipartParseError:
        builder.form.discard()
        raise InputError("malformed-upload", "the multipart body cannot be parsed", "Send it again; the client may be at fault") from None
    except BaseException:
        builder.form.discard()
        raise
    return builder.form


def _boundary(request: Request, limits: UploadLimits) -> bytes:
    """What separates the parts, if the headers are those of a form within the limits."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InputError("not-multipart", "the body is not a multipart form", "Send files in the field `files` of a multipart form")
    if (whole_number(request.headers.get("content-length", "")) or 0) > limits.total_bytes:
        raise _too_large(limits)
    return boundary


class _Builder:
    """Collects what the parser calls out."""

    def __init__(self, new_file: Callable[[], Incoming], limits: UploadLimits) -> None:
        self.form = Form()
        self._new_file, self._limits = new_file, limits
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""
        self._name = ""
        self._text = b""
        self._file: Received | None = None
        self._too_large = False
        self._unnamed = False
        self._complete = False

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._part_begin, "on_header_field": self._header_field, "on_header_value": self._header_value,
            "on_header_end": self._header_end, "on_headers_finished": self._headers_finished, "on_part_data": self._part_data,
            "on_part_end": self._part_end, "on_end": self._end,
        }

    def check_complete(self) -> None:
        if not self._complete:
            raise InputError("incomplete-upload", "the body ended before its last boundary", "Send it again")

    def _part_begin(self) -> None:
        self._headers, self._text, self._file, self._too_large = {}, b"", None, False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name not in FILE_FIELDS + TEXT_FIELDS:
            raise InputError("unknown-field", describe_unknown("form field", self._name, FILE_FIELDS + TEXT_FIELDS))
        if self._name in FILE_FIELDS:
            label = options.get(b"filename", b"").decode("utf-8", "replace")[:MAX_LABEL]
            self._unnamed = not label
            if len(self.form.files) >= self._limits.files:
                raise InputError("too-many-files", f"more than {self._limits.files} files in one upload", "Send them in smaller groups")
            self._file = Received(label or f"file {len(self.form.files) + 1}", self._new_file())
            self.form.files.append(self._file)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._text += data[start:end]
            if len(self._text) > MAX_TEXT_BYTES:
                raise InputError("field-too-long", f"the field `{self._name}` is longer than {MAX_TEXT_BYTES} bytes")
        elif not self._too_large:
            self._file.file.write(data[start:end])
            archive = self._file.file.head.startswith(b"PK\x03\x04")
            if self._file.file.size > self._limits.file_bytes and not archive:
                self._drop()

    def _drop(self) -> None:
        """The file is over the limit: forget its bytes, those to come too, and go on with the others."""
        assert self._file is not None
        self._too_large = True
        self._file.file.discard()
        self.form.files.remove(self._file)
        limit = self._limits.file_bytes / _MEGABYTE
        hint = "Export it smaller, or let the server take more (SPONDYL_MAX_FILE_MB)"
        error = InputError("file-too-large", f"a file is larger than {limit:g} MB", hint)
        self.form.skipped.append((self._file.label, error))

    def _part_end(self) -> None:
        if self._file is not None and self._unnamed and self._file.file.size == 0:
            self._file.file.discard()  # a browser sends this for a file input that was left empty
            self.form.files.remove(self._file)
        elif self._file is not None:
            self._file.file.finish()
        else:
            self.form.fields[self._name] = self._text.decode("utf-8", "replace").strip()

    def _end(self) -> None:
        self._complete = True


def _too_large(limits: UploadLimits) -> InputError:
    return InputError(
        "upload-too-large", f"the upload is larger than {limits.total_bytes / _MEGABYTE:g} MB", "Send the files in smaller groups"
    )
