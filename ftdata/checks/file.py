"""FT0: bytes, encodings, JSON and containers. The reader sees these faults; here they get their words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ftdata.rule import ANY_KIND, rule


def _file_rule(code: str, name: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return rule(code, name, scope="file", kinds=ANY_KIND, **options)


@_file_rule(
    "FT001", "non-utf8-encoding", category="correctness", catalogue=["F001"],
    message="the file is {encoding}, not UTF-8",
    help="write it as UTF-8 without BOM, with `iconv -t UTF-8` or your editor", fix_safety="safe",
)  # fmt: skip
def non_utf8_encoding() -> None:
    """A file in UTF-16, cp949 or another encoding than UTF-8.

    ## Why
    Every provider and trainer reads JSONL as UTF-8. Together, Fireworks and OpenAI refuse the upload, the
    ``datasets`` loader stops with a decode error. PowerShell's ``>`` writes UTF-16, Korean Excel writes cp949.

    ## Example
    A Korean CSV saved by Excel as "CSV" is cp949; "CSV UTF-8" is what trainers read.

    ## Fix safety
    Safe where the encoding is certain: a byte order mark, or every byte decodes to plausible text.
    """


@_file_rule(
    "FT002", "byte-order-mark", category="suspicious", catalogue=["F002"],
    message="the file starts with a byte order mark (BOM)",
    help="save it as UTF-8 without BOM", fix_safety="safe",
)  # fmt: skip
def byte_order_mark() -> None:
    """A UTF-8 file that starts with a byte order mark.

    ## Why
    To a JSON parser the mark is a stray character before the first row. OpenAI answers "Line 1 is not a
    dictionary", Together "Unexpected format on line 1"; the ``datasets`` loader does not mind.

    ## Example
    The bytes ``EF BB BF`` before ``{"messages": ...``, as Windows Notepad and Excel write them.

    ## Fix safety
    Safe: the three bytes carry nothing.
    """


@_file_rule(
    "FT003", "invalid-json", category="correctness", catalogue=["F003"],
    message="not JSON: {reason}",
    help="mend the line by hand; no loader reads a file with a broken line", fix_safety="unsafe",
)  # fmt: skip
def invalid_json() -> None:
    """A row that is not JSON.

    ## Why
    One broken line stops the upload ("Example 1273 cannot be parsed") or the loader, and some loaders drop the
    row without a word. ftdata goes on after it and judges every other row.

    ## Example
    ``{'role': 'user'}`` with single quotes, a trailing comma, a raw newline inside a string, a row cut off.

    ## Fix safety
    Unsafe: what the author meant has to be guessed.
    """


@_file_rule(
    "FT004", "several-objects", category="correctness", catalogue=["F003"],
    message="{count} JSON values on one line",
    help="put each row on its own line", fix_safety="safe",
)  # fmt: skip
def several_objects() -> None:
    """Two or more rows on one line.

    ## Why
    JSON Lines is one value a line. A parser answers "Extra data", and the whole upload fails for one lost
    newline. ftdata judges each of the rows.

    ## Example
    ``{"messages": [...]}{"messages": [...]}``, left by a merge of files without a last newline.

    ## Fix safety
    Safe: the values are whole, only the newline between them is missing.
    """


@_file_rule(
    "FT005", "not-an-object", category="correctness", catalogue=["F004"],
    message="the row is {found}, not an object",
    help="a row is a JSON object such as {\"messages\": [...]}",
)  # fmt: skip
def not_an_object() -> None:
    """A row that is valid JSON but not an object.

    ## Why
    Every format is an object with named fields. A list, a number or a string is refused by OpenAI, Together and
    mistral-finetune.

    ## Example
    ``["user", "hello"]``, or ``null`` from an export with empty rows.

    ## Fix safety
    No fix: what the fields would be is unknown.
    """


@_file_rule(
    "FT006", "blank-line", category="suspicious", catalogue=["F005"],
    message="blank line",
    help="delete it", fix_safety="safe",
)  # fmt: skip
def blank_line() -> None:
    """A line without anything on it.

    ## Why
    Together's check (SDK 2.10 and before) refuses the file; others skip the line, so that every line number
    after it is off by one between the tools.

    ## Example
    An extra newline at the end of the file.

    ## Fix safety
    Safe: nothing is on the line.
    """


@_file_rule(
    "FT007", "not-json-lines", category="quality", catalogue=["F006"],
    message="the file is {container}, not JSON Lines",
    help="write one object a line; trainers that read with `datasets` accept both", fix_safety="safe",
)  # fmt: skip
def not_json_lines() -> None:
    """A JSON array or pretty-printed objects where the target reads one object a line.

    ## Why
    OpenAI and Together read line by line and refuse the file; LLaMA-Factory, TRL, Axolotl and Unsloth read both,
    so that the fault shows only on upload.

    ## Example
    A file that starts with ``[`` and a newline.

    ## Fix safety
    Safe: the same rows are written one a line.
    """


@_file_rule(
    "FT008", "nan-literal", category="suspicious", catalogue=["F007"],
    message="{literal} is no number that all readers of JSON know",
    help="write null or a number", fix_safety="unsafe",
)  # fmt: skip
def nan_literal() -> None:
    """NaN or Infinity where JSON allows a number.

    ## Why
    Python writes them without a warning; strict parsers refuse the row. They come from empty cells of a data
    frame, so there is usually a missing value behind them.

    ## Example
    ``{"prompt": "Hi", "completion": NaN}`` from ``df.to_json`` or ``json.dumps``.

    ## Fix safety
    Unsafe: whether null or a number was meant is unknown.
    """


@_file_rule(
    "FT009", "duplicate-key", category="suspicious", catalogue=["F008"],
    message="the key \"{key}\" stands twice in one object",
    help="keep one of them", fix_safety="unsafe",
)  # fmt: skip
def duplicate_key() -> None:
    """The same key twice in one object.

    ## Why
    Most parsers keep the last value and drop the first without a word; the ``datasets`` loader stops
    ("Column(/a) was specified twice").

    ## Example
    ``{"role": "user", "content": "a", "content": "b"}``

    ## Fix safety
    Unsafe: the values differ, and only a person knows which one is right.
    """


@_file_rule(
    "FT010", "lone-surrogate", category="suspicious", catalogue=["F009"],
    message="half of a surrogate pair, {escape}, is not a character",
    help="an emoji was cut in two; restore or delete it", fix_safety="unsafe",
)  # fmt: skip
def lone_surrogate() -> None:
    r"""Half of a UTF-16 surrogate pair.

    ## Why
    The text was cut in the middle of an emoji. The ``datasets`` loader stops ("The surrogate pair in string is
    invalid"), Python fails when it writes the text.

    ## Example
    ``"Great! \ud83d"``

    ## Fix safety
    Unsafe: the other half is lost.
    """


@_file_rule(
    "FT011", "control-character", category="suspicious", catalogue=["F009"],
    message="control character {escape}",
    help="delete it; it is left over from a terminal, a PDF or a database", fix_safety="unsafe",
)  # fmt: skip
def control_character() -> None:
    r"""A control character such as NUL or ESC, other than tab and newline.

    ## Why
    It is invisible, becomes a token of its own, and is learned. Raw inside a JSON string it makes the row
    invalid for strict parsers.

    ## Example
    ``"content": "Total:\u0000 42"``

    ## Fix safety
    Unsafe: it may stand for a character that was lost.
    """


@_file_rule(
    "FT012", "invalid-bytes", category="correctness", catalogue=["F001"],
    message="bytes that are not UTF-8",
    help="find out which tool wrote the line, and in which encoding", fix_safety="unsafe",
)  # fmt: skip
def invalid_bytes() -> None:
    """A few bytes that are not UTF-8 in a file that otherwise is.

    ## Why
    Strict readers refuse the file; lenient ones put U+FFFD, the replacement character, into the training text.

    ## Example
    A line pasted from a cp949 or cp1252 file into a UTF-8 one.

    ## Fix safety
    Unsafe: the original characters have to be guessed.
    """


@_file_rule(
    "FT013", "too-deep", category="correctness", catalogue=["F003"],
    message="nested too deeply to be read",
    help="no trainer reads this row; drop it", fix_safety="unsafe",
)  # fmt: skip
def too_deep() -> None:
    """JSON nested so deeply that parsers give up.

    ## Why
    Parsers limit nesting to guard against attacks: Python's stops near 1,000 levels, others at 128 or 1,024.

    ## Example
    100,000 opening brackets.

    ## Fix safety
    Unsafe: the row is dropped.
    """


@_file_rule(
    "FT014", "row-too-large", category="correctness", catalogue=["F019"],
    message="the row is {size} bytes long, more than ftdata reads ({limit})",
    help="was the file written without newlines?",
)  # fmt: skip
def row_too_large() -> None:
    """A single row of more than 64 MiB.

    ## Why
    No trainer's context holds it; it is usually a whole data set without newlines. ftdata skips it and goes on,
    so that memory stays bounded.

    ## Example
    A 200 MB line.

    ## Fix safety
    No fix.
    """


@_file_rule(
    "FT015", "wrong-extension", category="quality", catalogue=["F010"],
    message="the content is {container}, which the name does not say",
    help="rename the file", fix_safety="manual",
)  # fmt: skip
def wrong_extension() -> None:
    """A file whose name promises another container than it holds.

    ## Why
    OpenAI takes ``.jsonl`` only, Together and Fireworks decide by the extension (Fireworks wants it in lower
    case). ftdata looks at the content and never trusts the name.

    ## Example
    JSON Lines in ``train.json``.

    ## Fix safety
    By hand: the name is also in configurations, scripts and manifests, and a fixed file goes where it is told to (``-o``).
    """


@_file_rule(
    "FT016", "mixed-newlines", category="pedantic",
    message="lines end in different ways",
    help="use \\n everywhere", fix_safety="safe",
)  # fmt: skip
def mixed_newlines() -> None:
    """Lines that end with CR LF in one place and LF in another.

    ## Why
    JSON parsers do not mind, but two files were merged, or an editor changed a part.

    ## Example
    A Windows edit of a Linux file.

    ## Fix safety
    Safe: between rows, line ends carry nothing.
    """


@_file_rule(
    "FT017", "truncated-file", category="correctness",
    message="the compressed file ends too early",
    help="download or compress it again",
)  # fmt: skip
def truncated_file() -> None:
    """A .gz or .zst file that was cut off.

    ## Why
    The rows after the cut are missing, and a loader that ignores the error trains on what is left.

    ## Example
    A download that was interrupted.

    ## Fix safety
    No fix: the rest is not there.
    """


@_file_rule(
    "FT018", "ragged-row", category="correctness",
    message="the row has {found} cells, the header {expected}",
    help="quote cells that hold the delimiter or a newline",
)  # fmt: skip
def ragged_row() -> None:
    """A CSV row with more or fewer cells than the header.

    ## Why
    A text with an unquoted comma spills into the next column: the answer is cut and the label is wrong.

    ## Example
    ``Hello, world,Hi`` under ``prompt,completion``.

    ## Fix safety
    No fix: where the cell ends is unknown.
    """


@_file_rule(
    "FT019", "missing-header", category="suspicious",
    message="the first row is data, there is no header",
    help="add a header such as prompt,completion",
)  # fmt: skip
def missing_header() -> None:
    """A CSV or TSV file without a header row.

    ## Why
    A loader takes the first sample for the names of the columns: one sample is lost and the columns have no
    meaning.

    ## Example
    A TSV of questions and answers that starts with the first question.

    ## Fix safety
    No fix: the names are the author's to give.
    """


@_file_rule(
    "FT037", "json-container", category="suspicious", catalogue=["F006"], on=False,
    message="the file is {container}; the target reads one object a line",
    help="write it as JSON Lines", fix_safety="safe",
)  # fmt: skip
def json_container() -> None:
    """A .json file with an array or pretty-printed objects, for a target that reads line by line.

    ## Why
    OpenAI, Together and mistral-finetune read JSON Lines only. LLaMA-Factory, TRL, Axolotl and Unsloth read both.

    ## Example
    LLaMA-Factory's ``alpaca_en_demo.json``, given to OpenAI.

    ## Fix safety
    Safe: the same rows are written one a line.
    """
