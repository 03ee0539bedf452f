"""Exact token counts, offline: bundled OpenAI encodings, or a tokenizer file that the user names.

Nothing here touches the network. Text that spells a special token is counted as ordinary text, since a
linter has to count the samples that hold such text too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import tempfile
import zlib
from binascii import a2b_base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ftdata.errors import FtdataError, MissingTokenizer, suggest

if TYPE_CHECKING:
    from ftdata.measure.bpe import PieceCounter

BUNDLED = ("o200k_base", "cl100k_base")

# The kernel costs 0.4 s to load, 3 s the first time on a machine; tiktoken counts 10 to 25 MB a second.
_KERNEL_BYTES = 16 << 20
_COMPILE_BYTES = 128 << 20
# Up to here a tokenizer made for these texts alone starts in 30 ms, where the whole one takes 140.
_FEW_CHARACTERS = 1 << 16
_FEW_SUBSTRINGS = 300_000
_FEW_CALLS = 3
_LONGEST_TOKEN = 128  # bytes, in both bundled encodings
# tiktoken's pattern overflows a stack, and panics, on about 700,000 spaces or tabs in a row. Python takes
# \x1c to \x1f for white space, tiktoken does not.
_LONG = 200_000
_SPACE_RUN = re.compile(r"[^\S\r\n\x1c-\x1f]{64,}+")


class Tokenizer(Protocol):
    """What counts tokens; `name` says which tokenizer the numbers are of."""

    name: str

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the exact number of tokens of each text."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the token ids of one text."""
        ...


# --- OpenAI model names ---------------------------------------------------------------------------

_MODELS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:{names})(?=-|\.ft-|$)"), encoding)
    for names, encoding in (
        (r"gpt-oss", "o200k_harmony"),
        (r"chatgpt-4o|gpt-4o|gpt-4\.[15]|gpt-5(?:\.\d+)?|o[134]", "o200k_base"),
        (r"gpt-4|gpt-3\.5|gpt-35|davinci-002|babbage-002|text-embedding", "cl100k_base"),
    )
)


def encoding_for_model(model: str) -> str | None:
    """Return the encoding that an OpenAI model counts with, or None for a name we do not know.

    A fine-tuned model counts with its base model's encoding; tiktoken's own look-up takes the prefix
    `ft:gpt-4` and answers cl100k_base for `ft:gpt-4.1-mini`, whose base model counts with o200k_base.
    """
    base = model.strip().removeprefix("openai/")
    if base.startswith("ft:"):
        base = base.split(":")[1]
    return next((encoding for pattern, encoding in _MODELS if pattern.match(base)), None)


# --- Encodings ------------------------------------------------------------------------------------

_R50K_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
_CL100K_PATTERN = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
    r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
)
_O200K_PATTERN = "|".join(
    (
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"""
        r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"""
        r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""\p{N}{1,3}""",
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
        r"""\s*[\r\n]+""",
        r"""\s+(?!\S)""",
        r"""\s+""",
    )
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The constants of one OpenAI encoding: its rank file, the file's SHA-256 and its split pattern."""

    file: str
    sha256: str
    pattern: str
    packed_sha256: str = ""


_O200K = Encoding(
    "o200k_base",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    _O200K_PATTERN,
    packed_sha256="2389893ec9091bbd4f21a3a65be87b3e5eeeab662157f16c65d7706b4c892338",
)
_R50K = Encoding("r50k_base", "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930", _R50K_PATTERN)
_P50K = Encoding("p50k_base", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069", _R50K_PATTERN)
ENCODINGS: dict[str, Encoding] = {
    "o200k_base": _O200K,
    "o200k_harmony": _O200K,
    "cl100k_base": Encoding(
        "cl100k_base",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        _CL100K_PATTERN,
        packed_sha256="db57ebf8a1ae3bb1cc29f10c1b3403b06a0a5689bd9651ead468bb81dc612217",
    ),
    "r50k_base": _R50K,
    "gpt2": _R50K,
    "p50k_base": _P50K,
    "p50k_edit": _P50K,
}


def read_tokens(encoding: Encoding) -> list[bytes]:
    """Return the tokens of a bundled encoding in rank order, each rank being its index.

    A copy in the user's cache that only has to be split saves 50 ms of every start; it is used only where
    its SHA-256 is the one known here, and written again otherwise.
    """
    cached = _cache_folder() / f"{encoding.file}.tokens"
    packed = b""
    with suppress(OSError):
        packed = cached.read_bytes()
    if hashlib.sha256(packed).hexdigest() == encoding.packed_sha256:
        return _unpack(packed)
    tokens = list(map(a2b_base64, _read_bundled(encoding).split()[::2]))
    with suppress(OSError):
        _write_whole(cached, _pack(tokens))
    return tokens


def _read_bundled(encoding: Encoding) -> bytes:
    try:
        content = zlib.decompress((resources.files("ftdata") / "_vocab" / f"{encoding.file}.tiktoken.gz").read_bytes(), 31)
    except (OSError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != encoding.sha256:
        raise FtdataError(
            f"the bundled vocabulary {encoding.file}.tiktoken.gz is damaged: its SHA-256 is wrong",
            hint="Install ftdata again: pip install --force-reinstall ftdata",
        )
    return content


def _pack(tokens: list[bytes]) -> bytes:
    """Return the 256 single bytes, then the longer tokens between bytes 0xFF, which none of them holds."""
    return b"".join(tokens[:256]) + b"\xff".join(tokens[256:])


def _unpack(packed: bytes) -> list[bytes]:
    return [packed[i : i + 1] for i in range(256)] + packed[256:].split(b"\xff")


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "ftdata"


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _read_tiktoken_cache(encoding: Encoding, name: str) -> bytes:
    """Return a rank file that tiktoken downloaded earlier; never download one."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder is None:
        folder = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    url = f"https://openaipublic.blob.core.windows.net/encodings/{encoding.file}.tiktoken"
    cached = Path(folder) / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    content = b""
    if folder:
        try:
            content = cached.read_bytes()
        except OSError:
            content = b""
    if hashlib.sha256(content).hexdigest() != encoding.sha256:
        raise MissingTokenizer(
            f"encoding {name} is not at hand",
            hint=f"Put it into tiktoken's cache once: "
            f"python -c \"import tiktoken; tiktoken.get_encoding('{name}')\" "
            f"(downloads; ftdata itself never does), or use one of {', '.join(BUNDLED)}.",
        )
    return content


def _parse_ranks(content: bytes) -> dict[bytes, int]:
    fields = content.split()
    return dict(zip(map(a2b_base64, fields[::2]), map(int, fields[1::2]), strict=True))


def _scrub(text: str) -> str:
    """Return the text with lone surrogates replaced, as tiktoken does: UTF-8 cannot hold them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class TiktokenTokenizer:
    """Counts with tiktoken's own compiled loop, built from ranks that are already on this machine."""

    def __init__(self, name: str, pattern: str, read_ranks: Callable[[], dict[bytes, int]], first_id: int = 0) -> None:
        self.name = name
        self._pattern = pattern
        self._read_ranks = read_ranks
        self._first_id = first_id
        self._built: Any = None

    @property
    def _core(self) -> Any:
        if self._built is None:
            self._built = _core_bpe(self._read_ranks(), self._pattern)
        return self._built

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the exact number of tokens of each text; a repeated text is counted once."""
        counts = {text: len(self._encode(text)) for text in dict.fromkeys(texts)}
        return [counts[text] for text in texts]

    def encode(self, text: str) -> list[int]:
        """Return the token ids of one text."""
        tokens = self._encode(text)
        return [token + self._first_id for token in tokens] if self._first_id else tokens

    def _encode(self, text: str) -> list[int]:
        try:
            tokens: list[int] = self._core.encode_ordinary(text)
        except UnicodeEncodeError:
            tokens = self._core.encode_ordinary(_scrub(text))
        except BaseException as error:  # what Rust's panics become is no Exception
            if type(error).__name__ != "PanicException":
                raise
            raise FtdataError(
                f"tiktoken cannot count a text of {len(text):,} characters, {text[:20]!r}... ({error})",
                hint="Look for a very long run of white space in it, or leave the sample out.",
            ) from None
        return tokens


class BundledTokenizer(TiktokenTokenizer):
    """Counts with a bundled encoding: tiktoken for little text, the compiled kernel for much.

    Both give the same numbers; where numba is not installed it is tiktoken always.
    """

    def __init__(self, name: str) -> None:
        self._encoding = ENCODINGS[name]
        super().__init__(name, self._encoding.pattern, self._ranks)
        self._expected = 0
        self._threads = 1
        self._counted = 0
        self._small_calls = 0
        self._held: list[bytes] = []
        self._kernel: PieceCounter | None = None
        self._kernel_fails = sys.byteorder != "little"

    def _take_tokens(self) -> list[bytes]:
        """Return the vocabulary, and keep it no longer: what is built of it holds its own copy."""
        tokens, self._held = self._held or read_tokens(self._encoding), []
        return tokens

    def _ranks(self) -> dict[bytes, int]:
        tokens = self._take_tokens()
        return dict(zip(tokens, range(len(tokens)), strict=True))

    def prepare(self, total_bytes: int, threads: int = 1) -> None:
        """Say how much text the run will count, so that the faster way is chosen from the first text on.

        Threads are for a caller with one process: the kernel runs without the interpreter's lock.
        """
        self._expected = total_bytes
        self._threads = threads

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the exact number of tokens of each text; where many texts repeat, each is counted once."""
        characters = sum(map(len, texts))
        self._counted += characters
        if self._kernel is None and max(self._expected, self._counted) >= _KERNEL_BYTES:
            self._start_kernel()
        if self._kernel is not None:
            return self._count_with(self._kernel, texts)
        if self._built is None and characters <= _FEW_CHARACTERS and self._small_calls < _FEW_CALLS:
            self._small_calls += 1
            self._held = self._held or read_tokens(self._encoding)
            ranks = _ranks_within(texts, self._held)
            if ranks is not None:
                return TiktokenTokenizer(self.name, self._pattern, lambda: ranks).count(texts)
        return super().count(texts)

    def _count_with(self, kernel: PieceCounter, texts: Sequence[str]) -> list[int]:
        sample = texts[:: max(1, len(texts) // 1000)]
        if len(set(sample)) > 0.9 * len(sample):
            return kernel.count_strings(texts, self._threads)
        distinct = list(dict.fromkeys(texts))
        counts = dict(zip(distinct, kernel.count_strings(distinct, self._threads), strict=True))
        return [counts[text] for text in texts]

    def _encode(self, text: str) -> list[int]:
        if len(text) > _LONG:
            for start, stop in (run.span() for run in _SPACE_RUN.finditer(text)):
                # A line break after the run, and in cl100k the end of the text, match without the overflow.
                after = text[stop : stop + 1]
                if stop - start > _LONG and after not in ("\r", "\n") and (after or self._encoding is _O200K):
                    return self._encode_around(text, start, stop)
        return super()._encode(text)

    def _encode_around(self, text: str, start: int, stop: int) -> list[int]:
        """Encode a text with so long a run of spaces that tiktoken's pattern would panic on it.

        Both patterns make one piece of the run, less its last character where more text follows. So the
        run is encoded as a piece of its own, and stands for one space in the text encoded without it.
        """
        last = stop if stop == len(text) else stop - 1
        short = text[:start] + " " + text[last:]
        tokens = self._encode(short)
        before = len(_valid(text[:start]).encode())
        at = 0
        while before > 0:
            before -= len(self._core.decode_single_token_bytes(tokens[at]))
            at += 1
        whole = _core_bpe(self._read_ranks(), r"(?s:.+)")
        return [*tokens[:at], *whole.encode_ordinary(text[start:last]), *tokens[at + 1 :]]

    def _start_kernel(self) -> None:
        if self._kernel_fails:
            return
        try:
            from ftdata.measure import bpe
        except (ImportError, RuntimeError):  # no numba, or nowhere to keep what it compiles
            self._kernel_fails = True
            return
        if bpe.is_compiled() or max(self._expected, self._counted) >= _COMPILE_BYTES:
            self._kernel = bpe.PieceCounter(self._take_tokens(), self._encoding.file == "o200k_base")


def _ranks_within(texts: Sequence[str], tokens: list[bytes]) -> dict[bytes, int] | None:
    """Return the ranks of the tokens that occur in the texts, or None where finding them is no gain.

    Merging a piece only ever looks up parts of that piece, so other tokens cannot change a count. And no
    piece goes from a character that is not white space on to a space: there the texts can be cut.
    """
    parts = {part for text in map(_valid, texts) for part in re.split(r"(?<=\S)(?= )", text)}
    encoded = [part.encode() for part in parts]
    if sum(len(part) * min(len(part), _LONGEST_TOKEN) // 2 for part in encoded) > _FEW_SUBSTRINGS:
        return None
    found: set[bytes] = set()
    for part in encoded:
        size = len(part)
        for i in range(size - 1):
            found.update([part[i:j] for j in range(i + 2, min(size, i + _LONGEST_TOKEN) + 1)])
    ranks = dict(zip(tokens[:256], range(256), strict=True))
    ranks.update((token, rank) for rank, token in enumerate(tokens) if token in found)
    return ranks


def _core_bpe(ranks: dict[bytes, int], pattern: str) -> Any:
    from tiktoken import _tiktoken  # type: ignore[attr-defined]

    return _tiktoken.CoreBPE(ranks, {}, pattern)


class HuggingFaceTokenizer:
    """Counts with a `tokenizer.json`, without the special tokens that its post-processor would add."""

    def __init__(self, name: str, path: Path) -> None:
        try:
            import tokenizers
        except ImportError:
            raise MissingTokenizer(
                f"{path} needs the tokenizers package", hint="Install it: pip install ftdata[tokenizers]"
            ) from None
        self.name = name
        try:
            self._inner: Any = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises a bare Exception for any broken file
            raise FtdataError(
                f"{path}: not a tokenizer.json that can be loaded ({error})",
                hint="Save it again with tokenizer.save_pretrained(), or name another tokenizer.",
            ) from error
        self._inner.no_truncation()
        self._inner.no_padding()
        self._inner.encode_special_tokens = True

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the exact number of tokens of each text; a repeated text is counted once."""
        distinct = list(dict.fromkeys(texts))
        encoded = self._inner.encode_batch_fast([_valid(text) for text in distinct], add_special_tokens=False)
        counts = dict(zip(distinct, map(len, encoded), strict=True))
        return [counts[text] for text in texts]

    def encode(self, text: str) -> list[int]:
        """Return the token ids of one text."""
        ids: list[int] = self._inner.encode(_valid(text), add_special_tokens=False).ids
        return ids


def _valid(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return _scrub(text)
    return text


# --- Loading --------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def load_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer of that name or path, or raise MissingTokenizer; never download one."""
    if name in ENCODINGS:
        return _load_encoding(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return _load_folder(path)
    if path.is_file():
        return _load_file(path)
    raise MissingTokenizer(
        f"tokenizer {name!r} is neither an encoding nor a path.{suggest(name, ENCODINGS)}",
        hint=f"Use {' or '.join(BUNDLED)}, a tokenizer.json, or a model folder that holds one.",
    )


def _load_encoding(name: str) -> Tokenizer:
    encoding = ENCODINGS[name]
    if encoding.file in BUNDLED:
        return BundledTokenizer(name)
    content = _read_tiktoken_cache(encoding, name)
    return TiktokenTokenizer(name, encoding.pattern, lambda: _parse_ranks(content))


def _load_folder(folder: Path) -> Tokenizer:
    for name in ("tokenizer.json", "tekken.json"):
        if (folder / name).is_file():
            return _load_file(folder / name)
    raise MissingTokenizer(
        f"{folder} holds no tokenizer.json",
        hint="Save a fast tokenizer there: AutoTokenizer.from_pretrained(...).save_pretrained(folder).",
    )


def _load_file(path: Path) -> Tokenizer:
    name = f"{path.name} of {path.parent.resolve().name}"
    if path.suffix == ".tiktoken":
        return _load_rank_file(path)
    if path.name.startswith("tekken"):
        return _load_tekken(path, name)
    return HuggingFaceTokenizer(name, path)


def _load_rank_file(path: Path) -> Tokenizer:
    """Return the encoding whose rank file this is; ranks alone do not say how text is split."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    encoding = next((known for known in ENCODINGS.values() if known.sha256 == digest), None)
    if encoding is not None:
        return TiktokenTokenizer(encoding.file, encoding.pattern, lambda: _parse_ranks(content))
    raise MissingTokenizer(
        f"{path} holds ranks of an encoding that ftdata does not know, and no pattern that splits text",
        hint="Name the model's tokenizer.json instead.",
    )


def _load_tekken(path: Path, name: str) -> Tokenizer:
    """Return Mistral's Tekken tokenizer, which is a pattern and ranks in one JSON file."""
    try:
        model = json.loads(path.read_bytes())
        special = int(model["config"]["default_num_special_tokens"])
        size = int(model["config"]["default_vocab_size"]) - special
        ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in model["vocab"][:size]}
        tokenizer = TiktokenTokenizer(name, model["config"]["pattern"], lambda: ranks, special)
        tokenizer.encode("")
    except (ValueError, KeyError, TypeError) as error:
        raise FtdataError(f"{path}: not a tekken.json that can be loaded ({error!r})") from error
    return tokenizer
