"""Samples become token ids with a mask of what is trained: assistant turns with a weight, and nothing else.

Texts are rendered in the sandbox of ``ftdata.template``; where the trained text stands is found in ``ftdata.train.routes``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from ftdata.errors import FtdataError, MissingExtra
from ftdata.formats import sample_id
from ftdata.template import ModelFolder, Renderer, read_model_folder, to_messages
from ftdata.template.messages import as_dicts
from ftdata.template.special import SpecialTokens
from ftdata.train.routes import Route, Text, Turns, Unverified, conversation, find_texts
from ftdata.types import Sample

TooLong = Literal["refuse", "drop-turns"]
_AT_ONCE = 128


@dataclass(slots=True)
class TrainingSequence:
    """One training sequence of a sample. ``ids`` and ``trained`` are of equal length; ``spans`` are characters of ``text``.

    ``route`` is how the trained text was found, ``turns`` which turns it is (from 0), ``dropped_turns`` how many turns were left
    out because the sample was too long, ``notes`` what is worth knowing and not wrong.
    """

    sample: str
    ids: list[int]
    trained: list[bool]
    text: str
    spans: list[tuple[int, int]]
    route: Route
    turns: tuple[int, ...]
    dropped_turns: int = 0
    notes: list[str] = field(default_factory=list)

    def parts(self) -> list[tuple[str, bool]]:
        """The text in order, each part with whether it is trained."""
        found: list[tuple[str, bool]] = []
        at = 0
        for start, end in self.spans:
            found += [(self.text[at:start], False), (self.text[start:end], True)]
            at = end
        found.append((self.text[at:], False))
        return [part for part in found if part[0]]

    @property
    def n_trained(self) -> int:
        """Tokens that are trained. The first token never is: nothing predicts it."""
        return sum(self.trained[1:])


@dataclass(slots=True)
class Refusal:
    """A sample that cannot be trained on, and why, in words without the place."""

    sample: str
    reason: str


Outcome = list[TrainingSequence] | Refusal


class Masker:
    """Makes training sequences with one model's template and tokenizer. A context manager: the template runs in a process.

    ``model`` is a model folder, or the path of one; ``template`` a Jinja text or file that takes its template's place.
    ``max_tokens`` is the longest sequence; a longer sample is refused, or with ``drop-turns`` loses whole turns after the system
    turn, the oldest first, as long as an answer remains. Raises FtdataError for a folder without template or tokenizer, MissingExtra
    without jinja2 or tokenizers.
    """

    def __init__(
        self,
        model: ModelFolder | str | Path,
        *,
        template: str | Path | None = None,
        max_tokens: int | None = None,
        too_long: TooLong = "refuse",
    ) -> None:
        self.folder = model if isinstance(model, ModelFolder) else read_model_folder(model)
        if self.folder.tokenizer_file is None:
            raise FtdataError(
                f"{self.folder.path}: there is no tokenizer.json",
                "Save it: AutoTokenizer.from_pretrained(...).save_pretrained(folder).",
            )
        self.tokenizer = _load(self.folder.tokenizer_file)
        self.max_tokens, self.too_long = max_tokens, too_long
        text = _template(template)
        self.renderer = Renderer(text, variables=self.folder.variables) if text is not None else Renderer(self.folder)
        self.special = SpecialTokens(self.folder.special_tokens)
        self.stops = self.folder.stop_tokens
        self._arguments: Literal["text", "object"] | None = None

    def __enter__(self) -> Masker:
        return self

    def __exit__(self, *_: object) -> None:
        self.renderer.close()

    def sequences(self, samples: Iterable[Sample]) -> Iterator[Outcome]:
        """Yield for each sample its sequences (several where the template rewrites history), or why it is refused."""
        iterator = iter(samples)
        while batch := list(islice(iterator, _AT_ONCE)):
            made = [self._texts(sample) for sample in batch]
            encoded = self._encode([text for texts in made if isinstance(texts, list) for text, _ in texts])
            for sample, texts in zip(batch, made, strict=True):
                if isinstance(texts, Refusal):
                    yield texts
                else:
                    yield self._fitted(sample, [self._sequence(sample, text, next(encoded), dropped) for text, dropped in texts])

    def pairs(self, samples: Iterable[Sample]) -> Iterator[tuple[TrainingSequence, TrainingSequence] | Refusal]:
        """Yield for each preference sample its chosen and its rejected sequence; trained is the continuation alone."""
        for sample in samples:
            found = self._pair(sample)
            yield found

    # one sample

    def _texts(self, sample: Sample) -> list[tuple[Text, int]] | Refusal:
        key = sample_id(sample)
        if sample.chosen or sample.rejected:
            return Refusal(key, "it is a preference pair: those are trained by preference, or converted first")
        return self._of_turns(key, self._turns(to_messages(sample)), sample.tools, _trained(sample))

    def _of_turns(self, key: str, turns: Turns, tools: list[Any] | None, trained: list[int]) -> list[tuple[Text, int]] | Refusal:
        if not turns:
            return Refusal(key, "it holds no conversation")
        if not trained:
            return Refusal(key, "no assistant turn is trained")
        found = self._control(turns)
        if found is not None:
            return Refusal(key, f"a text holds the control token {found}, which the tokenizer would take for a real one")
        try:
            texts = find_texts(self.renderer, turns, tools, trained, self.stops)
        except Unverified as error:
            return Refusal(key, str(error))
        for text in texts:
            for at, (start, end) in zip(text.turns, text.spans, strict=True):
                lost = _lost(turns[at], text.text[start:end])
                if lost is not None:
                    return Refusal(key, f"turn {at + 1}: the template leaves out {lost}")
        return [(text, 0) for text in texts]

    def _pair(self, sample: Sample) -> tuple[TrainingSequence, TrainingSequence] | Refusal:
        key = sample_id(sample)
        if not sample.chosen or not sample.rejected:
            return Refusal(key, "it is no preference pair")
        prompt = self._turns(as_dicts(sample.messages))
        made: list[TrainingSequence] = []
        heads: list[list[int]] = []
        for side in (sample.chosen, sample.rejected):
            continuation = self._turns(as_dicts(side))
            turns = [*prompt, *continuation]
            answers = [len(prompt) + at for at, turn in enumerate(continuation) if turn.get("role") == "assistant"]
            if not answers:
                return Refusal(key, "a side holds no assistant turn")
            texts = self._of_turns(key, turns, sample.tools, answers)
            if isinstance(texts, Refusal):
                return texts
            if len(texts) != 1:
                return Refusal(key, "the template rewrites the history of an answer of several turns")
            text = texts[0][0]
            sequence = self._sequence(sample, text, next(self._encode([text])), 0)
            if self.max_tokens is not None and len(sequence.ids) > self.max_tokens:
                return Refusal(key, f"it has {len(sequence.ids):,} tokens, the limit is {self.max_tokens:,}")
            made.append(sequence)
            heads.append(sequence.ids[: sequence.trained.index(True)] if True in sequence.trained else [])
        if heads[0] != heads[1] or not heads[0]:
            return Refusal(key, "the two sides do not follow the same prompt once they are rendered")
        return made[0], made[1]

    def _turns(self, turns: Turns) -> Turns:
        """Arguments of tool calls as the template wants them: most print an object, and encode a text a second time."""
        if any(turn.get("tool_calls") for turn in turns) and self._form() == "object":
            return [_with_objects(turn) for turn in turns]
        return turns

    def _form(self) -> Literal["text", "object"]:
        if self._arguments is None:
            asked = []
            for arguments in ({"zqkeyqz": 1}, '{"zqkeyqz": 1}'):
                call = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": arguments}}
                asked.append(
                    conversation(
                        [{"role": "user", "content": "zq"}, {"role": "assistant", "content": "", "tool_calls": [call]}], None
                    )
                )
            mapping, text = self.renderer.render_many(asked)
            doubled = text.fault is not None or '\\"zqkeyqz' in text.text
            self._arguments = "object" if mapping.fault is None and doubled else "text"
        return self._arguments

    def _control(self, turns: Turns) -> str | None:
        """A control token that stands in a text of the data."""
        for turn in turns:
            for text in _strings(turn, 0):
                for token, _ in self.special.find(text):
                    return token
        return None

    def _fitted(self, sample: Sample, sequences: list[TrainingSequence]) -> Outcome:
        """Sequences that are short enough: a longer one is refused, or loses turns."""
        limit = self.max_tokens
        out = []
        for sequence in sequences:
            if limit is None or len(sequence.ids) <= limit:
                out.append(sequence)
                continue
            shorter = self._shorter(sample, sequence) if self.too_long == "drop-turns" else None
            if shorter is None:
                more = " even without its earlier turns" if self.too_long == "drop-turns" else ""
                return Refusal(sequence.sample, f"it has {len(sequence.ids):,} tokens{more}, the limit is {limit:,}")
            out.append(shorter)
        return out

    def _shorter(self, sample: Sample, sequence: TrainingSequence) -> TrainingSequence | None:
        """The sequence without its oldest exchanges: a cut goes before a user turn, so that an answer keeps its question."""
        assert self.max_tokens is not None
        turns = self._turns(to_messages(sample))
        last = max(sequence.turns)
        turns, kept = turns[: last + 1] if len(sequence.turns) == 1 else turns, set(_trained(sample))
        system = [turn for turn in turns if turn.get("role") in ("system", "developer")]
        head = len(system) if turns[: len(system)] == system else 0
        for cut in range(head + 1, len(turns)):
            if turns[cut].get("role") != "user":
                continue
            shown = [*turns[:head], *turns[cut:]]
            gone = cut - head
            trained = [at - gone for at in sorted(kept) if cut <= at < len(turns)]
            if len(sequence.turns) == 1:
                trained = trained[-1:]
            texts = self._of_turns(sequence.sample, shown, sample.tools, trained)
            if isinstance(texts, Refusal) or len(texts) != 1:
                continue
            shorter = self._sequence(sample, texts[0][0], next(self._encode([texts[0][0]])), gone)
            if len(shorter.ids) <= self.max_tokens:
                return shorter
        return None

    # tokens

    def _encode(self, texts: Sequence[Text]) -> Iterator[tuple[list[int], list[bool]]]:
        """Encode texts, each whole, and again cut at the ends of its spans: where both agree no token crosses a boundary.

        Where they do not, a token that crosses into an answer belongs to the prompt: inference has it before the first token that
        the model writes.
        """
        cut = [_cut(text) for text in texts]
        pieces = [piece for parts in cut for piece, _ in parts]
        wholes = self.tokenizer.encode_batch([text.text for text in texts], add_special_tokens=False) if texts else []
        singles = iter(self.tokenizer.encode_batch(pieces, add_special_tokens=False) if pieces else [])
        for text, parts, whole in zip(texts, cut, wholes, strict=True):
            ids: list[int] = []
            trained: list[bool] = []
            for _, is_trained in parts:
                part = next(singles).ids
                ids += part
                trained += [is_trained] * len(part)
            if ids == whole.ids:
                yield ids, trained
            else:
                yield (
                    whole.ids,
                    [
                        any(start <= left and right <= end for start, end in text.spans) and left < right
                        for left, right in whole.offsets
                    ],
                )

    def _sequence(self, sample: Sample, text: Text, encoded: tuple[list[int], list[bool]], dropped: int) -> TrainingSequence:
        ids, trained = encoded
        return TrainingSequence(
            sample_id(sample), ids, trained, text.text, text.spans, text.route, text.turns, dropped, list(text.notes)
        )


def _cut(text: Text) -> list[tuple[str, bool]]:
    parts: list[tuple[str, bool]] = []
    at = 0
    for start, end in text.spans:
        parts += [(text.text[at:start], False), (text.text[start:end], True)]
        at = end
    return [*parts, (text.text[at:], False)]


def _trained(sample: Sample) -> list[int]:
    """The turns that are trained: assistant turns whose weight, under any trainer's name, is not 0."""
    return [
        at
        for at, message in enumerate([*sample.messages, *sample.chosen])
        if message.role == "assistant" and not (message.weight in (0, "0", "false", "False") and message.weight is not None)
    ]


def _lost(turn: dict[str, Any], shown: str) -> str | None:
    """What an answer says and its rendering does not. Reasoning at its beginning may be printed elsewhere, or not."""
    content = turn.get("content")
    texts = (
        [content]
        if isinstance(content, str)
        else [part.get("text") for part in content if isinstance(part, dict)]
        if isinstance(content, list)
        else []
    )
    for text in texts:
        if isinstance(text, str) and text.rpartition("</think>")[2].strip() not in shown:
            return "the text of the answer"
    calls = turn.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str) and name not in shown:
            return f"the call of {name}"
    return None


def _with_objects(turn: dict[str, Any]) -> dict[str, Any]:
    calls = turn.get("tool_calls")
    if not isinstance(calls, list):
        return turn
    return turn | {"tool_calls": [_with_object(call) for call in calls]}


def _with_object(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        value = json.loads(function["arguments"] or "{}")
    except (ValueError, RecursionError):
        return call
    return call | {"function": function | {"arguments": value}} if isinstance(value, dict) else call


def _strings(value: Any, depth: int) -> Iterator[str]:
    """Every text in a turn that a template may print."""
    if isinstance(value, str):
        yield value
    elif depth < 16 and isinstance(value, dict):
        for name, inner in value.items():
            if not (depth == 0 and name == "role"):
                yield from _strings(inner, depth + 1)
    elif depth < 16 and isinstance(value, list):
        for inner in value:
            yield from _strings(inner, depth + 1)


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
    return tokenizer


def _template(template: str | Path | None) -> str | None:
    if template is None:
        return None
    if isinstance(template, Path) or (len(template) < 1000 and "\n" not in template and "{" not in template):
        try:
            return Path(template).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FtdataError(f"{template}: cannot be read as a template ({error})", "Name a Jinja file in UTF-8.") from None
    return template
