from __future__ import annotations

import base64
import inspect
import json
import socket
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdata.errors import FtdataError, MissingTokenizer
from ftdata.measure import tokens
from ftdata.measure.tokens import (
    BUNDLED,
    ENCODINGS,
    BundledTokenizer,
    TiktokenTokenizer,
    encoding_for_model,
    load_tokenizer,
    read_tokens,
)

SPACED = [
    "a \u3000 b", "\u00a0 x", " \u2028  y", "\x1c z", "end.\n\n/ next", "a\n b \n  c",
    "=" * 200 + " =", " " * 150,
    "I'll SHE'LL don'ſ t", "안녕하세요 세계", "日本語のテキスト", "https://example.com/a?b=c&d=e", "x" * 300,
]  # fmt: skip
WHOLE = {name: BundledTokenizer(name) for name in BUNDLED}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    """No network, an empty tiktoken cache, and a cache folder of our own."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "tiktoken"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load_tokenizer.cache_clear()
    yield
    load_tokenizer.cache_clear()


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("o200k_base", "hello world", [24912, 2375]),
        ("cl100k_base", "hello world", [15339, 1917]),
        ("o200k_harmony", "hello world", [24912, 2375]),
    ],
)
def test_bundled_encodings_work_offline(name, text, ids):
    tokenizer = load_tokenizer(name)
    assert tokenizer.name == name
    assert tokenizer.encode(text) == ids
    assert tokenizer.count([text, "", text]) == [2, 0, 2]


def test_special_token_text_is_counted_as_text():
    assert load_tokenizer("o200k_base").count(["<|endoftext|>"]) == [7]


def test_lone_surrogates_are_counted():
    assert load_tokenizer("o200k_base").count(["\ud800x"]) == load_tokenizer("o200k_base").count(["\ufffdx"])


def test_constants_are_tiktokens():
    """Pattern and hash of every encoding stand in the source of the installed tiktoken."""
    from tiktoken_ext import openai_public

    source = inspect.getsource(openai_public)
    for encoding in ENCODINGS.values():
        assert encoding.sha256 in source
    assert openai_public.r50k_pat_str == tokens._R50K_PATTERN
    assert tokens._CL100K_PATTERN in source
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *args, **kwargs: {})
        assert openai_public.o200k_base()["pat_str"] == tokens._O200K_PATTERN
        assert openai_public.cl100k_base()["pat_str"] == tokens._CL100K_PATTERN
        assert openai_public.o200k_harmony()["pat_str"] == tokens._O200K_PATTERN
        assert openai_public.p50k_edit()["pat_str"] == tokens._R50K_PATTERN


@pytest.mark.parametrize("name", BUNDLED)
def test_tokens_come_the_same_from_package_and_cache(name, tmp_path):
    encoding = ENCODINGS[name]
    first = read_tokens(encoding)
    assert (tmp_path / "cache" / "ftdata" / f"{name}.tokens").is_file()
    assert read_tokens(encoding) == first
    ranks = tokens._parse_ranks(tokens._read_bundled(encoding))
    assert ranks == {token: rank for rank, token in enumerate(first)}


def test_a_damaged_cache_is_written_again(tmp_path):
    encoding = ENCODINGS["cl100k_base"]
    first = read_tokens(encoding)
    cached = tmp_path / "cache" / "ftdata" / "cl100k_base.tokens"
    whole = cached.read_bytes()
    cached.write_bytes(whole[:-1] + b"!")
    assert read_tokens(encoding) == first
    assert cached.read_bytes() == whole
    assert [path.name for path in cached.parent.iterdir()] == ["cl100k_base.tokens"]


def test_no_cache_folder_is_no_obstacle(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert len(read_tokens(ENCODINGS["cl100k_base"])) == 100256


def test_a_damaged_vocabulary_is_refused(monkeypatch, tmp_path):
    (tmp_path / "_vocab").mkdir()
    (tmp_path / "_vocab" / "o200k_base.tiktoken.gz").write_bytes(b"\x1f\x8bnonsense")
    monkeypatch.setattr(tokens.resources, "files", lambda package: tmp_path)
    with pytest.raises(FtdataError, match=r"o200k_base\.tiktoken\.gz is damaged"):
        load_tokenizer("o200k_base").count(["x"])


@pytest.mark.parametrize("name", ["p50k_base", "r50k_base", "p50k_edit", "gpt2"])
def test_an_encoding_that_is_not_at_hand_is_not_downloaded(name):
    with pytest.raises(MissingTokenizer, match=f"encoding {name} is not at hand") as caught:
        load_tokenizer(name)
    assert "tiktoken.get_encoding" in str(caught.value.hint)


def test_an_encoding_comes_from_tiktokens_cache(monkeypatch, tmp_path):
    """A rank file that tiktoken left is read, one whose hash is wrong is not."""
    import hashlib

    content = b"\n".join(base64.b64encode(bytes([i])) + b" %d" % i for i in range(256))
    small = tokens.Encoding("tiny", hashlib.sha256(content).hexdigest(), r"\S+|\s+")
    monkeypatch.setitem(ENCODINGS, "tiny", small)
    url = b"https://openaipublic.blob.core.windows.net/encodings/tiny.tiktoken"
    cached = tmp_path / "tiktoken" / hashlib.sha1(url).hexdigest()
    cached.parent.mkdir()
    cached.write_bytes(content)
    assert load_tokenizer("tiny").count(["four"]) == [4]
    load_tokenizer.cache_clear()
    cached.write_bytes(content + b"\n")
    with pytest.raises(MissingTokenizer):
        load_tokenizer("tiny")
    assert cached.read_bytes() == content + b"\n"


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(MissingTokenizer, match="Did you mean 'o200k_base'"):
        load_tokenizer("o200kbase")


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-5.1-mini", "o200k_base"),
        ("chatgpt-4o-latest", "o200k_base"),
        ("o4-mini", "o200k_base"),
        ("o1", "o200k_base"),
        ("gpt-oss-20b", "o200k_harmony"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("davinci-002", "cl100k_base"),
        ("babbage-002", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("ft:gpt-4.1-mini-2025-04-14:org::id", "o200k_base"),
        ("ft:gpt-4o-2024-08-06:org:name:id:ckpt-step-10", "o200k_base"),
        ("ft:o4-mini-2025-04-16:org::id", "o200k_base"),
        ("ft:gpt-3.5-turbo-0613:org::id", "cl100k_base"),
        ("ft:gpt-4-0613:org::id", "cl100k_base"),
        ("gpt-4.1-mini-2025-04-14.ft-0123", "o200k_base"),
        ("gpt-4.2", None),
        ("gpt-40", None),
        ("o1x", None),
        ("Qwen/Qwen3-8B", None),
        ("ft:", None),
        ("", None),
    ],
)
def test_the_encoding_of_a_model(model, encoding):
    assert encoding_for_model(model) == encoding


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize(
    "text",
    [
        " " * 250_000 + "end",
        "start\n\n" + "\t " * 125_000 + "end",
        "start!" + "\u3000" * 200_001 + "12",
        "a" + " " * 200_001,
        "a" + " " * 200_001 + "\nb" + " " * 200_005 + "c",
        "é" + " " * 200_001 + "\x1cb",
    ],
)
def test_long_runs_of_space_count_as_tiktoken_would(name, text):
    """At these lengths tiktoken still answers; at 700,000 spaces it panics and we count the same way."""
    tokenizer = WHOLE[name]
    assert tokenizer.encode(text) == TiktokenTokenizer._encode(tokenizer, text)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_million_spaces_do_not_panic(name):
    text = "a" + " " * 1_000_000 + "b"
    encoded = WHOLE[name].encode(text)
    assert b"".join(map(WHOLE[name]._core.decode_single_token_bytes, encoded)) == text.encode()


def test_without_numba_much_text_is_counted_by_tiktoken(monkeypatch):
    monkeypatch.setitem(sys.modules, "ftdata.measure.bpe", None)
    monkeypatch.delattr("ftdata.measure.bpe", raising=False)
    tokenizer = load_tokenizer("o200k_base")
    tokenizer.prepare(1 << 40)
    assert tokenizer.count(["hello world"] * 3) == [2, 2, 2]
    assert tokenizer._kernel is None


def test_little_text_starts_no_kernel():
    tokenizer = load_tokenizer("o200k_base")
    tokenizer.prepare(100_000)
    tokenizer.count(["hello world"])
    assert tokenizer._kernel is None


def test_much_text_is_counted_by_the_kernel():
    pytest.importorskip("numba", reason="the compiled counter needs ftdata[fast]")
    tokenizer = load_tokenizer("o200k_base")
    texts = [f"text {number}, 안녕하세요!" for number in range(2000)]
    expected = tokenizer.count([*texts, *texts])
    tokenizer.prepare(1 << 30, threads=2)
    assert tokenizer.count([*texts, *texts]) == expected
    assert tokenizer._kernel is not None
    assert tokenizer.count([]) == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=40) | st.sampled_from(SPACED), max_size=8))
def test_few_texts_are_counted_as_by_the_whole_vocabulary(texts):
    for name, core in WHOLE.items():
        small = BundledTokenizer(name)
        assert small.count(texts) == [len(core.encode(text)) for text in texts]
        assert small._built is None


def test_no_token_is_longer_than_assumed():
    for name in BUNDLED:
        assert max(map(len, read_tokens(ENCODINGS[name]))) == tokens._LONGEST_TOKEN


def test_many_small_calls_build_the_whole_vocabulary_once():
    tokenizer = BundledTokenizer("cl100k_base")
    for number in range(10):
        assert tokenizer.count([f"hello {number}"]) == [3]
    assert tokenizer._built is not None


# --- tokenizer files ------------------------------------------------------------------------------


@pytest.fixture
def hugging_face_folder(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="needs ftdata[tokenizers]")
    folder = tmp_path / "my-model"
    folder.mkdir()
    vocab = {"<unk>": 0, "hello": 1, "world": 2, "end": 3}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="<end> $A", special_tokens=[("<end>", 4)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_model_folder_counts_text_alone(hugging_face_folder):
    """No truncation, no padding, no added special tokens; special-token text is text."""
    tokenizer = load_tokenizer(str(hugging_face_folder))
    assert tokenizer.name == "tokenizer.json of my-model"
    assert tokenizer.encode("hello world hello") == [1, 2, 1]
    assert tokenizer.count(["hello world hello", "<end>", "", "\ud800", "<end>"]) == [3, 3, 0, 1, 3]
    assert load_tokenizer(str(hugging_face_folder / "tokenizer.json")).encode("end") == [3]


def test_a_broken_tokenizer_json_says_so(tmp_path):
    pytest.importorskip("tokenizers", reason="needs ftdata[tokenizers]")
    (tmp_path / "tokenizer.json").write_text('{"version": ')
    with pytest.raises(FtdataError, match=r"tokenizer\.json: not a tokenizer\.json that can be loaded"):
        load_tokenizer(str(tmp_path))


def test_without_tokenizers_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(MissingTokenizer) as caught:
        load_tokenizer(str(tmp_path))
    assert "pip install ftdata[tokenizers]" in str(caught.value.hint)


def test_a_folder_without_a_tokenizer_says_so(tmp_path):
    with pytest.raises(MissingTokenizer, match=r"holds no tokenizer\.json"):
        load_tokenizer(str(tmp_path))


def test_a_rank_file_is_known_by_its_content(tmp_path):
    known = tmp_path / "renamed.tiktoken"
    known.write_bytes(tokens._read_bundled(ENCODINGS["cl100k_base"]))
    assert load_tokenizer(str(known)).name == "cl100k_base"
    other = tmp_path / "qwen.tiktoken"
    other.write_bytes(b"IQ== 0\n")
    with pytest.raises(MissingTokenizer, match="no pattern"):
        load_tokenizer(str(other))


def test_tekken_is_a_pattern_and_ranks(tmp_path):
    entries = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate([*(bytes([value]) for value in range(256)), b"ab", b"cd"])
    ]
    model = {
        "config": {"pattern": r"\S+|\s+", "default_vocab_size": 1257, "default_num_special_tokens": 1000},
        "vocab": entries,
    }
    (tmp_path / "tekken.json").write_text(json.dumps(model))
    tokenizer = load_tokenizer(str(tmp_path))
    assert tokenizer.encode("abcd") == [1256, 1099, 1100]
    assert tokenizer.count(["abcd", "abab"]) == [3, 2]
    load_tokenizer.cache_clear()
    (tmp_path / "tekken.json").write_text("[1]")
    with pytest.raises(FtdataError, match=r"not a tekken\.json"):
        load_tokenizer(str(tmp_path))


def test_no_warning_on_counting(hugging_face_folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_tokenizer(str(hugging_face_folder)).count(["hello"])
