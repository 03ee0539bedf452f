"""The mask equals a slow reference, token by token, for generated conversations in the templates of the named families.

The reference knows nothing of prompts and prefixes: it knows the markers that each family publishes, looks at the text character by
character, and counts the bytes of each token.
"""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_cases import TOKENS, TOOLS

pytest.importorskip("jinja2")
pytest.importorskip("tokenizers")

from mask_cases import ANSWERS, NO_SYSTEM, count, family_folder, learned, one, reference, slowly_masked, special_of, turn

from ftdata.train.mask import Masker, Refusal

WITH_TOOLS = ("llama31", "qwen25", "qwen3", "mistral", "deepseek")


@pytest.fixture(scope="module")
def maskers(tmp_path_factory):
    made = {}
    for name in TOKENS:
        for merges, settings_ in (("bytes", {}), ("learned", {"merges": learned()})):
            made[name, merges] = Masker(family_folder(tmp_path_factory.mktemp(name), name, **settings_))
    yield made
    for masker in made.values():
        masker.renderer.close()


# Ends and beginnings of markers, words of templates, edges of white space: what a mask goes wrong on.
# fmt: off
MARKS = ["", " ", "\n", "\n\n", "<", "|>", "<|", "<|im_end", "assistant", "assistant\n", "user", "[[", "]]", "[", "]", "[/INST", "</", "s>"]
LETTERS = ["답", "그래요?", "🙂", "👩‍👩‍👧", "é", "e\u0301", "{", "}", '"', "\\", "'", "&amp;", "{{ x }}", "x", "zqanchorqz", "\u200b", "\t"]
# fmt: on
fragments = st.sampled_from([*MARKS, *LETTERS])
words = st.lists(fragments, max_size=5).map("".join)
weights = st.sampled_from([None, None, 0, 1])
values = st.dictionaries(st.sampled_from(["city", "도시"]), words, max_size=2)
calls = st.tuples(values, words, weights)
exchanges = st.lists(st.tuples(words, st.none() | calls, words, weights), min_size=1, max_size=3)


def conversation(family, system, talk):
    """The turns, and for each assistant turn whether it is trained."""
    turns = [turn("system", system)] if system is not None and family not in NO_SYSTEM else []
    kept = []

    def answer(weight, content, **more):
        turns.append(turn("assistant", content, **more) | ({} if weight is None else {"weight": weight}))
        kept.append(weight != 0)

    for question, call, said, weight in talk:
        turns.append(turn("user", question))
        if call is not None and family in WITH_TOOLS:
            arguments, result, call_weight = call
            function = {"name": "get_weather", "arguments": json.dumps(arguments, ensure_ascii=False)}
            answer(call_weight, None, tool_calls=[{"id": "abcdefgh0", "type": "function", "function": function}])
            turns.append(turn("tool", result, tool_call_id="abcdefgh0"))
        answer(weight, said)
    return turns, kept


@pytest.mark.parametrize("merges", ["bytes", "learned"])
@pytest.mark.parametrize("family", sorted(TOKENS))
@given(system=st.none() | words, talk=exchanges)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_mask_is_that_of_a_slow_reference(maskers, family, merges, system, talk):
    masker = maskers[family, merges]
    turns, kept = conversation(family, system, talk)
    tools = TOOLS if any(item.get("tool_calls") for item in turns) else None
    outcome = one(masker, turns, tools)
    if not any(kept):
        assert isinstance(outcome, Refusal) and "no assistant turn" in outcome.reason
        return
    assert not isinstance(outcome, Refusal), outcome
    answers = [at for at, item in enumerate(turns) if item["role"] == "assistant"]
    if outcome[0].turns == tuple(at for at, keep in zip(answers, kept, strict=True) if keep) and count(
        outcome[0].text, family
    ) == len(kept):
        expected = [reference(outcome[0].text, family, kept)]
        assert len(outcome) == 1
    else:
        assert [sequence.turns for sequence in outcome] == [(at,) for at, keep in zip(answers, kept, strict=True) if keep]
        expected = []
        for sequence in outcome:
            before = answers.index(sequence.turns[0]) + 1
            assert count(sequence.text, family) == before
            expected.append(reference(sequence.text, family, [False] * (before - 1) + [True]))
    for sequence, spans in zip(outcome, expected, strict=True):
        assert sequence.spans == spans
        assert sequence.trained == slowly_masked(sequence.text, spans, masker.tokenizer, sequence.ids)
        assert "".join(part for part, _ in sequence.parts()) == sequence.text
        for at, (part, _) in zip(sequence.turns, [pair for pair in sequence.parts() if pair[1]], strict=True):
            assert re.search(f"{ANSWERS[family][1]}$", part)
            assert (turns[at]["content"] or "").strip() in part
        assert sum(sequence.roles.values()) == len(sequence.ids)
        whole = masker.tokenizer.encode(sequence.text, add_special_tokens=False)
        assert sequence.ids == whole.ids
        control = [token for token, _ in masker.special.find(sequence.text)]
        assert [
            masker.tokenizer.id_to_token(number)
            for number in whole.ids
            if masker.tokenizer.id_to_token(number) in special_of(family)
        ] == control
