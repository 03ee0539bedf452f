"""Which service, with which key, and what it refused: keys come from the environment or a keyring, and stand in no message."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ftdata.errors import FtdataError, MissingExtra, UsageError

OPENAI = "https://api.openai.com/v1"
_KEYS = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "FTDATA_API_KEY")
HERE = ("localhost", "127.0.0.1", "::1")


class ServiceError(FtdataError):
    """What the service refused, in its words and ours. ``status`` is the HTTP status, ``None`` without an answer.

    ``lost``: nobody knows whether the work was done.
    """

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
        return urlsplit(self.azure or self.base_url).hostname or ""

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself."""
        return self.host == "api.openai.com"

    def check(self) -> None:
        """Raise UsageError for an address that nothing may be sent to, or that carries a secret: it would stand in the run's folder."""
        option, text = ("--azure-endpoint", self.azure) if self.azure else ("--base-url", self.base_url)
        try:
            address: SplitResult | None = urlsplit(text)
            hostname = address.hostname if address else None
            _ = address.port if address else None
        except ValueError:
            address, hostname = None, None
        if address is None or address.scheme not in ("http", "https") or not hostname:
            raise UsageError(
                f"{option} {without_keys(text)}: is no web address", "It begins with https:// and mostly ends in /v1."
            )
        if address.username is not None or address.password is not None or address.query or address.fragment:
            raise UsageError(
                f"{option}: the address of {hostname} holds more than an address",
                "Leave out user, password and what follows ? or #: keys come from the environment or the keyring.",
            )
        if address.scheme == "http" and hostname not in HERE:
            raise UsageError(f"{option} {text}: your key would be sent unencrypted", "Use https.")


def without_keys(text: str) -> str:
    """The text without anything that looks like a key: services repeat a part of a wrong key in their errors."""
    from ftdata.measure.private import mask

    for name in _KEYS:
        key = os.environ.get(name)
        if key and len(key) >= 4:
            text = text.replace(key, "…")
    return mask(re.sub(r"\S*\*{3,}\S*", "…", text))


def find_key(service: Service) -> str:
    """The key from the environment, else from the keyring. Raises UsageError where there is none.

    OPENAI_API_KEY goes to OpenAI and to this machine only; for the others see ``ftdata.train.remote.hosts``.
    """
    names: tuple[str, ...] = (
        ("AZURE_OPENAI_API_KEY",) if service.azure else ("OPENAI_API_KEY",) if service.is_openai else ("FTDATA_API_KEY",)
    )
    if service.host in HERE and not service.azure:
        names = ("FTDATA_API_KEY", "OPENAI_API_KEY")
    for name in names:
        key = os.environ.get(name, "").strip()
        if key:
            return _checked(key, name)
    try:
        import keyring

        for user in (service.host, names[0]):
            key = keyring.get_password("ftdata", user) or ""
            if key.strip():
                return _checked(key.strip(), f"the keyring (ftdata, {user})")
    except ImportError:
        pass
    except FtdataError:
        raise
    except Exception as error:
        # Without a keyring on this machine, this is the same as no key in it.
        if type(error).__name__ != "NoKeyringError":
            raise UsageError(f"the keyring does not answer ({type(error).__name__})", f"Put the key into {names[0]}.") from None
    raise UsageError(
        f"no key for {service.host}",
        f"Put it into the environment as {names[0]}, or into the keyring: `keyring set ftdata {service.host}`."
        + (
            " OPENAI_API_KEY is sent to OpenAI alone."
            if names == ("FTDATA_API_KEY",) and os.environ.get("OPENAI_API_KEY")
            else ""
        ),
    )


def _checked(key: str, where: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"{where} holds what cannot be a key (white space or letters outside ASCII)", "Copy the key once more.")
    return key


def connect(service: Service, timeout: float) -> Any:
    """The client of the openai package, without its retries. Raises MissingExtra and UsageError; nothing is sent yet."""
    try:
        import openai
    except ImportError:
        raise MissingExtra("the backend openai needs the openai package", "pip install 'ftdata[openai]'") from None
    service.check()
    key = find_key(service)
    hooks = {"request": [_stay(service)]}
    http = openai.DefaultHttpxClient(event_hooks=hooks, timeout=timeout)
    if service.azure:
        return openai.AzureOpenAI(
            azure_endpoint=service.azure, api_version=service.api_version, api_key=key, max_retries=0, timeout=timeout, http_client=http
        )  # fmt: skip
    return openai.OpenAI(base_url=service.base_url, api_key=key, max_retries=0, timeout=timeout, http_client=http)


def _stay(service: Service) -> Callable[[Any], None]:
    """What looks at each request, those of a redirect too: data goes to the service that was named, and the key as well."""
    named = urlsplit(service.azure or service.base_url)
    home = (named.scheme, named.hostname, named.port or (443 if named.scheme == "https" else 80))

    def look(request: Any) -> None:
        url = request.url
        there = (url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))
        if there == home:
            return
        if request.method not in ("GET", "HEAD"):
            raise ServiceError(
                f"{service.host} sends this request on to {url.scheme}://{url.host}, which was not named: it was not followed",
                "Give that address yourself if you trust it, with --base-url or --azure-endpoint.",
            )
        # A file of results may lie in another place; httpx takes out "Authorization" by itself, and not Azure's header.
        for name in ("authorization", "api-key"):
            request.headers.pop(name, None)

    return look
