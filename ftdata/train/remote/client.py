"""Calls to the service: each with a deadline, retried only where that cannot be charged twice, and with errors in words.

The openai package retries by itself and sends no idempotency key: a reply that is lost makes it create a second and a third job,
all paid (measured with 3.54.0 on 2026-11-23). Its retries are switched off here, and ours know which call may be repeated.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ftdata.errors import FtdataError
from ftdata.train.remote.connect import OPENAI, Service, ServiceError, connect, without_keys
from ftdata.train.remote.explain import explain

__all__ = ["OPENAI", "Client", "Service", "ServiceError"]
DEADLINE = 600.0
# A service that never answered is given less: most often its address is wrong.
FIRST = 30.0
RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 529)


class Client:
    """The calls that training needs. ``pause`` (the first wait) and ``deadline`` (seconds) bound what is retried.

    ``say`` is told of every wait. Every call raises ServiceError.
    """

    def __init__(
        self, service: Service, *, deadline: float = DEADLINE, timeout: float = 120.0, pause: float = 1.0,
        say: Callable[[str], None] = lambda words: None,
    ) -> None:  # fmt: skip
        self.service, self.say = service, say
        self.deadline, self.pause = deadline, pause
        self._api = connect(service, timeout)
        weakref.finalize(self, self._api.close)
        self._met = False

    # files

    def find_file(self, name: str, size: int) -> Any | None:
        """A file of this name and size that is there already, the newest one."""
        for file in self._pages(lambda after: self._api.files.list(purpose="fine-tune", limit=1000, **_after(after))):
            if file.filename == name and file.bytes == size and file.status != "error":
                return file
        return None

    def get_file(self, file_id: str) -> Any | None:
        """A file by its id, or ``None`` where the service has none of this id."""
        return self._or_none(lambda: self._api.files.retrieve(file_id))

    def upload(self, path: Path, name: str) -> Any:
        """Upload a file in one piece. Not retried here: whether it arrived has to be looked up first."""
        with path.open("rb") as file:
            return self._once(lambda: self._api.files.create(file=(name, file, "application/jsonl"), purpose="fine-tune"))

    def begin_upload(self, name: str, size: int) -> Any:
        """Begin an upload in parts."""
        return self._once(
            lambda: self._api.uploads.create(bytes=size, filename=name, mime_type="text/jsonl", purpose="fine-tune")
        )

    def upload_part(self, upload_id: str, data: bytes) -> Any:
        """Upload one part. A part that is sent twice and named once is one part."""
        return self._again(lambda: self._api.uploads.parts.create(upload_id=upload_id, data=data))

    def end_upload(self, upload_id: str, parts: list[str], md5: str) -> Any:
        """Put the parts together."""
        return self._once(lambda: self._api.uploads.complete(upload_id=upload_id, part_ids=parts, md5=md5))

    def content(self, file_id: str) -> bytes:
        """The bytes of a result file."""

        def read() -> bytes:
            answer = self._api.files.content(file_id)
            if "text/html" in answer.response.headers.get("content-type", ""):
                raise self._odd()
            data: bytes = answer.read()
            return data

        return bytes(self._again(read, needs=()))

    # jobs

    def create_job(self, **arguments: Any) -> Any:
        """Create a job, once: never retried."""
        return self._once(lambda: self._api.fine_tuning.jobs.create(**arguments))

    def find_job(self, run: str) -> Any | None:
        """The job that carries the mark of a run."""
        extra: dict[str, Any] = {"metadata": {"ftdata_run": run}}
        try:
            jobs = list(self._pages(lambda after: self._api.fine_tuning.jobs.list(limit=100, **_after(after), **extra), most=20))
        except ServiceError as error:
            if error.status not in (400, 404, 422):
                raise
            # Not every server filters by metadata.
            jobs = list(self._pages(lambda after: self._api.fine_tuning.jobs.list(limit=100, **_after(after)), most=20))
        return next((job for job in jobs if (getattr(job, "metadata", None) or {}).get("ftdata_run") == run), None)

    def job(self, job_id: str) -> Any:
        """A job as it stands."""
        return self._again(lambda: self._api.fine_tuning.jobs.retrieve(job_id))

    def jobs(self, most: int = 5) -> Iterator[Any]:
        """Jobs, the newest first, in at most so many pages."""
        yield from self._pages(lambda after: self._api.fine_tuning.jobs.list(limit=100, **_after(after)), most=most)

    def events(self, job_id: str, seen: set[str], most: int = 50) -> list[Any]:
        """The events that are not among those seen, the oldest first."""
        new = []
        for event in self._pages(
            lambda after: self._api.fine_tuning.jobs.list_events(job_id, limit=100, **_after(after)), most=most
        ):
            if event.id in seen:
                break
            new.append(event)
        return new[::-1]

    def checkpoints(self, job_id: str) -> list[Any]:
        """The checkpoints of a job, the oldest first."""
        found = list(
            self._pages(lambda after: self._api.fine_tuning.jobs.checkpoints.list(job_id, limit=100, **_after(after)), most=10)
        )
        return sorted(found, key=lambda checkpoint: checkpoint.step_number)

    def act(self, job_id: str, verb: str) -> Any:
        """Cancel, pause or resume a job: each may be said twice."""
        return self._again(lambda: getattr(self._api.fine_tuning.jobs, verb)(job_id))

    def lists_model(self, name: str) -> bool | None:
        """Whether the service has a model of this name for this key, ``None`` where it does not say."""
        try:
            self._again(lambda: self._api.models.retrieve(name))
        except ServiceError as error:
            if error.status == 404 and error.code == "model_not_found":
                return False
            if error.status in (400, 403, 404, 405, 501):
                return None
            raise
        return True

    def chat(self, model: str, messages: list[dict[str, Any]], **more: Any) -> Any:
        """One answer of a model."""
        return self._again(lambda: self._api.chat.completions.create(model=model, messages=messages, **more), needs=("choices",))

    def chat_stream(self, model: str, messages: list[dict[str, Any]], **more: Any) -> Iterator[str]:
        """One answer as it is written. Closing the iterator ends it; ``more`` goes with the question, as for ``chat``."""
        with self._again(
            lambda: self._api.chat.completions.create(model=model, messages=messages, stream=True, **more), needs=()
        ) as stream:
            came = False
            with self._in_words():
                for chunk in stream:
                    came = True
                    delta = chunk.choices[0].delta if chunk.choices else None
                    piece = delta and (delta.content or getattr(delta, "refusal", None))
                    if piece:
                        yield str(piece)
            if not came:
                raise self._odd()

    # how

    def _pages(self, fetch: Callable[[str | None], Any], most: int = 100) -> Iterator[Any]:
        """The items of a list, page by page; a server that always says there is more comes to an end."""
        after: str | None = None
        known: set[str] = set()
        for _ in range(most):
            page = self._again(partial(fetch, after), needs=())
            found = page.data or []
            if not all(getattr(item, "id", None) for item in found):
                raise self._odd()
            items = [item for item in found if item.id not in known]
            known |= {item.id for item in items}
            yield from items
            if not items or not getattr(page, "has_more", False):
                return
            after = items[-1].id

    def _or_none(self, call: Callable[[], Any]) -> Any | None:
        try:
            return self._again(call)
        except ServiceError as error:
            if error.status in (403, 404, 405, 501):
                return None
            raise

    def _once(self, call: Callable[[], Any]) -> Any:
        """One try. A refusal that says "later" (429) is waited for: nothing has happened on the other side."""
        return self._until(call, ("id",), lambda error: error.status == 429)

    def _again(self, call: Callable[[], Any], needs: tuple[str, ...] = ("id",)) -> Any:
        """A call that may be repeated: rate limits, server errors and dropped connections are tried again until the deadline."""
        return self._until(call, needs, lambda error: error.lost or error.status in RETRIED)

    def _until(self, call: Callable[[], Any], needs: tuple[str, ...], passing: Callable[[ServiceError], bool]) -> Any:
        """Repeat a call while its error is a passing one, with growing waits; ``needs`` names what an answer has to have."""
        started, wait = time.monotonic(), self.pause
        while True:
            try:
                with self._in_words():
                    value = call()
                if isinstance(value, str | list | dict) or any(getattr(value, name, None) is None for name in needs):
                    raise self._odd()
                self._met = True
                return value
            except ServiceError as error:
                limit = self.deadline if self._met else min(self.deadline, FIRST)
                if not passing(error) or error.code == "insufficient_quota" or time.monotonic() - started + wait > limit:
                    raise
                wait = self.wait(error, wait)

    def wait(self, error: ServiceError, seconds: float) -> float:
        """Say why, wait about so many seconds, and return how many the next time."""
        self.say(f"{error.message}; tried again in {seconds:.0f} s")
        time.sleep(seconds * (0.75 + random.random() / 2))
        return min(2 * seconds, 30.0)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """What the openai package and the network raise, as ServiceError."""
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, FtdataError):
                raise error.__cause__ from None
            raise self._unreached(error.__cause__ or error) from None
        except openai.APIError as error:
            # An answer that breaks off with an error in the middle, or one of another shape.
            raise ServiceError(f"{self.service.host} says: {_short(error.message)}", lost=True) from None
        except (ValueError, AttributeError):
            raise self._odd() from None
        except Exception as error:
            # While an answer is read piece by piece, the openai package lets errors of the network through.
            if not type(error).__module__.startswith(("httpx", "httpcore")):
                raise
            raise self._unreached(error) from None

    def _refused(self, error: Any) -> ServiceError:
        """The service's words, ours, and what to do."""
        shaped = isinstance(error.body, dict)
        self._met = self._met or shaped
        body: dict[str, Any] = error.body if shaped else {}
        said = _short(str(body.get("message") or (error.message if shaped else _text(error.response.text))))
        code = str(body.get("code")) if body.get("code") else None
        ours, hint = explain(error.status_code, code, said, self.service.host)
        return ServiceError(
            f"{self.service.host} answered {error.status_code}: {said}{ours}", hint, status=error.status_code, code=code
        )

    def _unreached(self, cause: BaseException) -> ServiceError:
        return ServiceError(
            f"{self.service.host} cannot be reached ({_short(str(cause)) or type(cause).__name__})",
            "Check the network and --base-url.",
            lost=True,
        )

    def _odd(self) -> ServiceError:
        return ServiceError(
            f"{self.service.host} answered something that is no answer of this API",
            "Check --base-url: it mostly ends in /v1. A proxy or a page to sign in answers like this too.",
            lost=True,
        )


def _text(page: str) -> str:
    """The text of a page that came instead of an answer."""
    return re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", page[:20_000])


def _short(words: str) -> str:
    """At most 600 characters in one line, without keys."""
    line = " ".join(without_keys(words).split())
    return line if len(line) <= 600 else line[:599] + "…"


def _after(after: str | None) -> dict[str, str]:
    return {"after": after} if after else {}
