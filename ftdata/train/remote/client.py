"""Calls to the service: each with a deadline, retried only where that cannot be charged twice, and with errors in words.

The openai package retries by itself and sends no idempotency key: a reply that is lost makes it create a second and a third job,
all paid (measured with 3.54.0 on 2026-11-23). Its retries are switched off here, and ours know which call may be repeated.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from ftdata.errors import FtdataError, MissingExtra, UsageError
from ftdata.train.remote.explain import explain

OPENAI = "https://api.openai.com/v1"
DEADLINE = 600.0
RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 529)


class ServiceError(FtdataError):
    """What the service refused, in its words and ours. ``status`` is the HTTP status, ``None`` without an answer."""

    def __init__(
        self, message: str, hint: str | None = None, *, status: int | None = None, code: str | None = None, lost: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.status, self.code, self.lost = status, code, lost


@dataclass(frozen=True, slots=True)
class Service:
    """Which service, and how it is spoken to. ``azure`` is an endpoint of Azure OpenAI."""

    base_url: str = OPENAI
    azure: str | None = None
    api_version: str = "2025-04-01-preview"

    @property
    def host(self) -> str:
        """The name of the machine."""
        return urlparse(self.azure or self.base_url).hostname or ""

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself."""
        return self.host == "api.openai.com"


class Client:
    """The calls that training needs. ``sleep`` and ``deadline`` (seconds) bound what is retried."""

    def __init__(self, service: Service, *, deadline: float = DEADLINE, timeout: float = 120.0, pause: float = 1.0) -> None:
        self.service = service
        self.deadline, self.pause = deadline, pause
        self._api = _connect(service, timeout)

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
        data: bytes = self._again(lambda: self._api.files.content(file_id).read())
        return data

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

    def model(self, name: str) -> Any | None:
        """A model as the service knows it, or ``None`` where it does not or does not say."""
        return self._or_none(lambda: self._api.models.retrieve(name))

    def chat(self, model: str, messages: list[dict[str, Any]], **more: Any) -> Any:
        """One answer of a model."""
        return self._again(lambda: self._api.chat.completions.create(model=model, messages=messages, **more))

    def chat_stream(self, model: str, messages: list[dict[str, Any]]) -> Iterator[str]:
        """One answer as it is written."""
        for chunk in self._once(lambda: self._api.chat.completions.create(model=model, messages=messages, stream=True)):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    # how

    def _pages(self, fetch: Callable[[str | None], Any], most: int = 100) -> Iterator[Any]:
        """The items of a list, page by page; a server that always says there is more comes to an end."""
        after: str | None = None
        known: set[str] = set()
        for _ in range(most):
            page = self._again(partial(fetch, after))
            items = [item for item in page.data or [] if item.id not in known]
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
        """One try. A refusal that says "later" (429, 503 with no work done) is waited for: nothing has happened on the other side."""
        started, wait = time.monotonic(), self.pause
        while True:
            try:
                return self._translated(call)
            except ServiceError as error:
                if error.status != 429 or error.code == "insufficient_quota" or time.monotonic() - started + wait > self.deadline:
                    raise
            wait = _wait(wait)

    def _again(self, call: Callable[[], Any]) -> Any:
        """A call that may be repeated: rate limits, server errors and dropped connections are tried again until the deadline."""
        started, wait = time.monotonic(), self.pause
        while True:
            try:
                return self._translated(call)
            except ServiceError as error:
                again = error.lost or (error.status in RETRIED and error.code != "insufficient_quota")
                if not again or time.monotonic() - started + wait > self.deadline:
                    raise
            wait = _wait(wait)

    def _translated(self, call: Callable[[], Any]) -> Any:
        import openai

        try:
            return call()
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            said = str(body.get("message") or error.message)
            code = str(body.get("code")) if body.get("code") else None
            ours, hint = explain(error.status_code, code, said, self.service.host)
            raise ServiceError(
                f"{self.service.host} answered {error.status_code}: {without_keys(said)}{ours}",
                hint,
                status=error.status_code,
                code=code,
            ) from None
        except openai.APIConnectionError as error:
            cause = without_keys(str(error.__cause__ or error))
            raise ServiceError(
                f"{self.service.host} cannot be reached ({cause})", "Check the network and --base-url.", lost=True
            ) from None
        except openai.APIResponseValidationError:
            raise ServiceError(
                f"{self.service.host} answered something that is no answer", "Check --base-url.", lost=True
            ) from None


def _wait(seconds: float) -> float:
    """Wait about so long, and say how long the next time."""
    time.sleep(seconds * (0.75 + random.random() / 2))
    return min(2 * seconds, 30.0)


def _after(after: str | None) -> dict[str, str]:
    return {"after": after} if after else {}


def without_keys(text: str) -> str:
    """The text without anything that looks like a key: services repeat a part of a wrong key in their errors."""
    from ftdata.measure.private import mask

    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "FTDATA_API_KEY"):
        key = os.environ.get(name)
        if key and len(key) >= 4:
            text = text.replace(key, "…")
    return mask(re.sub(r"\S*\*{3,}\S*", "…", text))


def find_key(service: Service) -> str:
    """The key from the environment, else from the keyring. Raises UsageError where there is none."""
    names = (
        ("AZURE_OPENAI_API_KEY",)
        if service.azure
        else ("OPENAI_API_KEY",)
        if service.is_openai
        else ("FTDATA_API_KEY", "OPENAI_API_KEY")
    )
    for name in names:
        key = os.environ.get(name, "").strip()
        if key:
            if not key.isascii() or any(c.isspace() for c in key):
                raise UsageError(
                    f"{name} holds what cannot be a key (white space or letters outside ASCII)", "Copy the key once more."
                )
            return key
    try:
        import keyring

        for user in (service.host, names[0]):
            key = keyring.get_password("ftdata", user)
            if key:
                return str(key)
    except ImportError:
        pass
    except Exception as error:
        raise UsageError(f"the keyring does not answer ({type(error).__name__})", f"Put the key into {names[0]}.") from None
    raise UsageError(
        f"no key for {service.host}",
        f"Put it into the environment as {names[0]}, or into the keyring: `keyring set ftdata {service.host}`.",
    )


def _connect(service: Service, timeout: float) -> Any:
    try:
        import openai
    except ImportError:
        raise MissingExtra("the backend openai needs the openai package", "pip install 'ftdata[openai]'") from None
    key = find_key(service)
    if service.azure:
        return openai.AzureOpenAI(
            azure_endpoint=service.azure, api_version=service.api_version, api_key=key, max_retries=0, timeout=timeout
        )
    address = urlparse(service.base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UsageError(f"--base-url {service.base_url}: is no web address", "It begins with https:// and mostly ends in /v1.")
    if address.scheme == "http" and address.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError(f"--base-url {service.base_url}: your key would be sent unencrypted", "Use https.")
    return openai.OpenAI(base_url=service.base_url, api_key=key, max_retries=0, timeout=timeout)
