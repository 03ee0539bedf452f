"""The mask is the answers and what ends them: routes, weights, control tokens, limits, pairs, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_cases import FAMILIES, TOKENS, TOOLS

pytest.importorskip("jinja2")
pytest.importorskip("tokenizers")

from mask_cases import byte_tokenizer, family_folder, make_folder, one, sample, special_of, turn
from tokenizers import Tokenizer, normalizers
from tokenizers.models import BPE

from ftdata.errors import FtdataError
from ftdata.formats import parse
from ftdata.train.mask import Masker, Refusal
from ftdata.train.totals import Totals


@pytest.fixture(scope="module")
def maskers(tmp_path_factory):
    made = {name: Masker(family_folder(tmp_path_factory.mktemp(name), name)) for name in TOKENS}
    yield made
    for masker in made.values():
        masker.renderer.close()


def test_reasoning_of_earlier_answers_is_trained_as_inference_wrote_it(maskers):
    turns = [
        turn("user", "a?"),
        turn("assistant", "<think>\nhm\n</think>\n\none"),
        turn("user", "b?"),
        turn("assistant", "<think>\nso\n</think>\n\ntwo"),
    ]
    sequences = one(maskers["qwen3"], turns)
    assert [sequence.route for sequence in sequences] == ["per turn", "per turn"]
    trained = ["".join(part for part, is_trained in sequence.parts() if is_trained) for sequence in sequences]
    assert "hm" in trained[0] and "one" in trained[0] and "so" in trained[1] and "hm" not in sequences[1].text


def test_what_only_the_prompt_of_inference_says_is_trained_with(maskers):
    turns = [
        turn("system", "Be brief."),
        turn("user", "a?"),
        turn("assistant", "one"),
        turn("user", "b?"),
        turn("assistant", "two"),
    ]
    sequences = one(maskers["mistral"], turns)
    assert [sequence.route for sequence in sequences] == ["composed", "composed"]
    assert sequences[0].text == "<s>[INST] Be brief.\n\na?[/INST] one</s>"
    assert sequences[1].text == "<s>[INST] a?[/INST] one</s>[INST] Be brief.\n\nb?[/INST] two</s>"


def test_tool_calls_are_trained_and_results_are_not(maskers):
    call = {"id": "abcdefgh0", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "파리"}'}}
    turns = [
        turn("user", "Warm?"),
        turn("assistant", "", tool_calls=[call]),
        turn("tool", "21 degrees", tool_call_id="abcdefgh0"),
        turn("assistant", "Yes."),
    ]
    (sequence,) = one(maskers["qwen25"], turns, TOOLS)
    trained = [part for part, is_trained in sequence.parts() if is_trained]
    assert '"city": "파리"' in trained[0] and '\\"' not in trained[0]
    assert trained[1] == "Yes.<|im_end|>" and "21 degrees" not in "".join(trained)


def test_an_answer_that_the_template_leaves_out_is_refused(maskers, tmp_path):
    folder = make_folder(
        tmp_path / "m", "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}<x>", None, "<x>", []
    )
    with Masker(folder) as masker:
        outcome = one(masker, [turn("user", "a"), turn("assistant", "b")])
    assert isinstance(outcome, Refusal)
    call = {"id": "abcdefgh0", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    outcome = one(maskers["chatml"], [turn("user", "a"), turn("assistant", "", tool_calls=[call])], TOOLS)
    assert isinstance(outcome, Refusal) and "get_weather" in outcome.reason


def test_a_control_token_in_a_text_is_refused(maskers):
    outcome = one(maskers["chatml"], [turn("user", "a <|im_end|> b"), turn("assistant", "c")])
    assert isinstance(outcome, Refusal) and "<|im_end|>" in outcome.reason


GENERATION = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}"
    "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def test_generation_blocks_are_used_where_the_template_has_them(tmp_path):
    folder = make_folder(tmp_path / "m", GENERATION, "<s>", "</s>", ["<|user|>", "<|assistant|>"])
    with Masker(folder) as masker:
        (sequence,) = one(
            masker, [turn("user", "a"), turn("assistant", "b", weight=0), turn("user", "c"), turn("assistant", "d")]
        )
    assert sequence.route == "generation"
    assert sequence.parts()[-1] == ("d</s>", True) and sequence.n_trained == 2


def test_generation_blocks_around_something_else_are_not_believed(tmp_path):
    wrong = GENERATION.replace("m.role == 'assistant'", "m.role == 'user'")
    folder = make_folder(tmp_path / "m", wrong, "<s>", "</s>", ["<|user|>", "<|assistant|>"])
    with Masker(folder) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "b")])
    assert sequence.route == "prefix" and [part for part, trained in sequence.parts() if trained] == ["b"]
    assert sequence.notes


def test_a_bos_is_never_doubled(tmp_path):
    folder = make_folder(tmp_path / "m", GENERATION, "<s>", "</s>", ["<|user|>", "<|assistant|>"], adds_bos=True)
    with Masker(folder) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "b")])
        assert sequence.ids.count(masker.tokenizer.token_to_id("<s>")) == 1


def test_a_tokenizer_that_leaves_characters_out_is_not_believed(tmp_path):
    folder = family_folder(tmp_path / "m", "chatml")
    kept = BPE(vocab={chr(code): at for at, code in enumerate(range(32, 127))}, merges=[])
    tokenizer = Tokenizer(kept)
    tokenizer.add_special_tokens(special_of("chatml"))
    tokenizer.save(str(folder / "tokenizer.json"))
    with Masker(folder) as masker:
        outcome = one(masker, [turn("user", "a"), turn("assistant", "b")])
    assert isinstance(outcome, Refusal) and "has no token for" in outcome.reason


def test_a_token_that_crosses_into_the_answer_belongs_to_the_prompt(tmp_path):
    template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}#{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    folder = make_folder(tmp_path / "m", template, None, "#", [], merges=[("Ġ", "b")])
    with Masker(folder) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "bc")])
        trained = [
            masker.tokenizer.decode([number], skip_special_tokens=False)
            for number, is_trained in zip(sequence.ids, sequence.trained, strict=True)
            if is_trained
        ]
    assert trained == ["c", "#"]


def test_a_sample_that_is_too_long_is_refused_or_loses_whole_exchanges(maskers):
    turns = [turn("system", "s"), turn("user", "a" * 30), turn("assistant", "b" * 30), turn("user", "c"), turn("assistant", "d")]
    masker = maskers["chatml"]
    whole = len(one(masker, turns)[0].ids)
    masker.max_tokens = whole - 1
    try:
        outcome = one(masker, turns)
        assert isinstance(outcome, Refusal) and f"{whole:,} tokens" in outcome.reason
        masker.too_long = "drop-turns"
        (sequence,) = one(masker, turns)
        assert sequence.dropped_turns == 2 and "bbb" not in sequence.text and "system\ns" in sequence.text
        assert [part for part, trained in sequence.parts() if trained] == ["d<|im_end|>"]
        masker.max_tokens = 10
        assert isinstance(one(masker, turns), Refusal)
    finally:
        masker.max_tokens, masker.too_long = None, "refuse"


def test_pairs_share_their_prompt_and_train_the_continuation(maskers):
    row = {
        "input": {"messages": [turn("user", "a?")]},
        "preferred_output": [turn("assistant", "good")],
        "non_preferred_output": [turn("assistant", "bad")],
    }
    ((chosen, rejected),) = maskers["llama31"].pairs([parse(row, "openai-dpo")])
    assert chosen.parts()[-1] == ("good<|eot_id|>", True) and rejected.parts()[-1] == ("bad<|eot_id|>", True)
    first = chosen.trained.index(True)
    assert chosen.ids[:first] == rejected.ids[:first]
    (refused,) = maskers["llama31"].pairs([sample([turn("user", "a"), turn("assistant", "b")])])
    assert isinstance(refused, Refusal)
    (refused,) = maskers["llama31"].sequences([parse(row, "openai-dpo")])
    assert isinstance(refused, Refusal)


@pytest.mark.parametrize(
    "template", ["{% for i in range(10**9) %}x{% endfor %}", "{{ raise_exception('no') }}", "{{ ''.__class__ }}", "{% if"]
)
def test_a_hostile_template_is_a_refusal_with_its_reason(tmp_path, template):
    folder = make_folder(tmp_path / "m", template, None, "</s>", [])
    with Masker(folder) as masker:
        outcome = one(masker, [turn("user", "a"), turn("assistant", "b")])
    assert isinstance(outcome, Refusal) and outcome.reason


def test_a_folder_without_a_tokenizer_or_template_is_explained(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    with pytest.raises(FtdataError, match=r"tokenizer\.json"):
        Masker(tmp_path / "m")
    byte_tokenizer(["</s>"]).save(str(tmp_path / "m" / "tokenizer.json"))
    with pytest.raises(FtdataError, match="chat template"):
        Masker(tmp_path / "m")
    (tmp_path / "m" / "tokenizer.json").write_text('{"version": 1}')
    with pytest.raises(FtdataError):
        Masker(tmp_path / "m", template="{{ messages }}")


def trained(sequence):
    return [part for part, is_trained in sequence.parts() if is_trained]


def byte_family(path, name, **settings):
    return Masker(family_folder(path / name, name), **settings)


# --- The stop token -------------------------------------------------------------------------------

NEXT = (
    "{% for m in messages %}<|{{ 'observation' if m.role == 'tool' else m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def next_marker_folder(path):
    roles = ["<|user|>", "<|assistant|>", "<|observation|>", "<|system|>"]
    folder = make_folder(path / "m", NEXT, None, "<|endoftext|>", roles)
    tokenizer = byte_tokenizer(["<|endoftext|>", *roles])
    ids = [tokenizer.token_to_id(token) for token in ("<|endoftext|>", "<|user|>", "<|observation|>")]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}), "utf-8")
    return folder


def test_an_answer_that_the_next_turn_ends_is_trained_with_its_marker(tmp_path):
    with Masker(next_marker_folder(tmp_path)) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")])
    assert trained(sequence) == ["b<|user|>", "d<|user|>"] and sequence.trained[-1]
    assert any("next turn" in note for note in sequence.notes)


def test_where_no_file_names_a_stop_token_the_one_after_the_answer_is_taken(tmp_path):
    folder = make_folder(
        tmp_path / "m", (FAMILIES / "chatml.jinja").read_text("utf-8"), None, None, ["<|im_start|>", "<|im_end|>"]
    )
    with Masker(folder) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "b")])
    assert trained(sequence) == ["b<|im_end|>"] and any("<|im_end|> is taken" in note for note in sequence.notes)


def test_an_answer_that_nothing_ends_is_noted(tmp_path):
    folder = make_folder(tmp_path / "m", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", None, "</s>", [])
    with Masker(folder) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "b")])
    assert any("does not learn to stop" in note for note in sequence.notes)


# --- Control tokens in the data -------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        [turn("user", "a <|im_end|> b"), turn("assistant", "c")],
        [turn("user", "a"), turn("assistant", "b", reasoning_content="<|im_start|>")],
    ],
)
def test_a_control_token_anywhere_in_the_data_is_refused(maskers, row):
    outcome = one(maskers["chatml"], row)
    assert isinstance(outcome, Refusal) and "control token" in outcome.reason


def test_a_control_token_spelled_by_two_parts_is_refused_where_the_template_joins_them(tmp_path):
    template = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}<e>{% endfor %}"
    parts = [{"type": "text", "text": "<|im_"}, {"type": "text", "text": "end|>"}]
    with Masker(make_folder(tmp_path / "m", template, None, "<e>", ["<|im_end|>"])) as masker:
        outcome = one(masker, [turn("user", parts), turn("assistant", "c")])
    assert isinstance(outcome, Refusal) and "control token" in outcome.reason


def test_a_control_token_in_a_tool_definition_is_refused(maskers):
    tools = [{"type": "function", "function": {"name": "f", "description": "<|im_end|>", "parameters": {}}}]
    outcome = one(maskers["qwen25"], [turn("user", "a"), turn("assistant", "c")], tools)
    assert isinstance(outcome, Refusal) and "control token" in outcome.reason


def test_a_control_token_made_of_data_and_template_together_is_refused(tmp_path):
    template = "{% for m in messages %}<|{{ m.content }}|>{{ m.content }}<e>{% endfor %}"
    folder = make_folder(tmp_path / "m", template, None, "<e>", ["<|x", "y|>"])
    with Masker(folder) as masker:
        assert isinstance(one(masker, [turn("user", "x"), turn("assistant", "b")]), Refusal)
        assert isinstance(one(masker, [turn("user", "a"), turn("assistant", "by")]), Refusal)
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "b")])
    assert "<|b|>b<e>" in sequence.text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(
        st.sampled_from(["<|im_end|>", "<|im_start|>", "<|endoftext|>", "x", " ", "답", "\n", "<|im"]), max_size=5
    ).map("".join)
)
def test_control_tokens_of_the_data_can_be_ordinary_text(as_text, pieces):
    turns = [turn("user", f"a{pieces}"), turn("assistant", f"b{pieces}c{pieces}")]
    (sequence,) = one(as_text, turns)
    special = {as_text.tokenizer.token_to_id(token) for token in ("<|im_end|>", "<|im_start|>", "<|endoftext|>")}
    assert sequence.text == f"<|im_start|>user\na{pieces}<|im_end|>\n<|im_start|>assistant\nb{pieces}c{pieces}<|im_end|>\n"
    assert [number in special for number in sequence.ids].count(True) == 4
    assert as_text.tokenizer.decode(sequence.ids, skip_special_tokens=False) == sequence.text
    assert trained(sequence) == [f"b{pieces}c{pieces}<|im_end|>"]
    assert sum(sequence.trained) == len(f"b{pieces}c{pieces}".encode()) + 1


@pytest.fixture(scope="module")
def as_text(tmp_path_factory):
    with Masker(family_folder(tmp_path_factory.mktemp("text"), "chatml"), control_tokens="text") as masker:
        yield masker


def test_control_tokens_of_the_data_can_be_control_tokens_when_told(tmp_path):
    with byte_family(tmp_path, "chatml", control_tokens="token") as masker:
        (sequence,) = one(masker, [turn("user", "a<|im_end|>"), turn("assistant", "c")])
        assert sequence.ids.count(masker.tokenizer.token_to_id("<|im_end|>")) == 3


def test_a_spelling_that_the_tokenizer_normalises_into_a_control_token_is_refused(tmp_path):
    folder = family_folder(tmp_path / "m", "chatml")
    file = folder / "tokenizer.json"
    value = json.loads(file.read_text("utf-8"))
    value["normalizer"] = {"type": "Lowercase"}
    for token in value["added_tokens"]:
        token["normalized"] = True
    file.write_text(json.dumps(value), "utf-8")
    with Masker(folder) as masker:
        outcome = one(masker, [turn("user", "a <|IM_END|>"), turn("assistant", "c")])
    assert isinstance(outcome, Refusal) and "control token" in outcome.reason


# --- Forms ----------------------------------------------------------------------------------------


def test_parts_are_joined_for_a_template_of_texts_and_made_for_a_template_of_parts(maskers, tmp_path):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    (sequence,) = one(maskers["chatml"], [turn("user", parts), turn("assistant", "c")])
    assert "user\na\nb<|im_end|>" in sequence.text and any("list of parts" in note for note in sequence.notes)
    template = "{% for m in messages %}<{{ m.role }}>{% for p in m.content %}{{ p.text }}{% endfor %}<e>{% endfor %}"
    with Masker(make_folder(tmp_path / "m", template, None, "<e>", ["<user>", "<assistant>"])) as masker:
        (sequence,) = one(masker, [turn("user", "ab"), turn("assistant", "cd")])
    assert sequence.text == "<user>ab<e><assistant>cd<e>"


def test_a_sample_with_an_image_is_refused(maskers):
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    outcome = one(maskers["chatml"], [turn("user", parts), turn("assistant", "c")])
    assert isinstance(outcome, Refusal) and "only text" in outcome.reason


def test_a_null_is_left_out_and_reasoning_stands_under_the_name_the_template_reads(maskers):
    call = {"id": "abcdefgh0", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turns = [
        turn("user", "a"),
        turn("assistant", None, tool_calls=[call], thinking="why"),
        turn("tool", "1", tool_call_id="abcdefgh0"),
    ]
    outcome = one(maskers["qwen3"], turns, TOOLS)
    assert "why\n</think>" in trained(outcome[0])[0] and "None" not in outcome[0].text


def test_reasoning_that_the_template_leaves_out_is_noted(maskers):
    (sequence,) = one(maskers["chatml"], [turn("user", "a"), turn("assistant", "b", reasoning_content="why")])
    assert any("leaves out the reasoning" in note for note in sequence.notes)


def test_a_bare_template_is_opened_with_a_tokenizer_beside_it(tmp_path):
    folder = family_folder(tmp_path / "m", "chatml")
    template = tmp_path / "mine.jinja"
    template.write_text((FAMILIES / "chatml.jinja").read_text("utf-8"), "utf-8")
    with pytest.raises(FtdataError, match="makes no tokens"):
        Masker(template)
    for tokenizer in (folder, folder / "tokenizer.json"):
        with Masker(template, tokenizer=tokenizer) as masker:
            assert trained(one(masker, [turn("user", "a"), turn("assistant", "b")])[0]) == ["b<|im_end|>"]
    with Masker(template, tokenizer=(folder / "tokenizer.json").rename(folder / "other.json")) as masker:
        assert trained(one(masker, [turn("user", "a"), turn("assistant", "b")])[0]) == ["b<|im_end|>"]


# --- Offsets --------------------------------------------------------------------------------------


def test_a_post_processor_that_trims_offsets_does_not_move_the_mask(tmp_path):
    template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}<e>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    folder = make_folder(tmp_path / "m", template, None, "<e>", [], merges=[("Ġ", "b")])
    file = folder / "tokenizer.json"
    value = json.loads(file.read_text("utf-8"))
    value["post_processor"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    file.write_text(json.dumps(value), "utf-8")
    with Masker(folder) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "bc")])
    assert sum(sequence.trained) == 2 and any("crosses" in note for note in sequence.notes)


def test_a_space_that_the_tokenizer_puts_before_a_piece_is_of_the_answer(tmp_path):
    letters = sorted(set("usera istn:<>▁답bc"))
    tokenizer = Tokenizer(BPE({letter: at for at, letter in enumerate(letters)}, []))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(["[A]", "</s>"])
    folder = make_folder(
        tmp_path / "m",
        "{% for m in messages %}{{ m.content }}{{ '[A]' if m.role == 'user' else '</s>' }}{% endfor %}",
        None,
        "</s>",
        [],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    with Masker(folder) as masker:
        (sequence,) = one(masker, [turn("user", "a"), turn("assistant", "답 b")])
        made = [masker.tokenizer.id_to_token(number) for number, keep in zip(sequence.ids, sequence.trained, strict=True) if keep]
    assert made == ["▁", "답", "▁", "b", "</s>"]


# --- Limits, weights, pairs, totals ---------------------------------------------------------------


def test_turns_are_counted_as_in_the_whole_sample_after_some_were_left_out(tmp_path):
    turns = [turn("system", "s")]
    for number in range(40):
        turns += [turn("user", f"q{number}" * 5), turn("assistant", f"a{number}")]
    with byte_family(tmp_path, "chatml", max_tokens=200, too_long="drop-turns") as masker:
        (sequence,) = one(masker, turns)
        assert len(sequence.ids) <= 200 < len(sequence.ids) + 60
        assert sequence.dropped_turns % 2 == 0 and sequence.turns == tuple(range(sequence.dropped_turns + 2, 81, 2))
        assert [part.removesuffix("<|im_end|>") for part in trained(sequence)] == [turns[at]["content"] for at in sequence.turns]
        assert "system\ns<|im_end|>" in sequence.text and any("answers that would be trained" in note for note in sequence.notes)
        masker.too_long = "refuse"
        assert isinstance(one(masker, turns), Refusal)


def test_one_sequence_per_answer_loses_only_what_is_too_much(tmp_path):
    turns = [turn("user", "q" * 60), turn("assistant", "one"), turn("user", "r"), turn("assistant", "two")]
    with byte_family(tmp_path, "qwen3", max_tokens=90, too_long="drop-turns") as masker:
        outcome = one(masker, turns)
        # The first answer has its question, which alone is too long.
        assert isinstance(outcome, Refusal) and "cannot be made short enough" in outcome.reason
        first, second = one(masker, [*turns[2:], turn("user", "q" * 40), turn("assistant", "two")])
    assert first.dropped_turns == 0 and second.turns == (3,) and second.dropped_turns == 2 and "q" * 40 in second.text


def test_a_weight_between_is_one_and_noted(maskers):
    (sequence,) = one(maskers["chatml"], [turn("user", "a"), turn("assistant", "b", weight=0.5)])
    assert trained(sequence) == ["b<|im_end|>"] and any("weight" in note for note in sequence.notes)


def preference(prompt, chosen, rejected):
    row = {"input": {"messages": prompt}, "preferred_output": chosen, "non_preferred_output": rejected}
    return parse(row, "openai-dpo")


def test_turns_with_which_both_sides_begin_are_prompt(maskers):
    start = [turn("assistant", "same"), turn("user", "more?")]
    pair = preference([turn("user", "a?")], [*start, turn("assistant", "good")], [*start, turn("assistant", "bad")])
    ((chosen, rejected),) = maskers["llama31"].pairs([pair])
    assert trained(chosen) == ["good<|eot_id|>"] and trained(rejected) == ["bad<|eot_id|>"]


def test_both_sides_of_a_pair_lose_the_same_turns(tmp_path):
    prompt = [turn("user", "q" * 50), turn("assistant", "one"), turn("user", "r?")]
    pair = preference(prompt, [turn("assistant", "good")], [turn("assistant", "bad" * 5)])
    with byte_family(tmp_path, "chatml", max_tokens=80, too_long="drop-turns") as masker:
        ((chosen, rejected),) = masker.pairs([pair])
    assert chosen.dropped_turns == rejected.dropped_turns == 2 and "qq" not in chosen.text + rejected.text
    assert chosen.turns == rejected.turns == (3,)


def test_samples_of_a_batch_are_masked_as_alone(maskers):
    rows = [
        sample([turn("user", "a"), turn("assistant", "b")]),
        sample([turn("user", "a")]),
        sample([turn("system", "s"), turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")]),
        sample([turn("user", "<｜User｜>"), turn("assistant", "b")]),
    ] * 40
    for name in ("deepseek", "mistral", "phi3"):
        together = list(maskers[name].sequences(rows))
        alone = [next(iter(maskers[name].sequences([row]))) for row in rows[:4]]
        assert together == alone * 40


def test_totals_count_what_the_sequences_hold(maskers):
    totals = Totals()
    rows = [sample([turn("system", "sss"), turn("user", "aa"), turn("assistant", "bbbb")]), sample([turn("user", "a")])]
    for outcome in maskers["chatml"].sequences(rows):
        totals.add(outcome)
    (sequence,) = one(maskers["chatml"], [turn("system", "sss"), turn("user", "aa"), turn("assistant", "bbbb")])
    assert totals.samples == totals.sequences == 1 and dict(totals.refused) == {"no assistant turn is trained": 1}
    assert totals.tokens == totals.longest == len(sequence.ids) == sum(totals.roles.values()) and totals.trained == 5
    # <|im_start|> role \n text; the end of a turn is printed before the next one
    assert totals.roles == {"system": 1 + 7 + 3, "user": 1 + 1 + 1 + 5 + 2, "assistant": 1 + 1 + 1 + 10 + 4 + 1 + 1}
