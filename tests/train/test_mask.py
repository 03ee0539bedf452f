"""The mask is the answers and what ends them, token by token, whatever the template: against a slow reference of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_cases import FAMILIES, TOKENS, TOOLS

pytest.importorskip("jinja2")
pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE

from ftdata.errors import FtdataError
from ftdata.formats import parse
from ftdata.train.mask import Masker, Refusal

# What surrounds an answer in each family, as its authors publish it: the header that inference ends with, and the end.
ANSWERS = {
    "llama31": (r"<\|start_header_id\|>assistant<\|end_header_id\|>\n\n", r"<\|eot_id\|>"),
    "chatml": (r"<\|im_start\|>assistant\n", r"<\|im_end\|>"),
    "qwen25": (r"<\|im_start\|>assistant\n", r"<\|im_end\|>"),
    "qwen3": (r"<\|im_start\|>assistant\n", r"<\|im_end\|>"),
    "gemma": (r"<start_of_turn>model\n", r"<end_of_turn>"),
    "phi3": (r"<\|assistant\|>\n", r"<\|end\|>(?:\n<\|endoftext\|>)?"),
    "mistral": (r"\[/INST\]", r"</s>"),
    "deepseek": (r"<｜Assistant｜>", r"<｜end▁of▁sentence｜>"),
}
NO_SYSTEM = ("gemma",)


def byte_tokenizer(special, merges=()):
    """A tokenizer of bytes, and of the merges given: a token of it is a known number of bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(BPE({word: number for number, word in enumerate(words)}, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer


def make_folder(path, template, bos, eos, special, *, merges=(), adds_bos=False):
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_tokenizer([token for token in (bos, eos, *special) if token], merges)
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(
        json.dumps({"bos_token": bos, "eos_token": eos, "chat_template": template}), "utf-8"
    )
    return path


@pytest.fixture(scope="module")
def maskers(tmp_path_factory):
    made = {}
    for name, (bos, eos, special) in TOKENS.items():
        folder = make_folder(tmp_path_factory.mktemp(name), (FAMILIES / f"{name}.jinja").read_text("utf-8"), bos, eos, special)
        made[name] = Masker(folder)
    yield made
    for masker in made.values():
        masker.renderer.close()


def sample(turns, tools=None):
    row = {"messages": turns} | ({"tools": tools} if tools else {})
    return parse(row, "openai-chat-tools" if tools else "openai-chat")


def one(masker, turns, tools=None):
    (outcome,) = masker.sequences([sample(turns, tools)])
    return outcome


def reference(text, family, kept):
    """The slow way: characters between an answer's header and its end, both as published; ``kept`` says which answers count."""
    header, end = ANSWERS[family]
    spans = [match.span(1) for match in re.finditer(f"(?s){header}(.*?{end})", text)]
    return [span for span, keep in zip(spans, kept, strict=True) if keep]


def slowly_masked(text, spans, tokenizer, special):
    """Walk through the text character by character: a special token is one token, any other character as many as it has bytes."""
    expected, at = [], 0
    while at < len(text):
        token = next((token for token in sorted(special, key=len, reverse=True) if text.startswith(token, at)), None)
        size = len(token) if token else 1
        inside = any(start <= at and at + size <= end for start, end in spans)
        expected += [inside] * (1 if token else len(text[at].encode()))
        at += size
    return expected


words = st.text(st.sampled_from("abc 가나다?!.\n🙂é{}[]\"'"), max_size=12).map(lambda text: "x" + text + "x")
answers = st.tuples(words, st.sampled_from([None, 0, 1]))
exchanges = st.lists(st.tuples(words, answers), min_size=1, max_size=3)


@pytest.mark.parametrize("family", sorted(TOKENS))
@given(system=st.none() | words, talk=exchanges)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_mask_is_that_of_a_slow_reference(maskers, family, system, talk):
    masker = maskers[family]
    turns = [{"role": "system", "content": system}] if system is not None and family not in NO_SYSTEM else []
    kept = []
    for question, (answer, weight) in talk:
        turns.append({"role": "user", "content": question})
        turns.append({"role": "assistant", "content": answer} | ({} if weight is None else {"weight": weight}))
        kept.append(weight != 0)
    outcome = one(masker, turns)
    if not any(kept):
        assert isinstance(outcome, Refusal) and "no assistant turn" in outcome.reason
        return
    assert not isinstance(outcome, Refusal), outcome
    special = [token for token in (*TOKENS[family][:2], *TOKENS[family][2]) if token]
    if len(outcome) == 1 and _count(outcome[0].text, family) == len(kept):
        spans = reference(outcome[0].text, family, kept)
        assert outcome[0].trained == slowly_masked(outcome[0].text, spans, masker.tokenizer, special)
    else:
        assert [sequence.turns for sequence in outcome] == [
            (at,) for at, turn in enumerate(turns) if turn["role"] == "assistant" and turn.get("weight") != 0
        ]
        for sequence in outcome:
            before = sum(turn["role"] == "assistant" for turn in turns[: sequence.turns[0] + 1])
            spans = [reference(sequence.text, family, [True] * _count(sequence.text, family))[-1]]
            assert _count(sequence.text, family) == before
            assert sequence.trained == slowly_masked(sequence.text, spans, masker.tokenizer, special)
    for sequence in outcome:
        assert masker.tokenizer.decode(sequence.ids, skip_special_tokens=False) == sequence.text
        assert "".join(part for part, _ in sequence.parts()) == sequence.text
        stop = ANSWERS[family][1]
        assert all(re.search(f"{stop}$", part) for part, trained in sequence.parts() if trained)


def _count(text, family):
    header, end = ANSWERS[family]
    return len(re.findall(f"(?s){header}.*?{end}", text))


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


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


def trl_templates():
    trl = pytest.importorskip("trl")
    return sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))


REAL = {
    "llama3": ANSWERS["llama31"], "llama3_1": ANSWERS["llama31"], "llama3_2": ANSWERS["llama31"], "qwen2_5": ANSWERS["qwen25"],
    "qwen3": ANSWERS["qwen3"], "qwen3_instruct_2507": ANSWERS["qwen3"], "gemma3": ANSWERS["gemma"], "phi3": (r"<\|assistant\|>\n", r"<\|end\|>(?:\n<\|endoftext\|>)?"),
    "phi3_5": (r"<\|assistant\|>\n", r"<\|end\|>(?:\n<\|endoftext\|>)?"), "deepseekv3": ANSWERS["deepseek"],
    "deepseek_r1_distill": ANSWERS["deepseek"], "cohere": (r"<\|START_OF_TURN_TOKEN\|><\|CHATBOT_TOKEN\|>", r"<\|END_OF_TURN_TOKEN\|>"),
}  # fmt: skip
STOPS = {
    "llama": "<|eot_id|>",
    "qwen": "<|im_end|>",
    "gemma": "<end_of_turn>",
    "phi": "<|endoftext|>",
    "deep": "<｜end▁of▁sentence｜>",
    "cohe": "<|END_OF_TURN_TOKEN|>",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(REAL))
def test_the_mask_of_real_templates_is_what_their_markers_say(name, tmp_path):
    source = next(path for path in trl_templates() if path.stem == name).read_text("utf-8")
    stop = next(token for prefix, token in STOPS.items() if name.startswith(prefix))
    special = sorted(set(re.findall(r"<\|[^|<>\n]{1,40}\|>|<｜[^｜]{1,40}｜>|<start_of_turn>|<end_of_turn>", source)) - {stop})
    folder = make_folder(tmp_path / "m", source, "<s>", stop, special)
    header, end = REAL[name]
    talk = [
        turn("system", "Be 짧게."),
        turn("user", "Which way?"),
        turn("assistant", "North, 북쪽."),
        turn("user", "And 🙂?"),
        turn("assistant", "South."),
    ]
    with Masker(folder) as masker:
        sequences = one(masker, talk)
        assert not isinstance(sequences, Refusal), sequences
        said = []
        for sequence in sequences:
            spans = [match.span(1) for match in re.finditer(f"(?s){header}(.*?{end})", sequence.text)]
            spans = spans if len(sequences) == 1 else spans[-1:]
            assert sequence.trained == slowly_masked(sequence.text, spans, masker.tokenizer, ["<s>", stop, *special])
            said += [part for part, trained in sequence.parts() if trained]
    assert ["북쪽" in said[0], "South" in said[1], len(said)] == [True, True, 2]
