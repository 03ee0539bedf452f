"""Tell what was drawn at random (a key) or chosen (a password) from words, placeholders and pieces of code."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter

_PLACEHOLDER = re.compile(
    r"example|sample|placeholder|dummy|change[-_]?me|redacted|removed|hidden|insert|replace|invalid|your|my[-_]|api[-_]?key|"
    r"secret[-_]?key|access[-_]?token|auth[-_]?token|some[-_]|_here|-here|fake|mock|foobar|foo[-_]|deadbeef|cafebabe|test[-_]|"
    r"[-_]test|xxx|yyy|zzz|00000|11111|12345|abcde|98765|qwerty|\*\*|\.\.\.|…|<|>|\$\{|\{\{|%\(|\$\(",
    re.IGNORECASE,
)
_STAND_IN = re.compile(
    r"pass(?:w(?:or)?d|phrase)|p[a@4][s$5]{2}w|passwd|secret|admin|root|user|guest|postgres|mysql|oracle|letmein|welcome|"
    r"hunter2|trustno1|correct.?horse|hello|world|string|undefined|default|(?:^|\W)(?:null|none|true|false)(?:\W|$)",
    re.IGNORECASE,
)
# Keys that documentation prints: the storage and Cosmos DB emulators' (learn.microsoft.com), Stripe's (docs.stripe.com),
# and those of RFC 6749.
_DOCUMENTED = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw",
    "4eC39HqLyjWDarjtT1zdp7dc",
    "BQokikJOvBiI2HlWgH4olfQ2",
    "26PHem9AhJZvU623DfE1x4sd",
    "tR3PYbcVNZZ796tH88S4VQ2u",
    "2YotnFZFEjr1zCsicMWpAA",
    "tGzv3JOkF0XG5Qx2TlKWIA",
    "7Fjfp0ZBr1KtDRbnfVdmIw",
    "gX1fBat3bV",
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CODE = re.compile(r"[(){}\[\]\\]|^[$%@/~.]|[A-Za-z_]\.[A-Za-z_]|://|->|::")


def entropy(text: str) -> float:
    """Return Shannon's entropy of the characters, in bits a character; 0.0 for an empty text."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def is_sequence(text: str) -> bool:
    """Whether a third of the steps from one character to the next are 0 or 1: aaaa, abcd, 4321."""
    steps = sum(1 for a, b in itertools.pairwise(text) if abs(ord(a) - ord(b)) <= 1)
    return len(text) > 3 and steps * 3 > len(text)


def is_placeholder(text: str) -> bool:
    """Whether this stands where a secret would: a word for one, a key that documentation prints, or a mere sequence."""
    return bool(_PLACEHOLDER.search(text)) or any(known in text for known in _DOCUMENTED) or is_sequence(text)


def is_varied(text: str) -> bool:
    """Whether the rest of a key whose prefix says it all is no placeholder: three bits of entropy a character."""
    return not is_placeholder(text) and entropy(text) >= 3.0


def is_random(text: str) -> bool:
    """Whether a text of 16 characters or more looks drawn at random, without words or structure.

    Random texts over 36 or 62 letters change between small letters, capitals and digits at 0.4 and 0.6 of their steps,
    words joined by hyphens or capitals at few; a fifth is asked for. Of random mixed-case text a sixth lies in runs
    of three small letters, of joined words nearly all; a half is allowed. Entropy is asked for in proportion to what the
    length allows (a sample of n characters has at most log2(n) bits). An UUID is an identifier, no secret.
    """
    if len(text) < 16 or is_placeholder(text) or _UUID.fullmatch(text):
        return False
    if "." in text and max(map(len, text.split("."))) < 20:  # module.Class.method2
        return False
    digits, small, large = (len(re.findall(form, text)) for form in (r"[0-9]", r"[a-z]", r"[A-Z]"))
    if not small + large or (digits == 0 and not (small and large and len(text) >= 24)):
        return False
    kinds = ["9" if c.isdigit() else "a" if c.islower() else "A" if c.isupper() else "" for c in text]
    changes = sum(1 for a, b in itertools.pairwise(kinds) if a and b and a != b)
    if changes * 5 < len(text):
        return False
    wordy = sum(map(len, re.findall(r"[A-Z]?[a-z]{3,}", text)))
    if small and large and wordy * 2 > len(text):
        return False
    letters = 16 if re.fullmatch(r"[0-9a-f-]+|[0-9A-F-]+", text) else 62
    return entropy(text) >= 0.75 * math.log2(min(len(text), letters))


def is_password(text: str) -> bool:
    """Whether this can be a password that somebody chose: 8 to 128 characters with a digit, of three classes.

    Stand-ins (``MyPassword123!``), names of variables and pieces of code (a call, a path, an attribute) are none.
    """
    if not 8 <= len(text) <= 128 or is_placeholder(text) or _STAND_IN.search(text) or _CODE.search(text):
        return False
    # aB3#fG7!kL9@ and A1b2C3d4: what a model writes for a password.
    if is_sequence(re.sub(r"[^a-z]", "", text.lower())) or is_sequence(re.sub(r"[^0-9]", "", text)):
        return False
    if re.fullmatch(r"[a-z_][a-z0-9_-]*|[A-Z_][A-Z0-9_]*|[0-9.,:/+-]+", text) or _UUID.fullmatch(text):
        return False
    classes = [bool(re.search(form, text)) for form in (r"[0-9]", r"[a-z]", r"[A-Z]", r"[^A-Za-z0-9]")]
    return classes[0] and sum(classes) >= 3 and entropy(text) >= 2.5
