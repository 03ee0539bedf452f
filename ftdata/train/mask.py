"""Samples become token ids with a mask of what is trained: assistant turns with a weight, and nothing else.

Texts are rendered in the sandbox of ``ftdata.template``; where the trained text stands is found in ``ftdata.train.routes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from ftdata.errors import FtdataError
from ftdata.formats import sample_id
from ftdata.measure.batch import is_trained
from ftdata.template import ModelFolder, Renderer, to_messages
from ftdata.template.messages import as_dicts
from ftdata.train.endings import Habits, find_habits
from ftdata.train.forms import Forms, has_media, texts
from ftdata.train.jobs import Edges, Job, steps
from ftdata.train.opened import opened
from ftdata.train.routes import Route, Text, Turns, Unverified, run_many
from ftdata.train.tokenise import Encoded, Tokens
from ftdata.train.totals import tokens_by_role
from ftdata.types import Message, Sample

TooLong = Literal["refuse", "drop-turns"]
ControlTokens = Literal["refuse", "text", "token"]
_AT_ONCE = 128
Made = TypeVar("Made")


@dataclass(slots=True)
class TrainingSequence:
    """One training sequence of a sample. ``ids`` and ``trained`` are of equal length; ``spans`` are characters of ``text``.

    ``route`` is how the trained text was found, ``turns`` which turns of the sample it is (from 0), ``dropped_turns`` how many turns
    were left out because the sample was too long, ``notes`` what is worth knowing and not wrong, ``roles`` the tokens by role.
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
    roles: dict[str, int] = field(default_factory=dict)

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
Pair = tuple[TrainingSequence, TrainingSequence]


class Masker:
    """Makes training sequences with one model's template and tokenizer. A context manager: the template runs in a process.

    ``model`` is a model folder, the path of one, or a Jinja file; ``template`` a Jinja text or file that takes the place of the
    folder's template, ``tokenizer`` a tokenizer.json, or a folder that holds one, in the place of the folder's. ``max_tokens`` is the
    longest sequence; a longer sample is refused, or with ``drop-turns`` loses whole exchanges after the system turn, the oldest
    first, as long as an answer remains. ``control_tokens`` says what becomes of a sample whose texts spell a control token: it is
    refused, they are encoded as ordinary ``text``, or become a control ``token``, as transformers does it. Raises FtdataError
    without template or tokenizer, MissingExtra without jinja2 or tokenizers.
    """

    def __init__(
        self,
        model: ModelFolder | str | Path,
        *,
        template: str | Path | None = None,
        tokenizer: str | Path | None = None,
        max_tokens: int | None = None,
        too_long: TooLong = "refuse",
        control_tokens: ControlTokens = "refuse",
    ) -> None:
        self.folder, text = opened(model, template, tokenizer)
        if self.folder.tokenizer_file is None:
            raise FtdataError(
                f"{self.folder.path}: there is no tokenizer.json",
                "Save it: AutoTokenizer.from_pretrained(...).save_pretrained(folder).",
            )
        self.tokens = Tokens(self.folder.tokenizer_file, self.folder.special_tokens)
        self.tokenizer, self.special = self.tokens.tokenizer, self.tokens.special
        self.max_tokens, self.too_long, self.control_tokens = max_tokens, too_long, control_tokens
        self.renderer = Renderer(text, variables=self.folder.variables) if text is not None else Renderer(self.folder)
        self.forms = Forms(self.renderer)
        self._edges = Edges(self.tokens.special_texts)
        self._habits: Habits | None = None

    def __enter__(self) -> Masker:
        return self

    def __exit__(self, *_: object) -> None:
        self.renderer.close()

    @property
    def habits(self) -> Habits:
        """What the template does to every conversation, found once: the tokens that end an answer, and notes."""
        if self._habits is None:
            self._habits = find_habits(self.renderer, self.folder, self.special, self.forms.contents == (False, True))
        return self._habits

    def sequences(self, samples: Iterable[Sample]) -> Iterator[Outcome]:
        """Yield for each sample its sequences (several where the template rewrites history), or why it is refused."""
        for batch in _batches(samples):
            jobs = [self._job(sample) for sample in batch]
            for sample, job, outcome in zip(batch, jobs, self._made(batch, jobs), strict=True):
                yield outcome if isinstance(job, Refusal) or isinstance(outcome, Refusal) else self._fitted(sample, job, outcome)

    def pairs(self, samples: Iterable[Sample]) -> Iterator[Pair | Refusal]:
        """Yield for each preference sample its chosen and its rejected sequence; trained is the continuation alone."""
        for batch in _batches(samples):
            both = [self._sides(sample) for sample in batch]
            owners = [sample for sample, sides in zip(batch, both, strict=True) if not isinstance(sides, Refusal) for _ in (0, 1)]
            made = iter(self._made(owners, [job for sides in both if not isinstance(sides, Refusal) for job in sides]))
            for sample, sides in zip(batch, both, strict=True):
                if isinstance(sides, Refusal):
                    yield sides
                else:
                    yield self._fitted_pair(sample, sides, _paired(sample, next(made), next(made)))

    # --- Conversations ----------------------------------------------------------------------------

    def _job(self, sample: Sample) -> Job | Refusal:
        if sample.chosen or sample.rejected:
            return Refusal(sample_id(sample), "it is a preference pair: those are trained by preference, or converted first")
        return self._checked(sample, to_messages(sample), _trained(sample.messages))

    def _sides(self, sample: Sample) -> tuple[Job, Job] | Refusal:
        if not sample.chosen or not sample.rejected:
            return Refusal(sample_id(sample), "it is no preference pair")
        prompt, sides = as_dicts(sample.messages), (as_dicts(sample.chosen), as_dicts(sample.rejected))
        # Turns with which both sides begin are of the prompt: training them up and down at once teaches nothing.
        shared = 0
        while shared < min(map(len, sides)) - 1 and sides[0][shared] == sides[1][shared]:
            shared += 1
        jobs = []
        for messages, side in zip((sample.chosen, sample.rejected), sides, strict=True):
            answers = [len(prompt) + at for at in _trained(messages) if at >= shared]
            if not answers:
                return Refusal(sample_id(sample), "a side holds no assistant turn that is trained")
            job = self._checked(sample, [*prompt, *side], answers)
            if isinstance(job, Refusal):
                return job
            jobs.append(job)
        return jobs[0], jobs[1]

    def _checked(self, sample: Sample, given: Turns, trained: list[int]) -> Job | Refusal:
        """A job, or why there is none."""
        key = sample_id(sample)
        if not given:
            return Refusal(key, sample.problem or "it holds no conversation")
        if not trained:
            return Refusal(key, "no assistant turn is trained")
        medium = "image" if any(sample.media.values()) else has_media(given)
        if medium is not None:
            return Refusal(key, f"it holds a part of the type {medium[:40]!r}: only text is trained here")
        turns, notes = self.forms.fit(given)
        tools = sample.tools or None
        job = Job(turns, tools, trained, notes=[*notes, *self.habits.notes])
        if any(_is_partial(message) for message in sample.turns()):
            job.notes.append("a weight other than 0 counts as 1")
        if self.control_tokens != "token":
            token = self._control(turns, tools)
            if token is not None and self.control_tokens == "refuse":
                return Refusal(key, f"a text holds the control token {token}, which the tokenizer would take for a real one")
            if token is not None:
                job.literal = True
                job.notes.append("texts that spell a control token are encoded as ordinary text")
        return job

    def _control(self, turns: Turns, tools: list[Any] | None) -> str | None:
        """A control token that stands in a text of the data."""
        for item in (*turns, *(tools or ())):
            for text in texts(item):
                token = self.tokens.control(text)
                if token is not None:
                    return token
        return None

    # --- Sequences --------------------------------------------------------------------------------

    def _made(self, samples: Sequence[Sample], jobs: Sequence[Job | Refusal]) -> list[Outcome]:
        """The sequences of jobs, of whatever length: rendered together, encoded together."""
        real = [job for job in jobs if isinstance(job, Job)]
        found = run_many(self.renderer, [steps(job, self.habits, self.special, self._edges) for job in real])
        listed = [(text.text, text.spans, plain) for texts in found if isinstance(texts, list) for text, plain in texts]
        encoded, results = iter(self.tokens.encode(listed)), iter(found)
        outcomes: list[Outcome] = []
        for sample, job in zip(samples, jobs, strict=True):
            if isinstance(job, Refusal):
                outcomes.append(job)
                continue
            texts = next(results)
            if isinstance(texts, Unverified):
                outcomes.append(Refusal(sample_id(sample), str(texts)))
                continue
            made = [(text, next(encoded)) for text, _ in texts]
            problem = next((words for text, tokens in made if (words := _problem(text, tokens))), None)
            if problem is not None:
                outcomes.append(Refusal(sample_id(sample), problem))
            else:
                outcomes.append([_sequence(sample_id(sample), job, text, tokens) for text, tokens in made])
        return outcomes

    def _fitted(self, sample: Sample, job: Job, sequences: list[TrainingSequence]) -> Outcome:
        """Sequences that are short enough: a longer one is refused, or loses turns."""
        out = []
        for sequence in sequences:
            if self._fits(sequence):
                out.append(sequence)
                continue
            alone = len(sequence.turns) == 1
            last = sequence.turns[-1]
            turns = job.turns[: last + 1] if alone else job.turns

            def made(cut: int, head: int, turns: Turns = turns, alone: bool = alone, last: int = last) -> TrainingSequence | None:
                kept = [at for at in ([last] if alone else job.trained) if at >= cut]
                outcome = self._made([sample], [_shorter(job, turns, kept, cut, head)])[0]
                if isinstance(outcome, Refusal) or len(outcome) != 1 or not self._fits(outcome[0]):
                    return None
                return _renumbered(outcome[0], cut, head, len(job.trained) - len(kept) if not alone else 0)

            shorter = self._cut(turns, last, made)
            if shorter is None:
                return self._too_long(sample, len(sequence.ids))
            out.append(shorter)
        return out

    def _fitted_pair(self, sample: Sample, jobs: tuple[Job, Job], pair: Pair | Refusal) -> Pair | Refusal:
        """A pair that is short enough; both sides lose the same turns of the prompt."""
        if isinstance(pair, Refusal) or all(map(self._fits, pair)):
            return pair
        first = min(job.trained[0] for job in jobs)

        def made(cut: int, head: int) -> Pair | None:
            outcomes = self._made([sample, sample], [_shorter(job, job.turns, job.trained, cut, head) for job in jobs])
            both = _paired(sample, *outcomes)
            if isinstance(both, Refusal) or not all(map(self._fits, both)):
                return None
            return _renumbered(both[0], cut, head, 0), _renumbered(both[1], cut, head, 0)

        return self._cut(jobs[0].turns[:first], first, made) or self._too_long(sample, max(len(one.ids) for one in pair))

    def _cut(self, turns: Turns, last: int, made: Callable[[int, int], Made | None]) -> Made | None:
        """What ``made(cut, head)`` gives for the earliest cut at which it fits: turns from ``head`` to ``cut`` are left out.

        A cut goes before a user turn, so that an answer keeps its question. Found by halving: what is cut later is shorter.
        """
        if self.too_long != "drop-turns":
            return None
        head = next((at for at, turn in enumerate(turns) if turn.get("role") not in ("system", "developer")), len(turns))
        cuts = [at for at in range(head + 1, len(turns)) if turns[at].get("role") == "user" and at < last]
        low, high, best = 0, len(cuts), None
        while low < high:
            middle = (low + high) // 2
            found = made(cuts[middle], head)
            if found is None:
                low = middle + 1
            else:
                best, high = found, middle
        return best

    def _fits(self, sequence: TrainingSequence) -> bool:
        return self.max_tokens is None or len(sequence.ids) <= self.max_tokens

    def _too_long(self, sample: Sample, size: int) -> Refusal:
        more = " and cannot be made short enough by leaving out earlier turns" if self.too_long == "drop-turns" else ""
        return Refusal(sample_id(sample), f"it has {size:,} tokens{more}, the limit is {self.max_tokens:,}")


def _problem(text: Text, tokens: Encoded) -> str | None:
    if tokens.crossing:
        text.note("a token crosses the edge of an answer: it is not trained")
    return tokens.problem or (None if any(tokens.trained[1:]) else "no token of it is trained")


def _sequence(key: str, job: Job, text: Text, tokens: Encoded) -> TrainingSequence:
    roles = tokens_by_role(text, job.turns, tokens.starts)
    return TrainingSequence(key, tokens.ids, tokens.trained, text.text, text.spans, text.route, text.turns, 0, text.notes, roles)


def _batches(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    iterator = iter(samples)
    while batch := list(islice(iterator, _AT_ONCE)):
        yield batch


def _trained(messages: Sequence[Message]) -> list[int]:
    """The turns that are trained: assistant turns whose weight, under any trainer's name, is not 0."""
    return [at for at, message in enumerate(messages) if is_trained(message) and message.weight not in ("0", "false", "False")]


def _is_partial(message: Message) -> bool:
    weight = message.weight
    return message.role == "assistant" and isinstance(weight, int | float) and weight not in (0, 1)


def _shorter(job: Job, turns: Turns, trained: Sequence[int], cut: int, head: int) -> Job:
    return Job([*turns[:head], *turns[cut:]], job.tools, [at - (cut - head) for at in trained], job.literal, job.notes)


def _renumbered(sequence: TrainingSequence, cut: int, head: int, lost: int) -> TrainingSequence:
    """The sequence with its turns counted as in the whole sample."""
    sequence.dropped_turns = cut - head
    sequence.turns = tuple(at + cut - head for at in sequence.turns)
    if lost:
        sequence.notes.append("answers that would be trained were left out with the earlier turns")
    return sequence


def _paired(sample: Sample, chosen: Outcome, rejected: Outcome) -> Pair | Refusal:
    """Two sides as a pair, if the same tokens stand before their continuations."""
    for side in (chosen, rejected):
        if isinstance(side, Refusal):
            return side
        if len(side) != 1:
            return Refusal(sample_id(sample), "the template rewrites the history of an answer of several turns")
    assert not isinstance(chosen, Refusal) and not isinstance(rejected, Refusal)
    heads = [one.ids[: one.trained.index(True)] for one in (chosen[0], rejected[0])]
    if heads[0] != heads[1] or not heads[0]:
        return Refusal(sample_id(sample), "the two sides do not follow the same prompt once they are rendered")
    return chosen[0], rejected[0]
