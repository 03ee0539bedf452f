"""Which encoding bytes are in, by what they would say."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace

import orjson

from ftdata.errors import ReadError
from ftdata.read.inputs import Input
from ftdata.types import Fault

BOMS = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\x00\x00", "utf-32-le"), (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
)  # fmt: skip
# UTF-16 and 32 are transcoded before lines are cut: a newline byte may be half of another character there.
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# Strict EUC-KR first: it has the common Hangul only, so that Japanese and Chinese bytes fail in it. The extended
# cp949 comes last: it gives rare Hangul for almost anything.
_EAST = (
    ("euc_kr", re.compile(r"[가-힣]"), "cp949"),
    ("shift_jis", re.compile(r"[ぁ-んァ-ヶ一-鿿、。「」ー]"), "shift_jis"),
    ("gb18030", re.compile(r"[一-鿿，。！？：；“”‘’、《》（）]"), "gb18030"),
    ("big5", re.compile(r"[一-鿿，。！？：；、「」]"), "big5"),
    ("cp949", re.compile(r"[가-힣]"), "cp949"),
)
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = bytes(range(128))
_CONTROLS = bytes(range(9)) + b"\x0e\x0f" + bytes(range(0x10, 0x1B)) + b"\x1c\x1d\x1e\x1f"


def find_encoding(item: Input, head: bytes) -> tuple[Input, str]:
    """Return the input with its encoding, and the head as text. Raises ReadError for a binary file."""
    for mark, encoding in BOMS:
        if not head.startswith(mark):
            continue
        if encoding == "utf-8":
            # A tool that adds a mark to a file that has one leaves two.
            count = next(number for number in range(1, len(head)) if not head.startswith(mark, 3 * number))
            item = replace(item, skip=3 * count, faults=(*item.faults, Fault("byte-order-mark", 1, 1, 0)))
            break
        text = head[len(mark) :].decode(encoding, "replace")
        return replace(item, encoding=encoding, skip=len(mark), faults=(*item.faults, _fault(encoding))), text
    else:
        wide = _wide(head)
        if wide:
            return replace(item, encoding=wide, faults=(*item.faults, _fault(wide))), head.decode(wide, "replace")
    controls = _controls(head[:65536])
    many = controls > max(8, min(len(head), 65536) // 20) or head.count(b"\0") > max(3, len(head) // 50)
    if many and not _has_row(head):
        raise ReadError("is a binary file", "Give JSONL, JSON, CSV, TSV or Parquet.")
    head = head[item.skip :]
    encoding = guess_encoding(head)
    if encoding != "utf-8":
        item = replace(item, encoding=encoding, faults=(*item.faults, _fault(encoding)))
    return item, head.decode(encoding, "replace")


def encoding_fault(encoding: str, data: bytes, line: int, offset: int) -> Fault:
    """The fault of a file that turns out not to be UTF-8 in ``data``, which begins at this line and offset."""
    at = _first_foreign(data)
    return _fault(encoding, line + data.count(b"\n", 0, at), offset + at)


def _fault(encoding: str, line: int = 1, offset: int = 0) -> Fault:
    shown = {"cp949": "cp949 (EUC-KR)"}.get(encoding, encoding)
    if encoding in WIDE:
        shown = encoding[:-3].upper()
    return Fault("non-utf8-encoding", line, 1, offset, values={"encoding": shown})


def _first_foreign(data: bytes) -> int:
    match = re.search(rb"[\x80-\xff]", data)
    return match.start() if match else 0


def _wide(head: bytes) -> str | None:
    """UTF-16 or 32 without a byte order mark, told by where the zero bytes are."""
    sample = head[:4096]
    quarter = len(sample) // 4
    if quarter < 1 or b"\0" not in sample:
        return None
    zeros = [sample[place::4].count(0) for place in range(4)]
    if quarter >= 4 and not len(head) % 4:
        if min(zeros[2], zeros[3]) > 0.9 * quarter and zeros[0] < 0.05 * quarter + 1:
            return "utf-32-le"
        if min(zeros[0], zeros[1]) > 0.9 * quarter and zeros[3] < 0.05 * quarter + 1:
            return "utf-32-be"
    even, odd, half = zeros[0] + zeros[2], zeros[1] + zeros[3], 2 * quarter
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _controls(sample: bytes) -> int:
    return len(sample) - len(sample.translate(None, _CONTROLS))


def _has_row(head: bytes) -> bool:
    """Whether any line is a JSON object, whatever the others are."""
    for line in head.split(b"\n")[:1000]:
        if line.lstrip().startswith(b"{"):
            try:
                orjson.loads(line)
            except ValueError:
                continue
            return True
    return False


def guess_encoding(data: bytes) -> str:
    """Return the encoding of text: UTF-8 wherever most non-ASCII lines are; else the one that reads plausibly."""
    if data.isascii():
        return "utf-8"
    good = 0
    foreign = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines):
        if line.isascii():
            continue
        try:
            # The last line may be cut in the middle of a character, as may the first one.
            codecs.getincrementaldecoder("utf-8")().decode(line, number < len(lines) - 1)
            good += 1
        except UnicodeDecodeError:
            foreign.append(line)
    text_of = b"\n".join(foreign[:2000])
    # Within the lines that are not UTF-8: more whole characters of it than stray bytes means a few broken ones.
    whole = _UTF8.findall(text_of)
    stray = len(text_of.translate(None, _ASCII)) - sum(map(len, whole))
    if good >= len(foreign) or len(whole) >= stray:
        return "utf-8"
    for decoder, letters, encoding in _EAST:
        text = _decoded(text_of, decoder)
        wide = [c for c in text if ord(c) > 127]
        if wide and len(letters.findall("".join(wide))) >= 0.8 * len(wide):
            return encoding
    text = _decoded(text_of, "cp1252")
    # Western text has accented letters next to plain ones, on most of its lines; random bytes do not.
    western = re.findall(r"[a-zA-Z][à-ÿÀ-ß]|[à-ÿÀ-ß][a-zA-Z]|[‘’“”–—…]", text)
    return "cp1252" if len(western) >= len(foreign) else "utf-8"


def _decoded(data: bytes, encoding: str) -> str:
    """The text, allowing for a character cut in two at the end; "" if it is not in this encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, False)
    except UnicodeDecodeError:
        return ""
