"""A Go template for Ollama out of a Jinja chat template: found by probing, and kept only where it says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftdata.template import Conversation, Renderer

Turns = list[dict[str, Any]]
_S, _U, _A, _V, _B = "zqsystemqz", "zquseroneqz", "zqanswerqz", "zqusertwoqz", "zqanswertwoqz"


@dataclass(frozen=True, slots=True)
class Marks:
    """What a template prints around the texts of a conversation.

    ``start`` stands before everything where there is no system prompt, ``system`` is what stands before and after one.
    """

    start: str
    system: tuple[str, str] | None
    user: tuple[str, str]
    assistant: tuple[str, str]
    prompt: str

    def render(self, turns: Turns) -> str:
        """A conversation as the Go template prints it."""
        first = turns[0]["content"] if turns and turns[0]["role"] == "system" else ""
        text = self.system[0] + first + self.system[1] if first and self.system else self.start
        for turn in turns:
            if turn["role"] in ("user", "assistant"):
                before, after = self.user if turn["role"] == "user" else self.assistant
                text += before + turn["content"] + after
        return text + (self.prompt if turns and turns[-1]["role"] != "assistant" else "")

    def go(self) -> str:
        """The Go template. White space in it is text: no marker trims."""
        system = f"{{{{ if .System }}}}{self.system[0]}{{{{ .System }}}}{self.system[1]}{{{{ else }}}}{self.start}{{{{ end }}}}" if self.system else self.start  # fmt: skip
        return (
            f"{system}{{{{ range $i, $m := .Messages }}}}"
            f'{{{{ if eq $m.Role "user" }}}}{self.user[0]}{{{{ $m.Content }}}}{self.user[1]}'
            f'{{{{ else if eq $m.Role "assistant" }}}}{self.assistant[0]}{{{{ $m.Content }}}}{self.assistant[1]}{{{{ end }}}}'
            f'{{{{ if and (eq (len (slice $.Messages $i)) 1) (ne $m.Role "assistant") }}}}{self.prompt}{{{{ end }}}}{{{{ end }}}}'
        )


@dataclass(frozen=True, slots=True)
class Derived:
    """A template that says the same (``None`` where there is none), why there is none, and what is worth knowing."""

    marks: Marks | None
    reason: str | None = None
    notes: tuple[str, ...] = ()


def derive(renderer: Renderer, source: str) -> Derived:
    """Probe a Jinja template with texts that cannot occur, and compare the result with it on other conversations."""
    if "tools" in source or "tool_calls" in source:
        return Derived(None, "it knows tools, which a template derived from texts would lose")
    marks = _probe(renderer)
    if marks is None:
        return Derived(None, "it does not print a text between two marks of its role each time")
    if any(
        "{{" in part or '"""' in part
        for part in (marks.start, *(marks.system or ()), *marks.user, *marks.assistant, marks.prompt)
    ):
        return Derived(None, "its marks hold what a Modelfile cannot")
    if not _same(renderer, marks, _conversations("plain", marks.system is not None)):
        return Derived(None, "it prints some conversations in another way than by marks around each text")
    notes = []
    if not _same(renderer, marks, _conversations("  padded \n", marks.system is not None)):
        notes.append("the chat template trims texts, the Go template cannot: texts with white space at their ends differ")
    if marks.system is None:
        notes.append("the chat template takes no system prompt; SYSTEM in a Modelfile would be left out")
    return Derived(marks, None, tuple(notes))


def _turns(*texts: str, system: str | None = None) -> Turns:
    found = [{"role": "system", "content": system}] if system is not None else []
    return found + [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


def _probe(renderer: Renderer) -> Marks | None:
    prompt = {"add_generation_prompt": True}
    made = renderer.render_many(
        [
            Conversation(_turns(_U)), Conversation(_turns(_U), None, prompt), Conversation(_turns(_U, _A, _V, _B)),
            Conversation(_turns(_U, system=_S)),
        ]
    )  # fmt: skip
    one, asked, whole, system = (entry.text if entry.fault is None else None for entry in made)
    if one is None or asked is None or whole is None or one.count(_U) != 1 or not asked.startswith(one):
        return None
    if any(whole.count(text) != 1 for text in (_U, _A, _V, _B)) or not (whole.index(_U) < whole.index(_A) < whole.index(_V) < whole.index(_B)):  # fmt: skip
        return None
    head, user_after = one.split(_U)
    start, rest = whole.split(_U)
    between, rest = rest.split(_A)
    third, rest = rest.split(_V)
    fourth, answer_after = rest.split(_B)
    if start != head or between != fourth or not between.startswith(user_after) or not third.startswith(answer_after):
        return None
    user_before, answer_before = third[len(answer_after) :], between[len(user_after) :]
    if not head.endswith(user_before):
        return None
    around: tuple[str, str] | None = None
    if system is not None and system.count(_S) == system.count(_U) == 1 and system.index(_S) < system.index(_U):
        before, after = system.split(_S)
        after = after.split(_U)[0]
        if after.endswith(user_before):
            around = (before, after[: len(after) - len(user_before)])
    return Marks(
        head[: len(head) - len(user_before)], around, (user_before, user_after), (answer_before, answer_after), asked[len(one) :]
    )  # fmt: skip


def _conversations(style: str, system: bool) -> list[Turns]:
    def text(words: str) -> str:
        return f"  {words}\n" if style != "plain" else words

    first, second, third = text("What is 2 + 2?"), text("It is 4.\n\nReally {it is}."), text("고마워요 \U0001f642 {{ x }} <b>")
    found = [_turns(first), _turns(first, second, third), _turns(first, second, third, second, first)]
    if system:
        found += [_turns(*(turn["content"] for turn in turns), system=text("Be brief.\nBe kind.")) for turns in found[:]]
    return found


def _same(renderer: Renderer, marks: Marks, conversations: Sequence[Turns]) -> bool:
    made = renderer.render_many([Conversation(turns, None, {"add_generation_prompt": True}) for turns in conversations])
    return all(
        entry.fault is None and entry.text == marks.render(turns) for entry, turns in zip(made, conversations, strict=True)
    )
