"""What a service's error means, what to do, and which rule would have found it before the upload.

The messages are those that users reported; each with where (design catalogue of errors, read 2026-11-23).
"""

from __future__ import annotations

import re

# (what the service says, our words, what to do, the rule that would have caught it)
_KNOWN: tuple[tuple[str, str, str, str | None], ...] = (
    (r"training_not_available|winding down the fine-tuning", "OpenAI ends self-serve fine-tuning: new organisations since 2026-05-07, organisations without recent use since 2026-07-02, everybody on 2027-01-06",
     "Train an open model: `ftdata train DATA --model FOLDER`, or another service with --base-url.", "target-ended"),
    (r"expected file to have jsonl format|is not a dictionary", "a byte order mark, another encoding, or an array instead of lines", "Run `ftdata fix`.", "not-json-lines"),
    (r"contains invalid json|cannot be parsed", "a line is no JSON", "Run `ftdata lint`; it names the line.", "invalid-json"),
    (r"must have at least \d+ example|invalid_n_examples", "there are too few samples", "Ten at least; 50 for a style.", "too-few-for-target"),
    (r"contains an extra", "a key that this model's format does not know", "`ftdata fix --target openai` sets it aside.", "extra-key"),
    (r"discriminator 'role' is missing", "a message without a role", "Run `ftdata lint`.", "malformed-message"),
    (r"is missing key", "rows of another method: `input` belongs to preferences, `messages` to supervised data", "Convert with `ftdata convert`, or choose another --method.", "format-not-accepted"),
    (r"not using '?supervised'? as the training method|format, but the specified fine-tuning job", "the data is of another method than the job", "Leave --method out: it follows the data.", "format-not-accepted"),
    (r"unexpected file format", "rows of no format that the service knows, or of several", "Run `ftdata convert --to openai-chat`.", "format-not-accepted"),
    (r"invalid schema", "two answers in a row, or a call without an id", "Run `ftdata lint --target azure-openai`.", "consecutive-roles"),
    (r"system messages are not supported", "reinforcement data takes developer turns, no system turns", "Run `ftdata fix`.", "rft-system-role"),
    (r"moderation|safety check|unsafe_file|blocked because too many", "the service's moderation stopped the file; which samples it means stands in its message where it says so",
     "Take these samples out. No service lets you ask beforehand.", None),
    (r"invalid token", "a control token of the model stands in a text", "Run `ftdata fix --unsafe-fixes --select special-token`.", "special-token"),
    (r"contains images", "this method takes no images", "Take them out, or train supervised.", "preference-media"),
    (r"exceeded your current quota|insufficient_quota|billing", "the account has no credit left", "Look at the billing page of the service.", None),
    (r"does not exist.*model|model.*does not exist|model_not_found|not.*available for fine-tuning|cannot be fine-tuned|not tunable|unsupported model",
     "this model is not there, or cannot be tuned by this method", "Look at the models of the service; `ftdata lint --target openai:MODEL` knows their methods.", None),
    (r"rate limit", "too many requests", "Wait; the same command goes on.", None),
)  # fmt: skip
_STATUS = {
    401: ("the key is refused", "Check the key in the environment; it may be of another organisation or project."),
    403: ("the key may not do this", "Ask for the permission, or use a key of the project that owns the job."),
    404: ("there is no such thing for this key", "A job of another organisation is not shown; check the id and the key."),
    413: ("the file is too large", "Leave some samples out."),
}


def explain(status: int, code: str | None, said: str, host: str) -> tuple[str, str | None]:
    """Our words after the service's, and what to do next. Unknown messages stay the service's alone."""
    text = f"{code or ''} {said}"
    for pattern, words, hint, rule in _KNOWN:
        if re.search(pattern, text, re.I):
            found = f" ({words}; `ftdata lint` finds it as {rule})" if rule else f" ({words})"
            return found, hint
    if status in _STATUS:
        words, hint = _STATUS[status]
        return f" ({words})", hint
    if status >= 500:
        return " (the service has a problem)", "The same command goes on where this stopped."
    return "", None


def rule_of(said: str) -> str | None:
    """The rule that would have found what a job failed of."""
    return next((rule for pattern, _, _, rule in _KNOWN if re.search(pattern, said, re.I)), None)
