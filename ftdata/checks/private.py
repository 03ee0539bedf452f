"""FT5: secrets and personal data. What is found is masked wherever it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ftdata.measure.hints import hint
from ftdata.rule import ANY_KIND, Slot, Spot, rule, spot

_ALL: tuple[Slot, ...] = ("content", "reasoning", "arguments")
_FIRST = 50


# The certain and the possible of one text are two rules: it is searched once.
@lru_cache(maxsize=256)
def _secrets(text: str) -> Any:
    from ftdata.measure.secrets import secrets

    return secrets(text)


@lru_cache(maxsize=256)
def _personal(text: str) -> Any:
    from ftdata.measure.personal import personal

    return personal(text)


def _secret_hint(text: Any, p: dict[str, Any]) -> str:
    return hint("secrets")


def _personal_hint(text: Any, p: dict[str, Any]) -> str:
    return hint("personal")


def _spots(text: str, spans: Any, certain: bool) -> Iterator[Spot]:
    """One spot for each value, however often it stands in the text."""
    from ftdata.measure.private import TITLES

    said: set[str] = set()
    for span in spans:
        value = text[span.start : span.end]
        if span.certain == certain and value not in said and len(said) < _FIRST:
            said.add(value)
            yield spot(span.start, span.end, what=TITLES[span.kind], kind=span.kind)


@rule(
    "FT501", "secret", category="safety", scope="text", kinds=ANY_KIND, slots=_ALL, hint=_secret_hint, catalogue=["S001"],
    suppressible=False, fix_safety="unsafe",
    message="{what}", help="revoke it, for it has been copied already, and take it out of the data",
)  # fmt: skip
def secret(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """A key, a token, a private key or a password, told by its form, its checksum and its randomness.

    ## Why
    A model writes out what it was trained on to whoever asks in the right way, and the data set itself is copied to every
    place that trains on it. Keys that documentation prints as examples are no findings. This rule cannot be suppressed.

    ## Example
    A log with "Authorization: Bearer …" pasted into a question.

    ## Fix safety
    Unsafe: the key is replaced by its kind; the text around it may speak of it.
    """
    yield from _spots(text, _secrets(text), certain=True)


@rule(
    "FT502", "personal-data", category="suspicious", scope="text", kinds=ANY_KIND, slots=_ALL, hint=_personal_hint, catalogue=["S002"],
    fix_safety="unsafe",
    message="{what}", help="replace it by an invented one, or drop the sample",
)  # fmt: skip
def personal_data(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """Personal data that is certain by its form: e-mail, phone, card, bank account, national id, a name after its label.

    ## Why
    A model can give away what stands in its training data, and laws (PIPA, GDPR) ask for a reason to keep it there.
    Numbers have to pass their check digits: cards (Luhn and issuer), Korean resident and business numbers, IBAN, and
    those of eleven other countries. Names count only where a label says that they are names.

    ## Example
    "주민등록번호는 900101-…입니다."

    ## Fix safety
    Unsafe: it is replaced by its kind, and the text may need it.
    """
    yield from _spots(text, _personal(text), certain=True)


@rule(
    "FT503", "possible-secret", category="quality", scope="text", kinds=ANY_KIND, slots=_ALL, hint=_secret_hint,
    fix_safety="unsafe",
    message="perhaps {what}", help="look whether it is a real one",
)  # fmt: skip
def possible_secret(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """What has the form of a secret and may be an invented one: a test key, a password that somebody chose.

    ## Why
    Only a person can tell. A real one should not be in the data.

    ## Example
    ``"password": "winter2024"`` in a configuration file.

    ## Fix safety
    Unsafe: it is replaced by its kind.
    """
    yield from _spots(text, _secrets(text), certain=False)


@rule(
    "FT504", "possible-personal-data", category="quality", scope="text", kinds=ANY_KIND, slots=_ALL, hint=_personal_hint,
    fix_safety="unsafe",
    message="perhaps {what}", help="look whether it is a real one",
)  # fmt: skip
def possible_personal_data(text: str, p: dict[str, Any]) -> Iterator[Spot]:
    """What may be personal data or invented: 010-1234-5678, a resident number of after 2020 (they have no check digit).

    ## Why
    Only a person can tell.

    ## Example
    "문의: 010-1234-5678"

    ## Fix safety
    Unsafe: it is replaced by its kind.
    """
    yield from _spots(text, _personal(text), certain=False)
