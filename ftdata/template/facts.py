"""What a chat template does to every conversation: found once per model folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ftdata.template.folder import ModelFolder
from ftdata.template.render import Conversation, Rendered, Renderer, TemplateFault

_USER, _ANSWER, _SYSTEM = "zqfactuserqz", "zqfactanswerqz", "zqfactsystemqz"
_MARKUP = re.compile(r"<[^<>\s]{1,60}>|\[/?[A-Z_]{2,30}\]|[【】｜]")
_ROLES = re.compile(r"\b(?:system|user|assistant|human|model)\b:?", re.IGNORECASE)
_EDGES = re.compile(
    r"^(?:\s|(?:system|user|assistant|human|model)\b:?)+|(?:\s|\b(?:system|user|assistant|human|model):?$)+$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a template does with a conversation.

    ``name`` is stable, ``words`` are for the user, without the place. ``message`` counts from 0 in ``sample.turns()``;
    ``None`` where no single turn is meant. ``fact`` marks what is worth knowing and not wrong by itself. ``text`` is
    what the words are about, as found: not escaped.
    """

    name: str
    words: str
    message: int | None = None
    fact: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """The facts of one template.

    ``default_system`` is what it writes where the conversation has no system turn. ``wants_parts`` says that it prints
    a text only inside a list of parts, as templates of vision models do.
    """

    faults: tuple[Fault, ...]
    default_system: str | None = None
    wants_parts: bool = False


def template_facts(renderer: Renderer, folder: ModelFolder | None) -> TemplateFacts:
    """Return what the template does to every conversation; kept by the renderer, so asked for once."""
    key = f"facts {folder and folder.path}"
    if key not in renderer.memo:
        renderer.memo[key] = _find(renderer, folder)
    facts: TemplateFacts = renderer.memo[key]
    return facts


def _find(renderer: Renderer, folder: ModelFolder | None) -> TemplateFacts:
    faults = _folder_faults(folder) if folder is not None else []
    plain, with_system = renderer.render_many([_conversation(False), _conversation(True)])
    wants_parts = False
    if plain.fault is not None or _USER not in plain.text:
        answers = renderer.render_many([_conversation(False, parts=True), _conversation(True, parts=True)])
        wants_parts = answers[0].fault is None and _USER in answers[0].text
        if wants_parts:
            plain, with_system = answers
            words = 'the template prints a text only in a list of parts, [{"type": "text", "text": ...}]; a content that is a plain text is lost'
            faults.append(Fault("text-needs-parts", words))
    if plain.fault is not None:
        words = f"a plain question and answer cannot be rendered: {plain.fault.words}"
        faults.append(Fault(fault_name(plain.fault), words, text=plain.fault.words))
        return TemplateFacts(tuple(faults))
    if folder is not None:
        faults += _doubled(plain.text, folder)
    faults += end_faults(plain.text.partition(_ANSWER)[2], folder, None) if _ANSWER in plain.text else []
    faults += _mask_faults(plain, folder)
    default, always = _written(plain, with_system, folder)
    if default:
        faults.append(Fault("default-system-prompt", f"without a system turn the template writes its own: {_short(default)}",
                            fact=True, text=default))  # fmt: skip
    if always:
        faults.append(
            Fault("template-text", f"the template writes into every conversation: {_short(always)}", fact=True, text=always)
        )
    if plain.dates:
        faults.append(Fault("date-injected", f"the template writes the date of the day it is rendered, as in {_short(plain.dates[0])}",
                            fact=True, text=plain.dates[0]))  # fmt: skip
    return TemplateFacts(tuple(faults), default or None, wants_parts)


def fault_name(fault: TemplateFault) -> str:
    """Return the name under which a rendering that failed is reported."""
    return "template-raises" if fault.kind == "raised" else f"template-{fault.kind.replace(' ', '-')}"


def _conversation(system: bool, parts: bool = False) -> Conversation:
    turns = [("system", _SYSTEM)] * system + [("user", _USER), ("assistant", _ANSWER)]
    messages: list[dict[str, Any]] = [
        {"role": role, "content": [{"type": "text", "text": text}] if parts else text} for role, text in turns
    ]
    return Conversation(messages)


def _folder_faults(folder: ModelFolder) -> list[Fault]:
    faults = [Fault("folder-note", note, fact=True) for note in folder.notes]
    pad, eos = folder.special.get("pad_token"), folder.special.get("eos_token")
    if pad is not None and pad == eos:
        words = (
            f"the pad token is the eos token, {pad}: a collator that masks padding by its id masks the end of every answer too"
        )
        faults.append(Fault("pad-is-eos", words, fact=True, text=pad))
    return faults


def _doubled(text: str, folder: ModelFolder) -> list[Fault]:
    faults = []
    bos, eos = folder.special.get("bos_token"), folder.special.get("eos_token")
    if bos and folder.adds_bos and text.startswith(bos):
        words = f"the template prints {bos} and the tokenizer adds one: a rendered text is to be tokenized with add_special_tokens=False"
        faults.append(Fault("bos-doubled", words, text=bos))
    if bos and text.startswith(bos + bos):
        faults.append(Fault("bos-doubled", f"the template prints {bos} twice", text=bos))
    if eos and folder.adds_eos and text.rstrip().endswith(eos):
        words = f"the template prints {eos} and the tokenizer adds one: a rendered text is to be tokenized with add_special_tokens=False"
        faults.append(Fault("eos-doubled", words, text=eos))
    return faults


def end_faults(tail: str, folder: ModelFolder | None, message: int | None) -> list[Fault]:
    """Return what is wrong with what follows the last answer: it should end the turn with a token that stops a generation."""
    stops = folder.stop_tokens if folder is not None else ()
    if any(stop in tail for stop in stops):
        return []
    special = [token for token in (folder.special_tokens if folder is not None else ()) if token in tail]
    if special:
        token = min(special, key=tail.index)
        words = f"the last answer ends with {token}, but a generation stops at {' or '.join(stops) or 'no token that the folder names'}"
        return [Fault("end-is-no-stop-token", words, message, text=token)]
    if not tail.strip() or (folder is not None and (stops or folder.special_tokens)):
        return [
            Fault("no-end-of-turn", "no token ends the last answer: the model does not learn to stop", message, text=tail[:80])
        ]
    return []


def _mask_faults(plain: Rendered, folder: ModelFolder | None) -> list[Fault]:
    if not plain.spans or _ANSWER not in plain.text:
        return []
    at = plain.text.index(_ANSWER)
    span = next(((start, end) for start, end in plain.spans if start <= at < end), None)
    if span is None:
        return [
            Fault("answer-outside-mask", "the answer stands outside {% generation %}: it is not trained with assistant_only_loss")
        ]
    stops = folder.stop_tokens if folder is not None else ()
    if any(stop in plain.text[at:] for stop in stops) and not any(stop in plain.text[at : span[1]] for stop in stops):
        return [
            Fault(
                "stop-outside-mask",
                "the token that ends the answer stands outside {% generation %}: the model does not learn to stop",
            )
        ]
    return []


def _written(plain: Rendered, with_system: Rendered, folder: ModelFolder | None) -> tuple[str, str]:
    """Return what the template writes of its own: where there is no system turn, and in any case."""
    before = plain.text.partition(_USER)[0]
    if with_system.fault is None and _SYSTEM in with_system.text and _USER in with_system.text:
        head, _, rest = with_system.text.partition(_SYSTEM)
        between = rest.partition(_USER)[0]
        # Without the system turn the same frame may hold a text of the template's own: Qwen 2.5.
        if between and len(before) > len(head) + len(between) and before.startswith(head) and before.endswith(between):
            return before[len(head) : len(before) - len(between)].strip(), _words(head, folder)
        always, default = _words(head, folder), _words(before, folder)
        # Both begin with what is always written: that is no default, what follows it may be one.
        more = default[_shared(always, default) :] if always else default
        return (_words(more, folder) if default != always else ""), always
    return _words(before, folder), ""


def _shared(first: str, second: str) -> int:
    """Return how many characters two texts begin with in common."""
    return next(
        (at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other), min(len(first), len(second))
    )


def _words(text: str, folder: ModelFolder | None) -> str:
    """Return a text without markup and names of roles, or nothing where what is left is no sentence."""
    for token in sorted(folder.special_tokens if folder is not None else (), key=len, reverse=True):
        text = text.replace(token, " ")
    text = _MARKUP.sub(" ", text)
    bare = _EDGES.sub("", text)
    return bare if len(_ROLES.sub(" ", bare).split()) >= 3 else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return f"'{text[:117]}...'" if len(text) > 120 else f"'{text}'"
