"""The model families' chat templates, rendered as transformers does; ftdata must know what raises and what is lost."""

from __future__ import annotations

import collections
import copy
import importlib.util
import json
import re
from pathlib import Path

import pytest
from conversations import Case, generate
from disagreement import Reason, check, check_idle, compare, names, ours
from register import turns_of
from shapes import Style, plain, with_parts, with_tools

BASES = {plain: 5, with_tools: 6, with_parts: 1}
# Each target, its template in TRL's folder of stock copies, and how it wants arguments.
FAMILIES = {
    "llama3": ("llama3_1", "object"),
    "qwen2.5": ("qwen2_5", "object"),
    "qwen3": ("qwen3", "object"),
    "gemma3": ("gemma3", "object"),
    "phi3": ("phi3", "object"),
    "deepseek": ("deepseekv3", "text"),
    "gpt-oss": ("gptoss", "object"),
}


def some(row, test):
    """Whether a turn of the row is so."""
    return any(test(turn) for turn in turns_of(row))


def tools_of(row):
    """The definitions of the row, of a JSON text too."""
    tools = row.get("tools") or []
    return json.loads(tools) if isinstance(tools, str) else tools


REASONS = [
    # ftdata is right to be stricter: nothing raises, and what is trained is wrong.
    Reason(
        "a template is no trainer: without an answer, or without turns, it prints what there is",
        rules=names("missing-assistant-turn missing-messages"),
    ),
    Reason(
        "a turn without a role, or of an unknown one, vanishes without a word or is printed under a strange header",
        rules=names("malformed-message unknown-role alias-role misplaced-system"),
    ),
    Reason(
        "a content that is null, missing or no text is printed as None, as Python spells it, or as nothing",
        rules=names("missing-content null-content wrong-content-type malformed-part"),
    ),
    Reason(
        "a list of parts in a turn whose content is not read, or read as parts, does no harm",
        rules=names("mixed-content-types malformed-part"),
        where=lambda row: some(row, lambda turn: isinstance(turn.get("content"), list)),
    ),
    Reason(
        "calls and results where the roles happen to alternate: they vanish without a word",
        rules=names("tools-not-supported incomplete-tool-call"),
        where=lambda row: some(row, lambda turn: turn.get("tool_calls") or turn.get("role") == "tool"),
    ),
    Reason(
        "an old function_call is not printed, nor a turn of the role function",
        rules=names("legacy-function-call parallel-tool-calls tools-not-supported"),
        where=lambda row: some(row, lambda turn: "function_call" in turn or turn.get("role") == "function"),
    ),
    Reason(
        "Llama 3.1 prints the first turn as the user's where there are tools, without its calls",
        rules=names("parallel-tool-calls incomplete-tool-call"),
        where=lambda row: bool(row.get("tools")) and any(turn.get("tool_calls") for turn in turns_of(row)[:2]),
    ),
    Reason(
        "DeepSeek prints a turn with an empty tool_calls without its text, and says nothing",
        rules=names("empty-tool-calls"),
        where=lambda row: some(row, lambda turn: turn.get("tool_calls") == []),
    ),
    Reason(
        "gpt-oss asks only for some call before a result: one too many, or apart from its call, is printed as the last call's",
        rules=names("stray-tool-result"),
        where=lambda row: some(row, lambda turn: turn.get("role") == "tool"),
    ),
    Reason(
        "parameters that are no JSON schema are printed as they are",
        rules=names("invalid-tool-definition"),
        where=lambda row: any('"type": "object"' not in json.dumps(made) for made in tools_of(row)),
    ),
    # ftdata is right to warn only: the turn vanishes, and what raises is what depends on it.
    Reason(
        "calls of another role than the assistant vanish, so that their results stand behind none",
        words="no previous assistant message with a tool call",
        where=lambda row: some(row, lambda turn: turn.get("role") != "assistant" and turn.get("tool_calls")),
    ),
    # ftdata has to learn it.
    Reason(
        "text and reasoning beside calls raise in gpt-oss, text alone is dropped",
        words="Cannot pass both content and thinking",
        mend="FT163 has one severity for a target, and the text that is dropped without a word is the commoner fault: a rule of its own",
    ),
]  # fmt: skip
ORDER = names(
    "consecutive-roles first-turn-not-user misplaced-system several-systems unknown-role alias-role developer-role "
    "tools-not-supported malformed-message legacy-function-call"
)
CONTENT = names(
    "missing-content null-content wrong-content-type mixed-content-types malformed-part legacy-function-call content-key-absent"
)
CALLS = names(
    "incomplete-tool-call arguments-not-string parallel-tool-calls malformed-message empty-tool-calls invalid-tool-definition"
)
SAME = {
    "roles must alternate": ORDER,
    "Invalid content type|unsupported operand|concatenate str|NoneType|None has no element|has no attribute 'content'|not a mapping": CONTENT,
    "concatenate str|Undefined|has no attribute|has no element|not iterable": CALLS,
    "NoneType' has no len": names("empty-tool-calls"),
    "Object of type Undefined": names("missing-content"),
    "has no attribute 'text'": names("media-limits"),
    "single tool-calls at once": names("parallel-tool-calls empty-tool-calls incomplete-tool-call"),
    "Chat messages should be dicts|not iterable|has no attribute|no element|KeyError|has no len|concatenate|index": names(
        "malformed-message missing-messages unknown-format wrong-content-type"
    ),
    "'(tool_calls|role|type|function)'": names("malformed-message incomplete-tool-call missing-messages"),
    "no previous assistant message": names("stray-tool-result"),
    "no first user message": names("missing-assistant-turn"),
}


# What a template does silently, and the rules that say so.
SILENT = {
    "lost turn": names(
        "unknown-role alias-role developer-role tools-not-supported mixed-content-types content-with-tool-calls misplaced-system "
        "several-systems malformed-message malformed-part wrong-content-type legacy-function-call stripped-reasoning empty-tool-calls"
    ),
    "lost call": names(
        "first-turn-not-user "
        "tools-not-supported parallel-tool-calls unknown-role alias-role malformed-message unanswered-tool-call incomplete-tool-call "
        "misplaced-tool-call"
    ),
    "None printed": names(
        "missing-content null-content wrong-content-type arguments-not-json incomplete-tool-call malformed-part"
    ),
    "encoded twice": names("arguments-string"),
    "Python printed": names("mixed-content-types wrong-content-type malformed-part arguments-not-json missing-content"),
}
SILENCES: list[Reason] = [
]  # fmt: skip


def marked(row):
    """The row with a mark in every text and every argument, so that what a template drops is missed afterwards."""
    row = copy.deepcopy(row)
    for number, turn in enumerate(row["messages"] if isinstance(row.get("messages"), list) else []):
        if not isinstance(turn, dict):
            continue
        content = turn.get("content")
        if isinstance(content, str) and content.strip():
            turn["content"] = f"{content.rstrip()} [t{number}]{content[len(content.rstrip()) :]}"
        for part in content if isinstance(content, list) else []:
            if isinstance(part, dict) and isinstance(part.get("text"), str) and part["text"].strip():
                part["text"] += f" [t{number}]"
        for at, made in enumerate(turn["tool_calls"] if isinstance(turn.get("tool_calls"), list) else []):
            function = made.get("function") if isinstance(made, dict) else None
            arguments = function.get("arguments") if isinstance(function, dict) else None
            if isinstance(arguments, dict):
                function["arguments"] = {"place": f"Brest [c{number}.{at}]"}
            elif isinstance(arguments, str) and arguments.startswith('{"'):
                function["arguments"] = json.dumps({"place": f"Brest [c{number}.{at}]"})
    return row


def renderer_of(template):
    """Return what renders a row with one of TRL's stock templates, or raises as the template does."""
    from transformers.utils.chat_template_utils import render_jinja_template

    folder = Path(importlib.util.find_spec("trl").origin).parent / "chat_templates"
    source = (folder / f"{template}.jinja").read_text("utf-8")

    def render(row):
        tools = tools_of(row) or None  # decoded, as TRL does before it renders
        texts, _ = render_jinja_template([row["messages"]], chat_template=source, tools=tools, bos_token="<s>", eos_token="</s>")
        return texts[0]

    return render


def harm(row, text):
    """Name what the template did silently: lost a turn or a call, printed None or Python's spelling, or encoded twice."""
    kinds = set()
    written = json.dumps(row["messages"], ensure_ascii=False)
    for mark in re.findall(r"\[[tc]\d+(?:\.\d+)?\]", written):
        if mark not in text:
            kinds.add("lost turn" if mark[1] == "t" else "lost call")
    if "None" in text:
        kinds.add("None printed")
    if '{\\"place' in text:
        kinds.add("encoded twice")
    if "{'" in text or "['" in text:
        kinds.add("Python printed")
    return kinds


def rows_of(family):
    style = Style(arguments=FAMILIES[family][1])
    cases = generate(1500, seed=409, bases=BASES, style=style)
    return [Case(marked(case.row), case.faults) for case in cases]


@pytest.fixture(scope="module")
def peers():
    """The peers' modules are here, or the tests are skipped."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    if importlib.util.find_spec("trl") is None:
        pytest.skip("TRL, whose stock templates these are, is not installed")


def judge_with(render):
    """Return the judgement of a template: the words of what it raises, or None."""

    def judge(row):
        try:
            render(row)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    return judge


@pytest.fixture(scope="module")
def judged(peers, tmp_path_factory):
    """For each family its rows and what ftdata finds in them."""
    folder = tmp_path_factory.mktemp("templates")
    cases = {family: rows_of(family) for family in FAMILIES}
    return {family: (found, ours([case.row for case in found], family, folder)) for family, found in cases.items()}


@pytest.fixture(scope="module")
def outcomes(judged):
    """The comparison for each family."""
    return {family: compare(*judged[family], judge_with(renderer_of(FAMILIES[family][0])), REASONS, SAME) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_template_raises_on_is_an_error(family, outcomes):
    check(outcomes[family])


def test_every_reason_still_explains_something(outcomes):
    check_idle(list(outcomes.values()), REASONS)


def test_what_a_template_does_silently_is_found(judged):
    known, blind, found = collections.Counter(), [], 0
    for family, (cases, verdicts) in judged.items():
        render = renderer_of(FAMILIES[family][0])
        for case, verdict in zip(cases, verdicts, strict=True):
            if judge_with(render)(case.row) is not None:
                continue
            for kind in harm(case.row, render(case.row)):
                if SILENT[kind] & {name for name, severity in verdict.items() if severity != "info"}:
                    found += 1
                    continue
                why = next((r.why for r in SILENCES if re.search(r.words, kind) and r.where(case.row)), None)
                known[why] += 1
                if why is None:
                    messages = json.dumps(case.row["messages"], ensure_ascii=False)
                    blind.append(f"{family}: {kind}, {'+'.join(case.faults)}: {messages[:400]}")
    print(f"silent faults: {found} found, {sum(known.values())} not, of these {len(blind)} unexplained", dict(known))
    assert not blind, "\n".join(blind[:12])
    assert set(known) == {reason.why for reason in SILENCES}
