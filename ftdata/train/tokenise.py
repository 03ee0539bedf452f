"""Texts with spans become token ids with a mask, by the offsets of the tokenizer; control tokens come from the template alone.

Nothing is added by the tokenizer: the template writes its BOS itself, as at inference (``apply_chat_template`` of transformers
5.23.0 encodes with ``add_special_tokens=False``, read 2026-11-23), so none is doubled.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import le
from pathlib import Path
from typing import Any

from ftdata.errors import FtdataError, MissingExtra
from ftdata.template.special import SpecialTokens

Span = tuple[int, int]


@dataclass(slots=True)
class Encoded:
    """The tokens of a text: ``ids`` and ``trained`` of equal length, ``starts`` the first character of each token.

    ``crossing`` counts tokens that reach over an edge of a span; they are not trained. ``problem`` says why the tokens cannot be
    relied upon, where that is so.
    """

    ids: list[int]
    trained: list[bool]
    starts: list[int]
    crossing: int = 0
    problem: str | None = None


@dataclass(slots=True)
class Plain:
    """Places of a text that spell a control token and are to be ordinary text. ``probe`` is the same text with letters there."""

    spans: list[Span]
    probe: str = ""
    probe_spans: list[Span] = field(default_factory=list)


class Tokens:
    """One tokenizer. Raises FtdataError for a file that is none, MissingExtra without the tokenizers package."""

    def __init__(self, path: Path, more_special: Sequence[str] = ()) -> None:
        self._path = path
        self.tokenizer = _load(path)
        added = self.tokenizer.get_added_tokens_decoder()
        texts = {token.content for token in added.values() if token.special}
        self.special_texts = tuple(sorted(texts | set(more_special)))
        self.special = SpecialTokens(self.special_texts)
        self._numbers = {number for number, token in added.items() if token.special}
        self._all = self._numbers | {self.tokenizer.token_to_id(text) for text in more_special}
        # Spellings of a token that are only one once the tokenizer has normalised the text.
        self._normalised = self.tokenizer.normalizer is not None and any(
            token.special and token.normalized for token in added.values()
        )
        self._without: Any = None

    def control(self, text: str) -> str | None:
        """A control token that the tokenizer would make of a text of the data, or ``None``."""
        found = next(self.special.find(text), None)
        if found is not None:
            return found[0]
        if self._normalised and text:
            for number in self.tokenizer.encode(text, add_special_tokens=False).ids:
                if number in self._numbers:
                    return str(self.tokenizer.id_to_token(number))
        return None

    def encode(self, texts: Sequence[tuple[str, Sequence[Span], Plain | None]]) -> list[Encoded]:
        """Encode texts, each with its trained spans, in one batch."""
        if not texts:
            return []
        made = self.tokenizer.encode_batch([text for text, _, _ in texts], add_special_tokens=False)
        return [
            _masked(text, spans, whole.ids, whole.offsets) if plain is None else self._literally(text, spans, plain)
            for (text, spans, plain), whole in zip(texts, made, strict=True)
        ]

    def _literally(self, text: str, spans: Sequence[Span], plain: Plain) -> Encoded:
        """Encode piece by piece between the template's control tokens, pieces of the data without control tokens.

        That this is how the tokenizer itself goes about it is checked on the same text with letters in the place of each.
        """
        ids, offsets = self._pieces(plain.probe, plain.probe_spans, False)
        whole = self.tokenizer.encode(plain.probe, add_special_tokens=False)
        if ids != whole.ids or offsets != whole.offsets:
            words = "a text of the data spells a control token, and this tokenizer has no exact way of reading it as text"
            return Encoded([], [], [], problem=words)
        made = _masked(text, spans, *self._pieces(text, plain.spans, True))
        if any(
            number in self._all and any(start <= at < end for start, end in plain.spans)
            for number, at in zip(made.ids, made.starts, strict=True)
        ):
            made.problem = "a text of the data spells a control token that this tokenizer always reads as one"
        return made

    def _pieces(self, text: str, plain: Sequence[Span], literally: bool) -> tuple[list[int], list[Span]]:
        if self._without is None:
            self._without = _load(self._path)
            self._without.encode_special_tokens = True
        ids: list[int] = []
        offsets: list[Span] = []
        at = 0
        inside = {start for start, _ in plain}
        control = [(place, place + len(token)) for token, place in self.special.find(text) if place not in inside]
        for start, end in [*control, (len(text), len(text))]:
            held = [span for span in plain if at <= span[0] < start]
            for low, high, tokenizer in (
                (at, start, self._without if held and literally else self.tokenizer),
                (start, end, self.tokenizer),
            ):
                made = tokenizer.encode(text[low:high], add_special_tokens=False) if low < high else None
                ids += made.ids if made is not None else []
                offsets += [(low + left, low + right) for left, right in made.offsets] if made is not None else []
            at = end
        return ids, offsets


def _masked(text: str, spans: Sequence[Span], ids: list[int], offsets: list[Span]) -> Encoded:
    """A token is trained where all its characters are in a span; one that reaches over an edge is of what stands before.

    Inference has the whole prompt before the first token that the model writes: a token of which a part is the prompt's is none
    that it writes.
    """
    starts = [left for left, _ in offsets]
    if not all(map(le, starts, starts[1:])):
        return Encoded([], [], [], problem="the tokenizer does not say in order where its tokens stand in the text")
    ends = [0, *(right for _, right in offsets)]
    gaps = (text[low:high].strip() for low, high in zip(ends, [*starts, len(text)], strict=True) if low < high)
    lost = next(filter(None, gaps), None)
    if lost:
        return Encoded([], [], [], problem=f"the tokenizer has no token for {lost[:20]!r}: it leaves it out")
    trained = [False] * len(ids)
    crossing = 0
    for start, end in spans:
        first, last = bisect_left(starts, start), bisect_left(starts, end)
        crossing += first > 0 and offsets[first - 1][1] > start
        while last > first and offsets[last - 1][1] > end:
            last -= 1
            crossing += 1
        trained[first:last] = [True] * (last - first)
    return Encoded(ids, trained, starts, crossing)


def _load(path: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("training tokens need the tokenizers package", "pip install 'ftdata[template]'") from None
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise FtdataError(f"{path}: is no tokenizer that can be read ({str(error)[:200]})", "Save the tokenizer anew.") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # It adds tokens, which is not wanted, and ByteLevel's takes the leading space out of a token's offsets.
    try:
        tokenizer.post_processor = None
    except TypeError:
        from tokenizers import processors

        tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False)
    return tokenizer
