"""The words ftdata speaks in: samples, findings, verdicts. Standard library only.

A *sample* is one training example in canonical form, whatever format it came from. A *finding* is one fault at
one place. A *verdict* is what a rule says about the whole input: clean, found, suppressed, or skipped and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
Side = Literal["messages", "chosen", "rejected"]
Kind = Literal["sft", "preference", "unpaired-preference", "reinforcement", "prompt-only", "text", "none"]


class _Absent:
    """The value of a key that is not there, which several trainers treat otherwise than an explicit null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


@dataclass(slots=True)
class Malformed:
    """A JSON value of a type that its place does not allow, kept so that nothing is lost."""

    value: Any


@dataclass(slots=True)
class Part:
    """One piece of a message whose content is a list: text, an image, audio, a file or something unknown.

    ``type`` is canonical: ``text``, ``image``, ``audio``, ``video``, ``file``, ``refusal`` or the type as found.
    ``text`` is the text of a text part; ``url`` the address, path or data URL of a medium; ``raw`` the value as
    found in the file.
    """

    type: str
    text: str | None = None
    url: str | None = None
    raw: Any = None


@dataclass(slots=True)
class ToolCall:
    """One call an assistant makes. ``arguments`` stays as found: a JSON string, an object, or anything else.

    ``id``, ``type`` and ``name`` are ``None`` where the file has none. ``legacy`` marks OpenAI's old
    ``function_call``. ``pointer`` is the JSON pointer of the call within its row.
    """

    name: str | None
    arguments: Any = ABSENT
    id: str | None = None
    type: str | None = None
    legacy: bool = False
    pointer: str = ""
    raw: Any = None


@dataclass(slots=True)
class Message:
    """One turn. ``role`` is canonical (system, developer, user, assistant, tool) or, if unknown, as found.

    ``content`` is text, a list of parts, ``None`` for an explicit null, ``ABSENT`` for a missing key, or
    ``Malformed`` for any other JSON type. ``pointer`` is the JSON pointer of the turn within its row and
    ``content_key`` the key that holds its content there ("" where the pointer itself is the content).
    ``weight`` is the loss weight as found under any trainer's name (``weight_key`` says which). ``extra``
    holds the keys that the format does not know; ``kept`` what stood under keys that it knows and no other field
    can say, such as an explicit null where a missing key means the same (``None`` where there is nothing of the
    kind). ``source_role`` is the role as written in the file.
    """

    role: str | None
    content: str | list[Part] | Malformed | _Absent | None
    pointer: str = ""
    content_key: str = "content"
    tool_calls: list[ToolCall] = field(default_factory=list)
    tool_call_id: Any = None
    name: Any = None
    weight: Any = None
    weight_key: str | None = None
    reasoning: str | None = None
    reasoning_key: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    source_role: Any = None
    kept: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The text of the content; the parts' texts joined by newlines; "" where there is none."""
        content = self.content
        if isinstance(content, str):
            return content
        if isinstance(content, list):
            return "\n".join(part.text for part in content if part.text is not None)
        return ""

    @property
    def content_pointer(self) -> str:
        """The JSON pointer of the content within its row."""
        return f"{self.pointer}/{self.content_key}" if self.content_key else self.pointer


@dataclass(slots=True)
class Sample:
    """One training example.

    ``messages`` is the conversation (for preference data: the shared prompt). ``chosen`` and ``rejected`` are
    the two continuations of preference data; ``label`` the verdict of unpaired preference data. ``tools`` are
    the tool definitions as a list (a JSON string is decoded), ``tools_key`` where they stood and
    ``tools_fault`` why they could not be read. ``reference`` holds the reference fields of reinforcement data,
    ``extra`` every top-level key the format does not know, ``kept`` the metadata that it knows and that says
    nothing of the conversation (ids, categories). ``problem`` says in words why the row holds no conversation at
    all, else ``None``. ``keys`` are the row's top-level keys in file order.
    """

    format: str
    kind: Kind
    messages: list[Message]
    chosen: list[Message] = field(default_factory=list)
    rejected: list[Message] = field(default_factory=list)
    label: Any = None
    tools: list[Any] | None = None
    tools_key: str | None = None
    tools_fault: str | None = None
    parallel_tool_calls: Any = None
    media: dict[str, list[Any]] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    problem: str | None = None
    kept: dict[str, Any] | None = None

    def turns(self) -> list[Message]:
        """Every message of the sample: the conversation, then chosen, then rejected."""
        if self.chosen or self.rejected:
            return [*self.messages, *self.chosen, *self.rejected]
        return self.messages


@dataclass(slots=True)
class Fault:
    """Something wrong with bytes or JSON, seen while reading. ``rule`` is the name of the rule that reports it.

    ``line`` and ``column`` count from 1; the column counts characters. ``offset`` is the byte offset in the
    decompressed file. ``lost`` says whether the row could not be read at all. ``values`` fill the rule's
    message; ``excerpt`` is the damaged text, for printing after escaping.
    """

    rule: str
    line: int | None = None
    column: int | None = None
    offset: int | None = None
    lost: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    excerpt: str | None = None


@dataclass(slots=True)
class Chunk:
    """Some rows of one file, decoded. The four lists run in step; a row that could not be read is a fault only.

    ``values`` are decoded JSON values (objects as dict). ``lines`` are 1-based first lines (``None`` where the
    container has no lines), ``offsets`` byte offsets in the decompressed file, ``raws`` the rows' own bytes as
    UTF-8 JSON (``None`` where the container holds no JSON).
    """

    path: str
    values: list[Any]
    lines: list[int | None]
    offsets: list[int | None]
    raws: list[bytes | None]
    faults: list[Fault] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Location:
    """Where a finding is. ``row`` counts samples from 1 in its file; ``pointer`` is a JSON pointer in the row."""

    path: str
    row: int | None = None
    line: int | None = None
    column: int | None = None
    pointer: str | None = None


@dataclass(slots=True)
class Finding:
    """One fault at one place, ready to print. ``mark`` is the span of ``excerpt`` (in characters) at fault."""

    code: str
    name: str
    severity: Severity
    message: str
    location: Location
    sample: str | None = None
    targets: tuple[str, ...] = ()
    excerpt: str | None = None
    mark: tuple[int, int] | None = None
    where: str | None = None
    fix: dict[str, str] | None = None
    tokens: int | None = None


Status = Literal["clean", "found", "suppressed", "skipped"]


@dataclass(slots=True)
class Verdict:
    """What one rule says about the whole input. ``count`` findings of ``of`` judged; ``reason`` if skipped.

    ``tokens`` are the tokens per epoch of the samples concerned, ``None`` where not counted. ``hidden`` counts the findings
    that are known and left out, by why: "baseline", "suppressed", "base" (the commit of ``--since`` had them). A rule of which
    all findings are hidden is *suppressed*.
    """

    code: str
    name: str
    status: Status
    severity: Severity
    count: int = 0
    of: int = 0
    targets: tuple[str, ...] = ()
    reason: str | None = None
    tokens: int | None = None
    help: str | None = None
    notes: list[str] = field(default_factory=list)
    fixable: str | None = None
    hidden: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class InputReport:
    """One file as read: its detected format, how much of it was readable, and why not, if not."""

    path: str
    format: str | None = None
    container: str | None = None
    rows: int = 0
    samples: int = 0
    lost: int = 0
    bytes: int = 0
    sha256: str | None = None
    formats: dict[str, int] = field(default_factory=dict)
    role: Literal["train", "eval"] = "train"
    error: str | None = None
    help: str | None = None


@dataclass(slots=True)
class Pair:
    """A sample and its partner: what it was before an edit, or what it nearly equals. ``score`` is 0 to 100.

    ``difference`` names the words that differ; ``of`` says which of the two it is: "edited" or "near".
    """

    of: Literal["edited", "near"]
    path: str
    line: int | None
    row: int
    sample: str
    other_path: str
    other_line: int | None
    other_row: int
    other_sample: str
    score: float
    difference: str


@dataclass(slots=True)
class Changes:
    """What a change does to the sample set, by the hashes of samples: ``ref`` as named, ``commit`` compared with.

    ``unchanged`` counts those that stand where they stood, ``moved`` those that stand elsewhere; ``before`` and ``facts`` of the
    report are the facts on both sides. ``files`` maps each path to what became of it ("changed", "same", "new", "removed",
    "renamed from PATH"); ``pairs`` holds the first edited samples and near-duplicates, ``near`` counts all of the latter (``None``
    where they were not searched for). ``notes`` say what the comparison could not know.
    """

    ref: str
    commit: str | None
    added: int = 0
    removed: int = 0
    edited: int = 0
    moved: int = 0
    unchanged: int = 0
    near: int | None = None
    before: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """Everything a lint run says. ``exit_code`` follows ``fail_on``; 2 where an input could not be judged.

    ``changes`` says what changed since a commit, where only that was judged.
    """

    version: str
    inputs: list[InputReport]
    verdicts: list[Verdict]
    findings: Sequence[Finding]
    facts: dict[str, Any]
    targets: tuple[str, ...] = ()
    goal: str | None = None
    seconds: float = 0.0
    fail_on: Severity | Literal["never"] = "error"
    fail_on_skip: bool = False
    changes: Changes | None = None

    @property
    def hidden(self) -> dict[str, int]:
        """How many findings are known and left out, by why."""
        counts: dict[str, int] = {}
        for verdict in self.verdicts:
            for why, count in verdict.hidden.items():
                counts[why] = counts.get(why, 0) + count
        return counts

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        counted: dict[Severity, int] | None = getattr(self.findings, "counts", None)
        if counted is not None:
            return counted
        counts: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
        for finding in self.findings:
            counts[finding.severity] += 1
        return counts

    @property
    def exit_code(self) -> int:
        """0 clean, 1 a finding at or above ``fail_on``, 2 an input that could not be judged."""
        if any(item.error for item in self.inputs):
            return 2
        if self.fail_on_skip and any(v.status == "skipped" for v in self.verdicts):
            return 1
        if self.fail_on == "never":
            return 0
        worst = SEVERITIES.index(self.fail_on)
        return int(any(self.counts[severity] for severity in SEVERITIES[: worst + 1]))
