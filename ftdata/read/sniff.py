"""What a file is, by its content: compression, encoding and container. The name is only compared with it."""

from __future__ import annotations

import atexit
import contextlib
import csv
import io
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import orjson

from ftdata.errors import ReadError
from ftdata.read.encodings import find_encoding
from ftdata.read.inputs import Input
from ftdata.read.streams import CutOff, raw_blocks
from ftdata.types import Fault

HEAD = 1 << 20
MAGIC = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"), (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"), (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a SQLite database"), (b"ARROW1", "an Arrow file"), (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"\x89HDF", "an HDF5 file"), (b"BZh", "a bzip2 file"), (b"\xfd7zXZ", "an xz file"), (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"), (b"RIFF", "a sound or a film"), (b"ID3", "a sound"), (b"GGUF", "a GGUF model"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"), (b"\x93NUMPY", "a numpy array"),
)  # fmt: skip
NAMES = {
    "jsonl": (".jsonl", ".ndjson"), "json-array": (".json", ".jsonl", ".ndjson"), "json-objects": (".json", ".jsonl", ".ndjson"),
    "csv": (".csv",), "tsv": (".tsv",), "parquet": (".parquet",),
}  # fmt: skip
PROSE = {
    ".md": "a Markdown text", ".rst": "a text", ".py": "a Python program", ".yaml": "a YAML file", ".yml": "a YAML file",
    ".toml": "a TOML file", ".sh": "a shell script", ".ipynb": "a notebook", ".log": "a log", ".xml": "XML", ".html": "HTML",
}  # fmt: skip
TITLES = {
    "jsonl": "JSON Lines", "json-array": "a JSON array", "json-objects": "pretty-printed JSON objects", "csv": "CSV",
    "tsv": "TSV", "parquet": "Parquet",
}  # fmt: skip


def open_input(path: str) -> Input:
    """Look at a file and say how to read it. Raises ReadError that names what the file is, if it is no data."""
    shown, file = _on_disk(path)
    item = Input(shown, file, "", size=Path(file).stat().st_size)
    head = _head(item)
    if not head:
        raise ReadError("the file is empty", "Check the export that wrote it.")
    if head[:2] == b"\x1f\x8b":
        item = replace(item, compression="gz")
    elif head[:4] == b"\x28\xb5\x2f\xfd":
        item = replace(item, compression="zst")
    if item.compression:
        head = _head(item)
        if not head:
            raise ReadError(f"the {item.compression} file holds nothing", "Was it cut off? Compress or download it again.")
    if head[:4] == b"PAR1":
        if item.compression:
            raise ReadError("a compressed Parquet file", "Parquet is compressed inside; decompress the file first.")
        return _named(replace(item, container="parquet"))
    _refuse_other_files(head)
    item, text = find_encoding(item, head)
    if not text.strip("\ufeff \t\r\n"):
        raise ReadError("the file is empty: it holds only white space", "Check the export that wrote it.")
    _refuse_other_texts(text)
    return _named(_with_container(item, text))


def _on_disk(path: str) -> tuple[str, str]:
    if path == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise ReadError("standard input is closed", "Pipe data into ftdata, or name a file.")
        return "<stdin>", _spool(sys.stdin.buffer)
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise ReadError("is a folder", "Name the files in it, or give the folder itself to ftdata.")
        if stat.S_ISFIFO(mode):
            with Path(path).open("rb") as pipe:
                return shown, _spool(pipe)
        if not stat.S_ISREG(mode):
            raise ReadError("is a device, not a file", "Name a file.")
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror})", "Check the path and its permissions.") from None
    except ValueError:
        raise ReadError("is no possible path: it holds a NUL character", "Check the path.") from None
    return shown, path


def _spool(stream: BinaryIO) -> str:
    handle, name = tempfile.mkstemp(prefix="ftdata-stdin-")
    atexit.register(_remove, name)
    try:
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        raise ReadError(f"standard input cannot be kept ({error.strerror})", "Free some space in the temporary folder.") from None
    return name


def _head(item: Input) -> bytes:
    out = bytearray()
    try:
        for block in raw_blocks(item):
            out += block
            if len(out) >= HEAD:
                break
    except CutOff:
        pass
    return bytes(out[:HEAD])


def _refuse_other_files(head: bytes) -> None:
    for magic, what in MAGIC:
        if head.startswith(magic) and not (magic in (b"BZh", b"ID3", b"RIFF", b"GGUF", b"Rar!") and b"\0" not in head[:64]):
            raise ReadError(f"is {what}, not data that ftdata reads", "Give JSONL, JSON, CSV, TSV or Parquet.")
    if re.match(rb"\x80[\x02-\x05].", head, re.S):
        raise ReadError("is a Python pickle", "ftdata never loads pickles: they can run code. Export the data as JSONL.")
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30 and head[4:8] == b"\0\0\0\0":
        raise ReadError("is a safetensors file: model weights", "Give the data, not the model.")


def _refuse_other_texts(text: str) -> None:
    start = text.lstrip("\ufeff \t\r\n")[:400]
    lowered = start.lower()
    if start.startswith("version https://git-lfs.github.com/spec/"):
        raise ReadError("is a Git LFS pointer, not the data", "Fetch the data: `git lfs pull`.")
    if lowered.startswith(("<!doctype html", "<html")):
        raise ReadError("is an HTML page", "A download that needed a login? Open it in an editor to see.")
    if lowered.startswith("<?xml") or (re.match(r"<[a-z]+[ >]", lowered) and "</" in text[:4000] and "{" not in start):
        raise ReadError("is XML", "Convert it to JSONL first.")


def _with_container(item: Input, text: str) -> Input:
    if "\n" not in text and "\r" in text.rstrip("\r"):
        item = replace(item, newline="\r")
    text = text.lstrip("\ufeff")
    lines = re.split(r"\r\n|\n|\r", text)[:2000]
    filled = [line.strip() for line in lines if line.strip()]
    content = [line for line in filled if not line.startswith(("#", "//"))]
    first = content[0] if content else ""
    sample = content[:200]
    objects = sum(_is_object(line) for line in sample)
    if first.startswith("[") and not _is_json(first) and not _is_broken_line(first, sample, objects):
        return replace(item, container="json-array")
    if first.startswith("[") and len(filled) == 1:
        return replace(item, container="json-array")
    if _is_json(first) and first[:1] in "[{":
        return replace(item, container="jsonl")
    if first == "{" or (first.startswith("{") and _spans_lines(text[text.index("{") :])):
        return replace(item, container="json-objects")
    if objects:
        return replace(item, container="jsonl")
    if first.startswith("{"):
        opens = sum(line.startswith("{") and len(line) > 1 for line in lines)
        return replace(item, container="jsonl" if opens > 1 or len(filled) == 1 else "json-objects")
    return _table(item, text, filled)


def _is_broken_line(first: str, sample: list[str], objects: int) -> bool:
    """Whether a line that starts with a bracket is a broken one of JSON Lines, not the beginning of an array."""
    inside = sum(line.endswith(",") and _is_object(line[:-1]) for line in sample)
    return objects > max(1, inside) and first != "[" and not _is_object(first[1:].strip().rstrip(","))


def _spans_lines(text: str) -> bool:
    """Whether the first JSON value reads well and ends on a later line than it starts."""
    try:
        _, end = json.JSONDecoder(strict=True).raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end] or "\r" in text[:end]


def _is_json(line: str) -> bool:
    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True


def _is_object(line: str) -> bool:
    return line.startswith("{") and line.endswith("}") and _is_json(line)


def _table(item: Input, text: str, lines: list[str]) -> Input:
    """Take the file as CSV or TSV if its columns agree; say what it looks like if not."""
    extension = Path(item.path.lower().removesuffix(".gz").removesuffix(".zst")).suffix
    whole = text[: text.rfind("\n") + 1] if len(text) >= HEAD // 2 and "\n" in text else text
    best: tuple[float, str, list[list[str]]] | None = None
    if extension in PROSE:
        raise ReadError(f"is {PROSE[extension]}, not data", "Give JSONL, JSON, CSV, TSV or Parquet.")
    for delimiter in ("\t", ",", ";", "|"):
        rows = _cells(whole, delimiter)
        widths = [len(row) for row in rows if row]
        if not widths or max(widths) < 2:
            continue
        usual = max(set(widths), key=widths.count)
        share = widths.count(usual) / len(widths)
        if usual >= 2 and (best is None or share > best[0] + 0.05):
            best = (share, delimiter, rows)
    if best is None or (best[0] < 0.6 and extension not in (".csv", ".tsv")):
        if extension in (".csv", ".tsv"):
            best = (1.0, "\t" if extension == ".tsv" else ",", _cells(whole, ","))
        else:
            start = lines[0][:60] if lines else ""
            raise ReadError(
                f"is neither JSON nor a table: it starts with {start!r}",
                "Give JSONL, JSON, CSV, TSV or Parquet; a format ftdata should know? Tell us.",
            )
    _, delimiter, rows = best
    header = rows[0]
    faults = item.faults
    columns = tuple(header)
    if not all(re.fullmatch(r"[^\W\d][\w .\-/]{0,39}", cell.strip()) for cell in header) or len(set(header)) < len(header):
        columns = tuple(f"column_{number + 1}" for number in range(len(header)))
        faults = (*faults, Fault("missing-header", 1, 1, 0))
    container = "tsv" if delimiter == "\t" else "csv"
    return replace(item, container=container, delimiter=delimiter, columns=columns, faults=faults)


def _cells(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(1 << 30)
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) >= 500:
                break
    except csv.Error:
        pass
    return rows


def _named(item: Input) -> Input:
    """Compare the content with the name."""
    faults = list(item.faults)
    name = Path(item.path).name.lower()
    for end in (".gz", ".zst", ".zstd"):
        name = name.removesuffix(end)
    known = {extension for extensions in NAMES.values() for extension in extensions}
    extension = Path(name).suffix
    if item.container in ("json-array", "json-objects"):
        # In a .json file an array is what the name says; some targets read line by line all the same.
        rule = "json-container" if extension == ".json" else "not-json-lines"
        faults.append(Fault(rule, 1, 1, 0, values={"container": TITLES[item.container]}))
    if item.path != "<stdin>" and extension in known and extension not in NAMES[item.container]:
        faults.append(Fault("wrong-extension", 1, 1, 0, values={"container": TITLES[item.container]}))
    return replace(item, faults=tuple(faults))


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        Path(name).unlink()
