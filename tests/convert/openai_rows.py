"""Generated rows in OpenAI's shape: Korean, emoji, empty and null contents, tools, parts, weights, keys that nobody knows."""

from __future__ import annotations

import json

from hypothesis import strategies as st

PHRASES = [
    "", " ", "안녕하세요, 오늘 날씨가 어때요?", "물때는 정오입니다. 🌊", "👩🏽‍🚀", "A knot?\n", " Bowline.", "é", "e\u0301", "\x00", "\ud83d",
    "<image>", "a <video> b", "\n\nHuman: Hi\n\nAssistant: ", "<|im_start|>user\nx<|im_end|>\n", "[|AI|] x", "USER: x", "<human>: a <bot>: b",
    '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>', "<tools>[]</tools>", "<functioncall> {}", "<think>\nhm\n</think>\n\nyes",
    '[{"role": "user", "content": "x"}]', '{"result": "x"}', '{"m":11}', "null", "[1, 2]", "<|user|>", "assistant: no", "</s>",
    "<tool_response>\n1\n</tool_response>", "a\n</tool_response>\n<tool_response>\nb", "<|endoftext|>", "\r\n", "\u2028", "'",
]  # fmt: skip
texts = st.sampled_from(PHRASES) | st.text(max_size=8)
plain_texts = st.sampled_from(["안녕", "A knot?", "Bowline.", "🌊 하나", "x\ny"]) | st.text(
    st.characters(categories=["L", "N"]), min_size=1, max_size=8
)
numbers = st.sampled_from([0, 1, -1, 2**63, 2**64 + 1, -(2**70), 10**30, 0.5, 1.0, -0.0, 1e300, 0.1]) | st.booleans()
values = st.recursive(
    st.none() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=3)
extras = st.just({}) | st.dictionaries(
    st.sampled_from(["mood", "x/y~z", "", "label", "input", "id", "loss", "value", "prompt", "system", "질문", "text"]),
    values,
    max_size=2,
)
missing = object()


def made(**fields):
    """An object of the fields that are there."""
    return {key: value for key, value in fields.items() if value is not missing}


def maybe(strategy, *others):
    return st.one_of(st.just(missing), *map(st.just, others), strategy)


@st.composite
def calls(draw):
    arguments = draw(
        st.builds(
            lambda value, wide: json.dumps(value, ensure_ascii=wide, separators=(", ", ": ") if wide else (",", ":")),
            objects,
            st.booleans(),
        )
        | objects
        | texts
    )
    function = made(name=draw(st.sampled_from(["sound", "tide_at", "측심"])), arguments=arguments)
    identity = draw(st.sampled_from(["call_1", "call_2", "c-3", "abcdefghi", "호출"]) | st.just(missing))
    return made(id=identity, type=draw(st.sampled_from(["function", missing])), function=function) | draw(
        st.just({}) | st.just({"index": 0})
    )


parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(lambda url, more: {"type": "image_url", "image_url": {"url": url} | more},
              st.sampled_from(["https://example.org/a.png", "data:image/png;base64,AAAA", "s3://b/c.jpg"]), st.just({}) | st.just({"detail": "low"})),
    st.just({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    st.just({"type": "file", "file": {"file_id": "file-1", "filename": "a.pdf"}}),
    st.just({"type": "odd", "odd": 1}),
)  # fmt: skip
contents = texts | st.lists(parts, max_size=3)


@st.composite
def users(draw, said=contents):
    return made(role="user", content=draw(said), name=draw(maybe(st.just("kim")))) | draw(extras)


@st.composite
def answers(draw, said=texts):
    return made(
        role="assistant",
        content=draw(said),
        weight=draw(maybe(st.sampled_from([0, 1, 0.5, True, 1.0]), None)),
        name=draw(maybe(st.just("gull"), None)),
        refusal=draw(maybe(texts, None)),
        audio=draw(maybe(st.just({"id": "audio_1"}))),
        reasoning_content=draw(maybe(texts, None)),
        tool_calls=draw(st.sampled_from([missing, missing, missing, None, []])),
        function_call=draw(st.sampled_from([missing, missing, missing, None, {"name": "측심", "arguments": '{"buoy": 4}'}])),
    ) | draw(extras)


@st.composite
def tool_turns(draw):
    """An answer that calls tools, and the results."""
    made_calls = draw(st.lists(calls(), min_size=1, max_size=3))
    turn = made(role="assistant", content=draw(maybe(texts, None, "")), tool_calls=made_calls, weight=draw(maybe(st.just(0))))
    identities = draw(st.permutations([call.get("id", missing) for call in made_calls]))
    return [turn, *(made(role="tool", tool_call_id=identity, content=draw(contents)) for identity in identities)]


@st.composite
def tools(draw):
    function = {"name": draw(st.sampled_from(["sound", "측심"])), "parameters": draw(objects)} | draw(
        st.just({}) | st.just({"strict": True})
    )
    return [{"type": "function", "function": function} | draw(st.just({}) | st.just({"cache": 1}))]


@st.composite
def simple_turns(draw):
    """What most data is: a system prompt perhaps, questions and answers in turn, of texts alone."""
    turns = [{"role": "system", "content": draw(plain_texts)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 2))):
        turns += [{"role": "user", "content": draw(plain_texts)}, {"role": "assistant", "content": draw(plain_texts)}]
    return turns


@st.composite
def wild_turns(draw):
    turns = [{"role": draw(st.sampled_from(["system", "developer"])), "content": draw(contents)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 2))):
        turns.append(draw(users()))
        if draw(st.integers(0, 3)) == 0:
            turns += draw(tool_turns())
        turns.append(draw(answers()))
    return turns


@st.composite
def chats(draw):
    """A row of OpenAI's chat format."""
    turns = draw(simple_turns() | wild_turns())
    if draw(st.integers(0, 5)) == 0:
        turns.insert(-1, {"role": "function", "name": "측심", "content": "11 m"})
    row = made(
        messages=turns,
        tools=draw(maybe(tools(), [], None)),
        functions=draw(st.sampled_from([missing, missing, None, [{"name": "측심"}]])),
        parallel_tool_calls=draw(maybe(st.booleans(), None)),
        tool_choice=draw(maybe(st.just("auto"))),
    )
    return row | draw(extras)


@st.composite
def preferences(draw):
    """A row of OpenAI's preference format."""
    plain = draw(st.booleans())
    turns = draw(simple_turns())[:-1] if plain else [*draw(wild_turns())[:-1]]
    said = plain_texts if plain else texts
    one, other = (st.builds(lambda text: {"role": "assistant", "content": text}, said) if plain else answers() for _ in range(2))
    return {
        "input": made(messages=turns, tools=missing if plain else draw(maybe(tools()))),
        "preferred_output": [draw(one)],
        "non_preferred_output": [draw(other)],
    } | (draw(extras) if not plain else {})


@st.composite
def labelled(draw):
    """A chat row with a verdict on its answer."""
    return {"messages": draw(simple_turns() | wild_turns()), "label": draw(st.booleans())} | draw(
        st.just({}) | st.just({"mood": 1})
    )


@st.composite
def prompts(draw):
    """A row of OpenAI's reinforcement format."""
    turns = draw(simple_turns())[:-1]
    return {"messages": turns, "answer_key": draw(values)}


rows = st.one_of(chats(), preferences(), labelled(), prompts())
