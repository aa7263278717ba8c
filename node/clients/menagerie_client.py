"""Calls a running Menagerie service from Python 3.9 or later, on the standard library alone.

    from menagerie_client import Client

    client = Client("http://localhost:8080")
    print(client.classify("photo.jpg")["label"])

Fields are those of the HTTP API by their names, and answers its JSON as dictionaries. A file is its bytes or its
path; from a path it is read in pieces while it is sent. What is None is not given. Each call opens a connection of
its own, so a client may be used by several threads at once. Proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import hashlib
import http.client
import json
import os
import random
import re
import secrets
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Union

__all__ = ["Client", "MenagerieError"]

File = Union[bytes, str, "os.PathLike[str]"]
"""The bytes of a file, or its path."""

Field = Union[File, int, float, bool, Sequence[str], None]
"""A field of a form; a list repeats its name. Text, but for `model_file` and `label_file`, which are files."""


Image = Union[File, Mapping[str, str]]
"""An image, or one that the service has or can get: `{"image_url": …}`, `{"image_path": …}` or `{"image_id": …}`."""


class _ModelRuntime(TypedDict):
    name: str
    version: str


class ModelRuntime(_ModelRuntime, total=False):
    """What ran a graph; with RUNTIME=auto why, where that is not the rule."""

    reason: str


class _ModelIdentity(TypedDict):
    id: str
    version: str
    sha256: str


class ModelIdentity(_ModelIdentity, total=False):
    runtime: ModelRuntime


class TopEntry(TypedDict):
    label: str
    index: int
    probability: float


class Grounds(TypedDict):
    """What mean, std and channel order of a model rest on."""

    certain: bool
    by: str


class BandAccuracy(TypedDict):
    right: int
    n: int


class AnsweredImage(TypedDict):
    name: str
    width: int
    height: int
    format: str


class _InputFacts(TypedDict):
    width: int
    height: int
    sha256: str


class InputFacts(_InputFacts, total=False):
    picture: str


class Timings(TypedDict):
    decode: float
    resize: float
    queue: float
    run: float
    total: float


class _AnsweredItem(TypedDict):
    image: AnsweredImage
    model: ModelIdentity
    label: str
    index: int
    probability: float
    band: str
    settings: Grounds
    top: list[TopEntry]
    input: InputFacts
    timings_ms: Timings


class AnsweredItem(_AnsweredItem, total=False):
    """The answer for one image and one model."""

    band_accuracy: BandAccuracy
    unsure: bool
    independent: bool
    warnings: list[str]


class Classified(AnsweredItem):
    request_id: str


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    error: str


class FailedItem(TypedDict):
    """In place of an answer, for an image that failed alone."""

    image: dict[str, str]
    model: dict[str, str]
    error: Problem


class _InferAnswer(TypedDict):
    request_id: str
    results: list[AnsweredItem | FailedItem]


class InferAnswer(_InferAnswer, total=False):
    """With `fallback="empty"`, `degraded` says that labels are missing, and `error` why, where all of them are."""

    degraded: bool
    error: Problem


class KeptImage(TypedDict):
    id: str
    name: str
    width: int
    height: int
    format: str
    bytes: int
    kept_ms: int


class LabelledAnswer(TypedDict):
    """What an answer was (`answered`), and what it should have been (`label`)."""

    request_id: str
    index: int
    label: str
    answered: str
    right: bool


class MapRegion(TypedDict):
    x: int
    y: int
    width: int
    height: int


_Explanation = TypedDict(
    "_Explanation",
    {"class": TopEntry, "method": str, "runs": int, "grid": "list[list[float]]", "region": MapRegion},
)


class Explanation(_Explanation, total=False):
    picture: str


class ExplainedItem(Classified):
    explanation: Explanation


class ModelSummary(TypedDict):
    id: str
    versions: list[str]
    served: str | None
    default: bool
    registered: bool
    state: str
    loaded: bool
    memory_bytes: int | None
    title: str
    description: str
    licence: str
    classes: int | None
    input: dict[str, int | None]
    accuracy: dict[str, Any] | None
    problem: str | None
    fetch: dict[str, Any] | None


class TeachPhoto(TypedDict):
    """A photo of a job."""

    sha256: str
    label: str
    name: str
    bytes: int


class _TaughtModel(TypedDict):
    labels: list[str]
    bytes: int
    report: dict[str, Any]
    calibration: dict[str, Any]
    features: dict[str, Any]
    wrong: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    untold: list[str]


class TaughtModel(_TaughtModel, total=False):
    """What came of teaching."""

    other: dict[str, int]
    comparison: dict[str, Any]


class _TeachJob(TypedDict):
    id: str
    state: str
    model: dict[str, str]
    base: str
    data: str
    mirror: bool
    other: bool
    from_feedback: bool
    seed: int
    created: str
    changed: str
    photos: int
    bytes: int
    classes: list[dict[str, Any]]
    remarks: list[str]


class TeachJob(_TeachJob, total=False):
    """A model that is taught, with its photos."""

    compare: str
    ahead: int
    stage: str
    share: float
    problem: dict[str, str]
    result: TaughtModel


class MenagerieError(Exception):
    """Why there is no answer.

    `code` is the service's own, or `unreachable` (nothing answered, or a proxy did so in place of the service),
    `timed_out` (the time for the call ran out), `unexpected` (what answered is no such service). `status` is that of
    HTTP, `request_id` what the service's log has the request under, `retry_after_seconds` what `Retry-After` said.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        status: int | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds


_PASSING = ("overloaded", "rate_limited", "engine_unavailable")
"""Codes of what was not begun, and may be a moment later."""

_OF_PROXIES = (502, 503, 504)
"""Statuses that a proxy answers with when the service behind it does not."""

_IN_QUERY = ("deadline_ms", "fallback")
"""Fields that hold while the form still comes, in the query string."""

_ENDED = ("done", "failed", "cancelled")
"""States in which a job of teaching goes on no more."""

_TIMEOUT_SECONDS = 120
_RETRIES_MAX = 3
_WAIT_SECONDS_MAX = 30
_AGAIN_SECONDS = 1
_FIRST_WAIT_SECONDS = 0.25
_DOUBLINGS_MAX = 64
"""More of them leave the range of numbers, and nobody waits for so long."""

_TIMEOUT_SECONDS_MAX = 2_000_000.0
"""Systems count the time for a socket in milliseconds, as an `int` of C."""

_PIECE_BYTES = 65536


class Client:
    """A running service, such as that at `http://localhost:8080`.

    `timeout_seconds` is for a call with all its tries and waits. What passes (a full service, a rate, an engine that is
    not up, a connection that fails) is tried again, `retries_max` times at most, after what `Retry-After` says or else
    after times that double; where the service asks for more than `wait_seconds_max`, the call fails instead. Every call
    raises MenagerieError. `teach` teaches models.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        timeout_seconds: float | None = _TIMEOUT_SECONDS,
        retries_max: int | None = _RETRIES_MAX,
        wait_seconds_max: float | None = _WAIT_SECONDS_MAX,
    ) -> None:
        address = urllib.parse.urlsplit(url)
        if address.scheme not in ("http", "https") or address.hostname is None:
            raise ValueError(f"{url} is no address of a service; write one such as http://localhost:8080")
        self._open = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = address.hostname, address.port
        self._base = address.path.rstrip("/")
        self._headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        seconds = _TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
        self._timeout_seconds = min(seconds, _TIMEOUT_SECONDS_MAX)
        self._retries_max = _RETRIES_MAX if retries_max is None else retries_max
        self._wait_seconds_max = _WAIT_SECONDS_MAX if wait_seconds_max is None else wait_seconds_max
        self.teach = Teach(self)

    def classify(self, image: Image, **fields: Field) -> Classified:
        """Classifies one image with one model."""
        answer = self.infer([image], **fields)
        item: Any = answer["results"][0]
        if "error" in item:
            raise MenagerieError(item["error"]["code"], item["error"]["detail"], request_id=answer["request_id"])
        classified: Classified = item
        classified["request_id"] = answer["request_id"]
        return classified

    def infer(self, images: Sequence[Image], **fields: Field) -> InferAnswer:
        """Classifies each image with each model (`model=["a", "b"]`) in one request.

        `results` has them in this order, images outermost; one that failed alone carries `error`.
        """
        answer: InferAnswer = self._send("/infer", images, fields)
        return answer

    def explain(self, image: Image, **fields: Field) -> ExplainedItem:
        """What the answer for one image and one model hangs on, as a map of the photo."""
        answer: ExplainedItem = self._send("/api/explain", [image], fields)
        return answer

    def keep(self, image: Image) -> KeptImage:
        """Keeps an image at the service for a while, for this client's key alone, or its address.

        `{"image_id": id}` is then the image in other calls, decoded already.
        """
        answer: KeptImage = self._call("/api/images", _Form([image], {}), statuses=(201,), changes=True)
        return answer

    def feedback(self, request_id: str, label: str, index: int = 0) -> LabelledAnswer:
        """Says what an answer of this client's really was, by the `request_id` that came with it.

        `index` is its place in the `results` of its request. What was said of it before is gone.
        """
        message = {"request_id": request_id, "index": index, "label": label}
        answer: LabelledAnswer = self._call("/api/feedback", _Message(message))
        return answer

    def models(self) -> list[ModelSummary]:
        """The models of the service."""
        answer: list[ModelSummary] = self._call("/api/models")["models"]
        return answer

    def model(self, id: str) -> dict[str, Any]:
        """How a model is fed and read, by its id or `id@version`. It is loaded where needed."""
        answer: dict[str, Any] = self._call(f"/api/models/{urllib.parse.quote(id, safe='')}")
        return answer

    def inspect(self, graph: File, labels: File | None = None, **settings: Field) -> dict[str, Any]:
        """How a graph would be fed and read. It is not registered."""
        fields = {"model_file": graph, "label_file": labels, **settings}
        answer: dict[str, Any] = self._send("/api/models/inspect", [], fields)
        return answer

    def service(self) -> dict[str, Any]:
        """What the service is, what this client may do there, and its limits."""
        answer: dict[str, Any] = self._call("/api/service")
        return answer

    def ready(self) -> dict[str, Any]:
        """Whether requests are served, and by what; also where they are not."""
        answer: dict[str, Any] = self._call("/readyz", statuses=(200, 503))
        return answer

    def _send(self, path: str, images: Sequence[Image], fields: dict[str, Field]) -> Any:
        query = _given({name: fields.get(name) for name in _IN_QUERY})
        in_form = {name: value for name, value in fields.items() if name not in _IN_QUERY}
        return self._call(f"{path}?{urllib.parse.urlencode(query)}" if query else path, _Form(images, in_form))

    def _call(
        self,
        path: str,
        body: _Body | None = None,
        statuses: tuple[int, ...] = (200,),
        changes: bool = False,
        method: str | None = None,
        read: _Read | None = None,
        is_patient: bool = False,
    ) -> Any:
        """The answer of a call; one that changes something is not made again where its answer was lost."""
        method = method or ("GET" if body is None else "POST")

        def ask(deadline: float) -> Any:
            with contextlib.closing(self._exchange(method, path, body, deadline)) as exchange:
                return exchange.answer(statuses, read or _json_of)

        return self._tried(ask, _PASSING if changes else (*_PASSING, "unreachable"), is_patient)

    def _tried(self, attempt: Callable[[float], Any], passing: tuple[str, ...], is_patient: bool) -> Any:
        """What an attempt returns, which is told the time of `time.monotonic` until which it may take.

        One that `is_patient` is made for that time, however often, and however long the service asks to wait.
        """
        deadline = time.monotonic() + self._timeout_seconds
        retry_count = 0
        while True:
            try:
                return attempt(deadline)
            except MenagerieError as error:
                wait_seconds = self._wait_before(retry_count, error.retry_after_seconds)
                is_late = time.monotonic() + wait_seconds > deadline
                is_too_long = (error.retry_after_seconds or 0) > self._wait_seconds_max
                is_enough = retry_count >= self._retries_max or is_too_long
                if error.code not in passing or is_late or (is_enough and not is_patient):
                    raise
            time.sleep(wait_seconds)
            retry_count += 1

    def _wait_before(self, retry_count: int, retry_after_seconds: float | None) -> float:
        """What the service asks for, and a little more, since it says the same to everyone; else twice as long each
        time, and half of that by chance ("equal jitter" of
        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
        """
        chance = random.random()
        if retry_after_seconds is not None:
            return retry_after_seconds + chance * _FIRST_WAIT_SECONDS
        wait_seconds = min(_FIRST_WAIT_SECONDS * 2.0 ** min(retry_count, _DOUBLINGS_MAX), self._wait_seconds_max)
        return wait_seconds / 2 + chance * wait_seconds / 2

    def _exchange(self, method: str, path: str, sent: _Body | None, deadline: float) -> _Exchange:
        """Sends a call, and reads the head of its answer."""
        connection = self._open(self._host, self._port, timeout=_left(deadline))
        try:
            with _as_errors(self._host):
                try:
                    if sent is None:
                        connection.request(method, self._base + path, headers=self._headers)
                    else:
                        headers = {**self._headers, **sent.headers()}
                        connection.request(method, self._base + path, sent.pieces(connection, deadline), headers)
                except (BrokenPipeError, ConnectionResetError):
                    # A service that refuses closes while the rest is on its way; its answer is there to be read.
                    if connection.sock is None:
                        raise
                connection.sock.settimeout(_left(deadline))
                # Where a connection is not kept, it forgets the socket once the head is read.
                wire = connection.sock
                return _Exchange(self._host, connection, wire, connection.getresponse())
        except BaseException:
            connection.close()
            raise


class Teach:
    """Jobs of teaching, which are this client's key's alone, or its address's. Jobs are named by their ids.

    Every call raises MenagerieError.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, base: str, **settings: str | bool | int) -> TeachJob:
        """Begins a job: a model is taught on `base`, id or id@version. Its photos come next."""
        message = {"base": base, **settings}
        job: TeachJob = self._client._call("/api/teach", _Message(message), statuses=(201,), changes=True)
        return job

    def jobs(self) -> list[TeachJob]:
        """The newest first."""
        jobs: list[TeachJob] = self._client._call("/api/teach")["jobs"]
        return jobs

    def job(self, job: str) -> TeachJob:
        """How a job is."""
        found: TeachJob = self._client._call(_path_of(job))
        return found

    def photos(self, job: str) -> list[TeachPhoto]:
        """The photos that a job has."""
        photos: list[TeachPhoto] = self._client._call(f"{_path_of(job)}/photos")["photos"]
        return photos

    def put_photo(self, job: str, photo: File, label: str, name: str | None = None) -> str:
        """Keeps a photo under its class; one that is there moves to it. Returns the SHA-256 of its bytes.

        `name` is what it is called in words about it; the name of its file. Where more come than the service takes in a
        minute, it waits for the next one.
        """
        sent = _Photo(photo)
        query = _given({"label": label, "name": name or sent.name})
        path = f"{_path_of(job)}/photos/{sent.sha256}?{urllib.parse.urlencode(query)}"
        self._client._call(path, sent, statuses=(204,), method="PUT", read=_nothing_of, is_patient=True)
        return sent.sha256

    def remove_photo(self, job: str, sha256: str) -> None:
        """Removes a photo."""
        path = f"{_path_of(job)}/photos/{urllib.parse.quote(sha256, safe='')}"
        self._client._call(path, statuses=(204,), method="DELETE", read=_nothing_of)

    def start(self, job: str) -> TeachJob:
        """Puts a job into the line. A result that it had is gone."""
        started: TeachJob = self._client._call(f"{_path_of(job)}/start", statuses=(202,), method="POST")
        return started

    def cancel(self, job: str) -> TeachJob:
        """Ends the run of a job, or its wait."""
        cancelled: TeachJob = self._client._call(f"{_path_of(job)}/cancel", statuses=(202,), method="POST")
        return cancelled

    def follow(self, job: str) -> Iterator[TeachJob]:
        """The job at once and after each change, until it is done, has failed or was cancelled.

        A connection that breaks, or is silent for the time of a call, is opened again; where none can be opened for so
        long, this raises as calls do.
        """
        client = self._client

        def connect(deadline: float) -> tuple[_Exchange, Iterator[TeachJob]]:
            exchange = client._exchange("GET", f"{_path_of(job)}/events", None, deadline)
            try:
                jobs: Iterator[TeachJob] = exchange.answer((200,), _jobs_of)
                return exchange, jobs
            except BaseException:
                exchange.close()
                raise

        while True:
            exchange, jobs = client._tried(connect, (*_PASSING, "unreachable"), is_patient=True)
            with contextlib.closing(exchange):
                while (now := exchange.next_of(jobs, client._timeout_seconds)) is not None:
                    yield now
                    if now["state"] in _ENDED:
                        return
            time.sleep(_AGAIN_SECONDS)

    def download(self, job: str, file: str) -> bytes:
        """A file of the result of one that is done: `model.zip`, `graph.pb`, `labels.txt` or `manifest.json`."""
        content: bytes = self._client._call(f"{_path_of(job)}/{file}", read=_file_of)
        return content

    def register(self, job: str, **named: str) -> dict[str, Any]:
        """Makes the result a model of the service: `id`, `version`, `title`, `description`; the job's where absent."""
        path = f"{_path_of(job)}/register"
        registered: dict[str, Any] = self._client._call(path, _Message(named), statuses=(200, 201))
        return registered

    def remove(self, job: str) -> None:
        """Ends a job, and removes its photos and its result."""
        self._client._call(_path_of(job), statuses=(204,), changes=True, method="DELETE", read=_nothing_of)


def _path_of(job: str) -> str:
    return f"/api/teach/{urllib.parse.quote(job, safe='')}"


class _Exchange:
    """A call that was sent, and what came of it so far."""

    def __init__(
        self,
        host: str,
        connection: http.client.HTTPConnection,
        wire: socket.socket,
        response: http.client.HTTPResponse,
    ) -> None:
        self._host = host
        self._connection = connection
        self._wire = wire
        self._response = response

    def answer(self, statuses: tuple[int, ...], read: _Read) -> Any:
        """What `read` makes of an answer; it returns None for what is none, such as that of a proxy."""
        response = self._response
        content_type = response.headers.get("Content-Type", "")
        is_answer = response.status in statuses and not content_type.startswith("application/problem")
        with _as_errors(self._host):
            body = read(response) if is_answer else _json_of(response)
        if not is_answer or body is None:
            raise _error_of(response, body)
        return body

    def next_of(self, jobs: Iterator[TeachJob], silence_seconds_max: float) -> TeachJob | None:
        """What the answer tells next; None where it ended, and where the connection broke or was silent for so long."""
        with contextlib.suppress(http.client.HTTPException, OSError):
            self._wire.settimeout(silence_seconds_max)
            return next(jobs, None)
        return None

    def close(self) -> None:
        self._response.close()
        self._connection.close()


@contextlib.contextmanager
def _as_errors(host: str) -> Iterator[None]:
    """What connections fail with as errors of calls."""
    try:
        yield
    except socket.timeout as error:
        raise MenagerieError("timed_out", "No answer came in the time for the call.") from error
    except (http.client.HTTPException, OSError) as error:
        raise MenagerieError("unreachable", f"No service answers at {host} ({error}).") from error


_Read = Callable[[http.client.HTTPResponse], Any]


def _json_of(response: http.client.HTTPResponse) -> Any:
    text = response.read()
    if re.match(r"application/(problem\+)?json\b", response.headers.get("Content-Type", "")) is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _nothing_of(response: http.client.HTTPResponse) -> bool:
    response.read()
    return True


def _file_of(response: http.client.HTTPResponse) -> bytes | None:
    content = response.read()
    return None if response.headers.get("Content-Type", "").startswith("text/html") else content


def _jobs_of(response: http.client.HTTPResponse) -> Iterator[TeachJob] | None:
    """What events tell, as this service writes them (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        return None
    return (json.loads(line[5:]) for line in response if line.startswith(b"data:") and line.endswith(b"\n"))


class _Form:
    """A form as multipart/form-data (RFC 7578), whose files are read in pieces while they are sent."""

    def __init__(self, images: Sequence[Image], fields: dict[str, Field]) -> None:
        self._boundary = secrets.token_hex(16)
        self._parts: list[tuple[bytes, bytes | Path]] = []
        self._length = 0
        for number, image in enumerate(images, 1):
            if isinstance(image, Mapping):
                for name, text in _given(image).items():
                    self._add_text(name, text)
            else:
                self._add_file("image_file", image, f"image-{number}")
        for name, value in fields.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if name in ("model_file", "label_file") and one is not None:
                    self._add_file(name, one, name)
                elif one is not None:
                    self._add_text(name, str(one).lower() if isinstance(one, bool) else str(one))

    def _add_text(self, name: str, value: str) -> None:
        content = value.encode()
        self._add(f'name="{_quoted(name)}"', content, len(content))

    def _add_file(self, name: str, file: Any, file_name: str) -> None:
        content = file if isinstance(file, bytes) else Path(file)
        shown = _name_of(content) if isinstance(content, Path) else file_name
        # What cannot be read is said here, where it is not taken for a failed connection.
        size_bytes = len(content) if isinstance(content, bytes) else _size_of(content)
        what = f'name="{name}"; filename="{_quoted(shown)}"\r\nContent-Type: application/octet-stream'
        self._add(what, content, size_bytes)

    def _add(self, what: str, content: bytes | Path, size_bytes: int) -> None:
        head = f"--{self._boundary}\r\nContent-Disposition: form-data; {what}\r\n\r\n".encode()
        self._parts.append((head, content))
        self._length += len(head) + size_bytes + 2

    def headers(self) -> dict[str, str]:
        length = self._length + len(self._end())
        kind = f"multipart/form-data; boundary={self._boundary}"
        return {"Content-Type": kind, "Content-Length": str(length)}

    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()

    def pieces(self, connection: http.client.HTTPConnection, deadline: float) -> Iterator[bytes]:
        for head, content in self._parts:
            yield head
            if isinstance(content, bytes):
                yield content
            else:
                with content.open("rb") as file:
                    while piece := file.read(_PIECE_BYTES):
                        connection.sock.settimeout(_left(deadline))
                        yield piece
            yield b"\r\n"
        yield self._end()


class _Message:
    """A body of JSON."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._bytes = json.dumps(_given(message)).encode()

    def headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", "Content-Length": str(len(self._bytes))}

    def pieces(self, connection: http.client.HTTPConnection, deadline: float) -> Iterator[bytes]:
        yield self._bytes


class _Photo:
    """A body that is one file, read in pieces while it is sent; the service tells what it is by its bytes."""

    def __init__(self, file: File) -> None:
        self._content = file if isinstance(file, bytes) else Path(file)
        self.name = _name_of(self._content) if isinstance(self._content, Path) else None
        sha256 = hashlib.sha256()
        self._length = 0
        for piece in self._read():
            sha256.update(piece)
            self._length += len(piece)
        self.sha256 = sha256.hexdigest()

    def _read(self) -> Iterator[bytes]:
        if isinstance(self._content, bytes):
            yield self._content
        else:
            with self._content.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece

    def headers(self) -> dict[str, str]:
        return {"Content-Type": "application/octet-stream", "Content-Length": str(self._length)}

    def pieces(self, connection: http.client.HTTPConnection, deadline: float) -> Iterator[bytes]:
        for piece in self._read():
            connection.sock.settimeout(_left(deadline))
            yield piece


_Body = Union[_Form, _Message, _Photo]


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _quoted(name: str) -> str:
    """As browsers write names (https://html.spec.whatwg.org/#multipart-form-data)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _name_of(path: Path) -> str:
    """A file's name; what is no UTF-8 in it as U+FFFD."""
    return os.fsencode(path.name).decode(errors="replace")


def _size_of(path: Path) -> int:
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_size


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise MenagerieError("timed_out", "No answer came in the time for the call.")
    return seconds


def _error_of(response: http.client.HTTPResponse, body: Any) -> MenagerieError:
    about = (response.status, response.headers.get("x-request-id"), _seconds_of(response.headers.get("retry-after")))
    if isinstance(body, dict) and isinstance(body.get("code"), str) and isinstance(body.get("detail"), str):
        return MenagerieError(body["code"], body["detail"], *about)
    code = "unreachable" if response.status in _OF_PROXIES else "unexpected"
    detail = f"Something answered with status {response.status}, and not as the service does."
    return MenagerieError(code, detail, *about)


def _seconds_of(retry_after: str | None) -> float | None:
    """`Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isdigit():
        return float(retry_after)
    try:
        wait = email.utils.parsedate_to_datetime(retry_after) - datetime.datetime.now(datetime.timezone.utc)
    except (TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())
