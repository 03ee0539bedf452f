"""What is read from a model folder, and what is said of a folder that is none."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftdata.errors import FtdataError
from ftdata.template import read_model_folder


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, value in files.items():
        name = name.replace("__", ".")
        (folder / name).write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), "utf-8")
    return folder


def test_a_template_file_goes_before_the_entry_in_the_config(tmp_path):
    folder = read_model_folder(write(tmp_path, chat_template__jinja="file", tokenizer_config__json={"chat_template": "entry"}))
    assert folder.chat_template == "file" and folder.template_file == "chat_template.jinja"
    assert any("different chat templates" in note for note in folder.notes)


@pytest.mark.parametrize(
    ("entry", "default", "names"),
    [
        ("one", "one", ["default"]),
        ([{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}], "d", ["default", "tool_use"]),
        ({"default": "d", "rag": "r"}, "d", ["default", "rag"]),
        ([{"name": "tool_use", "template": "t"}], "t", ["tool_use"]),
        ([], None, []),
        (7, None, []),
    ],
)
def test_templates_are_read_in_every_form(tmp_path, entry, default, names):
    folder = read_model_folder(write(tmp_path, tokenizer_config__json={"chat_template": entry}))
    assert folder.chat_template == default and list(folder.templates) == names


def test_additional_templates_stand_in_their_own_folder(tmp_path):
    write(tmp_path, chat_template__jinja="d")
    write(tmp_path / "additional_chat_templates", tool_use__jinja="t")
    assert dict(read_model_folder(tmp_path).templates) == {"default": "d", "tool_use": "t"}


def test_the_template_of_a_processor_is_found(tmp_path):
    assert read_model_folder(write(tmp_path, chat_template__json={"chat_template": "p"})).chat_template == "p"


def test_line_breaks_of_windows_are_read_as_python_reads_them(tmp_path):
    (tmp_path / "chat_template.jinja").write_bytes(b"\xef\xbb\xbfa\r\nb\rc")
    assert read_model_folder(tmp_path).chat_template == "a\nb\nc"


@pytest.mark.parametrize(
    ("tokenizer_config", "config", "length"),
    [
        ({"model_max_length": 4096}, {}, 4096),
        ({"model_max_length": 1000000000000000019884624838656}, {"max_position_embeddings": 8192}, 8192),
        ({"model_max_length": 131072}, {"max_position_embeddings": 32768}, 32768),
        ({}, {"text_config": {"max_position_embeddings": 2048}}, 2048),
        ({"model_max_length": 1e30}, {}, None),
        ({"model_max_length": -1}, {"max_position_embeddings": True}, None),
        ({"model_max_length": "long"}, {"n_positions": 1024}, 1024),
        (
            {"model_max_length": 131072},
            {"max_position_embeddings": 32768, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}},
            131072,
        ),
        (
            {},
            {"max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}},
            131072,
        ),
    ],
)  # fmt: skip
def test_the_context_is_the_smaller_sane_number(tmp_path, tokenizer_config, config, length):
    folder = read_model_folder(write(tmp_path, tokenizer_config__json=tokenizer_config, config__json=config))
    assert folder.max_length == length
    assert (folder.max_length_source is None) == (length is None)


def test_special_tokens_come_from_every_file(tmp_path):
    write(
        tmp_path,
        tokenizer_config__json={
            "eos_token": {"content": "<e>"},
            "added_tokens_decoder": {"7": {"content": "<d>", "special": True}},
        },
        special_tokens_map__json={"bos_token": "<b>", "eos_token": "<not this>", "pad_token": {"content": "<p>"}},
        tokenizer__json={
            "added_tokens": [{"id": 1, "content": "<j>", "special": True}, {"id": 2, "content": "<plain>", "special": False}]
        },
        generation_config__json={"eos_token_id": [1, 7, 99]},
    )
    folder = read_model_folder(tmp_path)
    assert dict(folder.special) == {"bos_token": "<b>", "eos_token": "<e>", "pad_token": "<p>"}
    assert folder.special_tokens == ("<b>", "<d>", "<e>", "<j>", "<p>")
    assert folder.stop_tokens == ("<j>", "<d>", "<e>")


def test_a_real_tokenizer_that_adds_bos_is_known_to(make_folder):
    assert read_model_folder(make_folder("llama31", adds_bos=True)).adds_bos is True
    assert read_model_folder(make_folder("llama31")).adds_bos is False


@pytest.mark.parametrize(
    ("processor", "flag", "adds"),
    [
        ({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}, None, True),
        ({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}}]}, None, False),
        ({"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]}]}, None, True),
        ({"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2]}, None, True),
        ({"type": "ByteLevel"}, None, False),
        ({"type": "ByteLevel"}, True, True),
        ({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]}, False, False),
        (None, None, False),
    ],
)  # fmt: skip
def test_who_adds_bos_is_read_from_the_post_processor_and_the_flag(tmp_path, processor, flag, adds):
    config = {"bos_token": "<s>"} | ({} if flag is None else {"add_bos_token": flag})
    write(tmp_path, tokenizer_config__json=config, tokenizer__json={"post_processor": processor, "added_tokens": []})
    assert read_model_folder(tmp_path).adds_bos is adds


def test_a_folder_that_is_none_says_what_is_missing_and_what_next(tmp_path):
    with pytest.raises(FtdataError, match=r"holds no tokenizer_config\.json") as caught:
        read_model_folder(tmp_path)
    assert "save_pretrained" in caught.value.hint
    with pytest.raises(FtdataError, match="is no folder"):
        read_model_folder(tmp_path / "nothing")


def test_a_hub_cache_names_the_snapshot_to_use(tmp_path):
    (tmp_path / "snapshots" / "abc123").mkdir(parents=True)
    with pytest.raises(FtdataError, match="hub cache") as caught:
        read_model_folder(tmp_path)
    assert "abc123" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json", "generation_config.json"])
def test_a_broken_file_is_named(tmp_path, name, content, words):
    write(tmp_path, chat_template__jinja="x")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FtdataError, match=words) as caught:
        read_model_folder(tmp_path)
    assert name in caught.value.message


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["content", "id", "special", "type", "single", "processors", "SpecialToken", "name", "template", "factor", "cls", "7"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
KEYS = st.sampled_from(
    ["chat_template", "bos_token", "model_max_length", "added_tokens", "added_tokens_decoder", "post_processor", "eos_token_id",
     "add_bos_token", "text_config", "rope_scaling", "max_position_embeddings", "model_type"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(st.sampled_from(["tokenizer_config__json", "config__json", "tokenizer__json", "generation_config__json"]),
                             st.dictionaries(KEYS, ANY), min_size=1))  # fmt: skip
def test_no_content_of_the_files_is_more_than_an_ftdata_error(tmp_path, files):
    for path in tmp_path.iterdir():
        path.unlink()
    with contextlib.suppress(FtdataError):
        read_model_folder(write(tmp_path, **files))
