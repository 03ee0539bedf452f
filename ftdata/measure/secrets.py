"""Find keys, tokens and passwords in a text: by their form, their entropy and, where there is one, their checksum.

The forms follow gitleaks 8 where it has them (config/gitleaks.toml at commit 009e025, MIT, read 2026-11), written anew
and bounded in length; those of Groq, Telegram, Discord and GitLab's variants are known from keys seen, not from a
document. Keys that documentation prints are no findings.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from ftdata.measure.randomness import entropy, is_password, is_placeholder, is_random, is_varied
from ftdata.measure.span import Span, settle

Check = Callable[[re.Match[str]], bool | None]
"""What a match is: certain, not certain, or (None) no secret at all."""

SECRET_TITLES = {
    "anthropic-key": "an Anthropic API key",
    "openrouter-key": "an OpenRouter API key",
    "openai-key": "an API key in OpenAI's form",
    "aws-access-key": "an AWS access key id",
    "aws-secret-key": "an AWS secret access key",
    "github-token": "a GitHub token",
    "gitlab-token": "a GitLab token",
    "slack-token": "a Slack token",
    "slack-webhook": "the address of a Slack webhook",
    "stripe-key": "a Stripe secret key",
    "google-api-key": "a Google API key",
    "google-oauth": "a Google OAuth secret or token",
    "huggingface-token": "a Hugging Face token",
    "groq-key": "a Groq API key",
    "npm-token": "an npm token",
    "pypi-token": "a PyPI upload token",
    "azure-key": "an Azure key or client secret",
    "sendgrid-key": "a SendGrid API key",
    "twilio-key": "a Twilio API key",
    "telegram-token": "a Telegram bot token",
    "discord-token": "a Discord bot token",
    "discord-webhook": "the address of a Discord webhook",
    "jwt": "a JSON web token",
    "private-key": "a private key",
    "url-password": "a password in a web address",
    "url-token": "a token in a web address",
    "auth-header": "the token of an Authorization header",
    "assigned-secret": "a key or token after its label",
    "assigned-password": "a password after its label",
}


# ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _varied(match: re.Match[str]) -> bool | None:
    return True if is_varied(match["body"]) else None


def _random(match: re.Match[str]) -> bool | None:
    return True if is_random(match["body"]) else None


def _openai(match: re.Match[str]) -> bool | None:
    """``T3BlbkFJ`` is "OpenAI" in base64 and in every key of theirs; others hand out keys of the same form."""
    if not is_random(match["body"]):
        return None
    return "T3BlbkFJ" in match["body"] or len(match["body"]) >= 32


def _stripe(match: re.Match[str]) -> bool | None:
    return "_test_" not in match[0] if is_varied(match["body"]) else None


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def crc_base62(text: str) -> str:
    """Return the CRC32 of an ASCII text as six digits of base 62: how GitHub's and npm's tokens end (github.blog, 2021-04-05)."""
    crc, digits = binascii.crc32(text.encode("ascii", "replace")), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        digits = _BASE62[digit] + digits
    return digits


def _checksummed(match: re.Match[str]) -> bool | None:
    body = match["body"]
    if not is_varied(body):
        return None
    return len(body) != 36 or crc_base62(body[:-6]) == body[-6:]


def _decoded(part: str) -> bytes:
    """Return the bytes of unpadded url-safe base64, none for what is no base64."""
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _object(part: str) -> dict[str, object]:
    try:
        value = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _jwt(match: re.Match[str]) -> bool | None:
    """A header that decodes; not jwt.io's example, whose subject is 1234567890."""
    payload = _object(match["payload"])
    if not isinstance(_object(match["header"]).get("alg"), str) or payload.get("sub") == "1234567890":
        return None
    return bool(payload) if is_varied(match["body"]) else None


def _discord(match: re.Match[str]) -> bool | None:
    """The first part is the bot's id, a number, in base64."""
    user = _decoded(match["id"])
    return True if user.isdigit() and len(user) >= 15 and is_varied(match["body"]) else None


def _private_key(match: re.Match[str]) -> bool | None:
    """Enough base64 of high entropy: no dots where the key would be."""
    body = re.sub(r"\\[nrt]|[^A-Za-z0-9+/]", "", match["body"])
    full = len(body) >= 64 and entropy(body) >= 4.5 and "..." not in match["body"] and "…" not in match["body"]
    return True if full and not re.search(r"xxxx|example|yourkey|privatekey", body, re.IGNORECASE) else None


_OWN_HOST = re.compile(r"(?:.*\.)?(?:localhost|example(?:\.\w+)?|test|invalid|127\.0\.0\.1|0\.0\.0\.0|host(?:name)?)")


def _url_password(match: re.Match[str]) -> bool | None:
    password = match["body"]
    if not is_password(password) or _OWN_HOST.fullmatch(match["host"].lower()) or password == match["user"]:
        return None
    return is_random(password) or (len(password) >= 10 and entropy(password) >= 3.2)


def _password(match: re.Match[str]) -> bool | None:
    return False if is_password(match["body"].rstrip(".,;:?)")) else None


def _basic(match: re.Match[str]) -> bool | None:
    """``Basic`` is user:password in base64."""
    user, colon, password = _decoded(match["body"].rstrip("=")).decode("utf-8", "replace").partition(":")
    known = is_placeholder(password) or not user.isprintable()
    return True if colon and not known and (is_password(password) or is_random(password)) else None


# ── forms ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Form:
    """One form of secret. ``hint`` matches every text that ``regex`` matches, cheaply and without look-around.

    ``regex`` has a group ``body``, the random part; the span is that part where ``inner``, else the whole match.
    """

    kind: str
    hint: str
    regex: re.Pattern[str]
    check: Check
    inner: bool


def _form(kind: str, hint: str, regex: str, check: Check = _varied, inner: bool = False) -> Form:
    return Form(kind, hint, re.compile(regex), check, inner)


_L, _R = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_ALNUM = "[A-Za-z0-9]"
_SAFE = "[A-Za-z0-9_-]"

PROVIDERS = (
    _form("anthropic-key", "sk-ant-", rf"{_L}sk-ant-(?:[a-z]{{2,8}}[0-9]{{2}}-)?(?P<body>{_SAFE}{{32,250}})"),
    _form("openrouter-key", "sk-or-v1-", rf"{_L}sk-or-v1-(?P<body>[0-9a-f]{{64}}){_R}"),
    _form(
        "openai-key",
        "sk-[A-Za-z]{4,7}-[A-Za-z0-9_-]{20}",
        rf"{_L}sk-(?:proj|svcacct|admin|None)-(?P<body>{_SAFE}{{20,250}})",
        _openai,
    ),
    _form("openai-key", f"sk-{_ALNUM}{{32}}", rf"{_L}sk-(?P<body>{_ALNUM}{{32,64}}){_R}", _openai),
    _form("aws-access-key", "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", rf"{_L}(?:AKIA|ASIA|ABIA|ACCA)(?P<body>[A-Z2-7]{{16}}){_R}"),
    _form("github-token", "gh[pousr]_[A-Za-z0-9]{36}", rf"{_L}gh[pousr]_(?P<body>{_ALNUM}{{36,255}}){_R}", _checksummed),
    _form("github-token", "github_pat_", rf"{_L}github_pat_(?P<body>{_ALNUM}{{22}}_{_ALNUM}{{59}}){_R}"),
    _form(
        "gitlab-token",
        "gl(?:pat|dt|rt|ptt|cbt|ft|agent|oas|soat|imt)-[A-Za-z0-9_-]{20}",
        rf"{_L}gl(?:pat|dt|rt|ptt|cbt|ft|agent|oas|soat|imt)-(?P<body>{_SAFE}{{20,300}}(?:\.[0-9a-z]{{2}}\.[0-9a-z]{{9}})?){_R}",
    ),
    _form(
        "slack-token",
        "xox[abeoprs]-[0-9]",
        rf"{_L}xox[abeoprs]-(?P<body>[0-9]{{1,14}}-(?:[0-9]{{8,14}}-){{0,3}}[A-Za-z0-9-]{{16,250}}){_R}",
    ),
    _form("slack-token", "xapp-[0-9]-", rf"{_L}xapp-[0-9]-(?P<body>[A-Z0-9]{{6,16}}-[0-9]{{8,16}}-[a-z0-9]{{32,128}}){_R}"),
    _form(
        "slack-webhook",
        r"hooks\.slack\.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<body>[A-Za-z0-9+/]{36,80})",
    ),
    _form(
        "stripe-key",
        "[sr]k_(?:live|test|prod)_[A-Za-z0-9]{16}",
        rf"{_L}[sr]k_(?:live|test|prod)_(?P<body>{_ALNUM}{{16,250}}){_R}",
        _stripe,
    ),
    _form("stripe-key", "whsec_[A-Za-z0-9]{24}", rf"{_L}whsec_(?P<body>{_ALNUM}{{24,64}}){_R}"),
    _form("google-api-key", f"AIza{_SAFE}{{35}}", rf"{_L}AIza(?P<body>{_SAFE}{{35}})(?!{_SAFE})"),
    _form("google-oauth", "GOCSPX-", rf"{_L}GOCSPX-(?P<body>{_SAFE}{{28}})(?!{_SAFE})"),
    _form("google-oauth", r"ya29\.[A-Za-z0-9_-]{30}", rf"{_L}ya29\.(?P<body>{_SAFE}{{30,500}})", _random),
    _form("huggingface-token", "hf_[A-Za-z0-9]{30}", rf"{_L}hf_(?P<body>{_ALNUM}{{30,50}}){_R}"),
    _form("groq-key", "gsk_[A-Za-z0-9]{48}", rf"{_L}gsk_(?P<body>{_ALNUM}{{48,60}}){_R}"),
    _form("npm-token", "npm_[A-Za-z0-9]{36}", rf"{_L}npm_(?P<body>{_ALNUM}{{36}}){_R}", _checksummed),
    _form(
        "pypi-token", "pypi-Ag[A-Za-z0-9]{8}", rf"{_L}pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZw)(?P<body>{_SAFE}{{50,1000}})"
    ),
    _form("azure-key", "AccountKey=", r"AccountKey=(?P<body>[A-Za-z0-9+/]{86}==)", inner=True),
    _form("azure-key", "SharedAccessKey=", r"SharedAccessKey=(?P<body>[A-Za-z0-9+/]{43}=)", inner=True),
    _form(
        "azure-key", "[0-9]Q~", r"(?<![A-Za-z0-9_~.])(?P<body>[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~-])"
    ),
    _form("sendgrid-key", r"SG\.[A-Za-z0-9_-]{22}", rf"{_L}SG\.(?P<body>{_SAFE}{{22}}\.{_SAFE}{{43}})(?!{_SAFE})"),
    _form("twilio-key", "SK[0-9a-f]{32}", rf"{_L}SK(?P<body>[0-9a-f]{{32}}){_R}", _random),
    _form("telegram-token", "[0-9]:AA[A-Za-z0-9_-]{32}", rf"{_L}[0-9]{{8,10}}:AA(?P<body>{_SAFE}{{32,33}})(?!{_SAFE})"),
    _form(
        "discord-token",
        r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.",
        rf"{_L}(?P<id>[MNO]{_SAFE}{{22,27}})\.{_SAFE}{{6}}\.(?P<body>{_SAFE}{{27,40}})",
        _discord,
    ),
    _form(
        "discord-webhook",
        r"discord(?:app)?\.com/api/webhooks/",
        rf"discord(?:app)?\.com/api/webhooks/[0-9]{{17,20}}/(?P<body>{_SAFE}{{60,80}})",
    ),
    _form(
        "jwt",
        r"\.eyJ[A-Za-z0-9_-]{4}",
        rf"(?<!{_SAFE})(?P<header>eyJ{_SAFE}{{8,1000}}+)\.(?P<payload>eyJ{_SAFE}{{4,4000}}+)\.(?P<body>{_SAFE}{{20,1000}})",
        _jwt,
    ),
    _form(
        "private-key",
        "PRIVATE KEY(?: BLOCK)?-----",
        r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?P<body>(?:[^-]|-(?!----)){64,20000}+)(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?",
        _private_key,
    ),
)

_QUOTE = "[\"'`“”‘’]"
_GAP = rf"\\?{_QUOTE}?[\])]?[ \t]{{0,3}}(?::=|=>|[=:：]|is|는|은)[ \t]{{0,3}}\\?{_QUOTE}?"
_SECRET_WORD = (
    "(?i:api[-_ ]?key|apikey|access[-_ ]?key|secret[-_ ]?key|secret|api[-_ ]?token|auth[-_ ]?token|access[-_ ]?token|"
    "refresh[-_ ]?token|token|auth[-_ ]?key|private[-_ ]?key|encryption[-_ ]?key|signing[-_ ]?key|credential)"
)
_PASSWORD_WORD = "(?:(?i:password|passwd|passphrase|pwd)|비밀번호|비번|패스워드|암호)"
_TOKEN_NAME = "(?i:access_token|auth_token|api_?key|apitoken|api_token|token|key|secret|client_secret|password|passwd|pwd|auth)"
_AWS_WORD = "(?i:aws.{0,12}secret|secret_?access_?key|secret access key)"

GENERIC = (
    _form(
        "aws-secret-key",
        f"{_AWS_WORD}.{{0,20}}?{_GAP}",
        rf"{_AWS_WORD}.{{0,20}}?{_GAP}(?P<body>[A-Za-z0-9+/]{{40}})(?![A-Za-z0-9+/=])",
        _random,
        True,
    ),
    _form(
        "url-password",
        "://[^/?#@:\\s]{0,64}:[^/?#@\\s]{4,128}@",
        r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}://(?P<user>[^/?#@:\s\"'<>]{0,64}):(?P<body>[^/?#@\s\"'<>]{4,128})@(?P<host>[A-Za-z0-9.-]{1,253})",
        _url_password,
        True,
    ),
    _form(
        "url-token",
        f"[?&]{_TOKEN_NAME}=[^&\\s]{{16}}",
        rf"[?&]{_TOKEN_NAME}=(?P<body>[A-Za-z0-9_.~%+/-]{{16,500}})",
        _random,
        True,
    ),
    _form(
        "auth-header",
        "(?i:Bearer|Authorization.{0,4}token) {1,3}[A-Za-z0-9_.~+/-]{20}",
        rf"{_L}(?i:Bearer|Authorization.{{0,4}}token) {{1,3}}(?P<body>[A-Za-z0-9_.~+/-]{{20,1000}})",
        _random,
        True,
    ),
    _form(
        "auth-header",
        "(?i:Basic) {1,3}[A-Za-z0-9+/]{12}",
        rf"{_L}(?i:Basic) {{1,3}}(?P<body>[A-Za-z0-9+/]{{12,300}}={{0,2}})",
        _basic,
        True,
    ),
    _form(
        "assigned-secret",
        f"{_SECRET_WORD}{_GAP}[A-Za-z0-9_.~+/-]{{20}}",
        rf"{_SECRET_WORD}{_GAP}(?P<body>[A-Za-z0-9_.~+/-]{{20,500}}={{0,2}})",
        _random,
        True,
    ),
    _form(
        "assigned-password",
        f"{_PASSWORD_WORD}{_GAP}[!-~]{{8}}",
        rf"{_PASSWORD_WORD}{_GAP}(?P<body>[!#-&(-+\--;=?-_a-~]{{8,128}})",
        _password,
        True,
    ),
)

SECRET_HINTS = "|".join(dict.fromkeys(form.hint for form in (*PROVIDERS, *GENERIC)))
"""Matches every text in which ``secrets`` can find anything; the same to Python's ``re`` and to Rust's regex."""

_HINTS = [(form, re.compile(form.hint)) for form in (*PROVIDERS, *GENERIC)]


def secrets(text: str) -> list[Span]:
    """Return the secrets in a text, in order and without overlaps.

    A span is the key itself; of what has a label or lies in an address only the value. A provider's own form is
    preferred to a label's word. ``certain`` is false for what only looks like a password, for test keys, and for
    tokens with a wrong checksum.
    """
    found = settle(span for form, hint in _HINTS[: len(PROVIDERS)] if hint.search(text) for span in _spans(form, text))
    found += [
        span
        for form, hint in _HINTS[len(PROVIDERS) :]
        if hint.search(text)
        for span in _spans(form, text)
        if not any(span.start < other.end and other.start < span.end for other in found)
    ]
    return settle(found)


def _spans(form: Form, text: str) -> list[Span]:
    spans = []
    for match in form.regex.finditer(text):
        certain = form.check(match)
        if certain is not None:
            start, end = match.span("body" if form.inner else 0)
            if form.check is _password:
                end = start + len(text[start:end].rstrip(".,;:?)"))
            spans.append(Span(start, end, form.kind, certain))
    return spans
