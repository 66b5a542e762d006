"""Which model is meant, and what is refused before anything is loaded; without transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.errors import ConfigError
from gossamer.nlu.featurizers.language_model import folder as folder_module
from gossamer.nlu.featurizers.language_model.featurizer import LanguageModelFeaturizer
from gossamer.nlu.featurizers.language_model.folder import ModelFolder
from gossamer.nlu.featurizers.language_model.options import (
    LanguageModelFeaturizerOptions,
    Pooling,
)
from gossamer.nlu.pipeline.options_reader import read_options


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """What looks like a model, and cannot be loaded."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "roberta"}', "utf-8")
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "vocab.txt").write_text("a\nb\n", "utf-8")
    return path


def find(path: Path | str, *, may_download: bool = True, **options: Any) -> ModelFolder:
    chosen = read_options(LanguageModelFeaturizer, {"model_weights": str(path), **options})
    assert isinstance(chosen, LanguageModelFeaturizerOptions)
    return ModelFolder.find(chosen, may_download=may_download)


def asks_for(path: Path, **modes: Any) -> None:
    (path / "1_Pooling").mkdir()
    (path / "1_Pooling" / "config.json").write_text(json.dumps(modes), "utf-8")


@pytest.mark.parametrize(
    ("model_type", "pooling"),
    [
        ("bert", Pooling.FIRST),
        ("distilbert", Pooling.FIRST),
        ("openai-gpt", Pooling.MEAN),
        ("gpt2", Pooling.MEAN),
        ("xlnet", Pooling.MEAN_OF_WORDS),
        ("roberta", Pooling.MEAN_OF_WORDS),
        ("camembert", Pooling.MEAN_OF_WORDS),
        ("electra", Pooling.MEAN),
    ],
)
def test_texts_get_their_vector_as_in_rasa(model: Path, model_type: str, pooling: Pooling) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": model_type}), "utf-8")
    assert find(model).pooling is pooling


@pytest.mark.parametrize(
    ("modes", "pooling"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, Pooling.MEAN),
        ({"pooling_mode_cls_token": True, "include_prompt": True}, Pooling.FIRST),
        ({"pooling_mode": "mean"}, Pooling.MEAN),
    ],
)
def test_a_folder_of_sentence_transformers_says_how(
    model: Path, modes: dict[str, Any], pooling: Pooling
) -> None:
    asks_for(model, **modes)
    assert find(model).pooling is pooling
    assert find(model, pooling="mean_of_words").pooling is Pooling.MEAN_OF_WORDS


@pytest.mark.parametrize(
    "modes",
    [
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        {"pooling_mode": ["mean"]},
        {},
    ],
)
def test_another_pooling_is_refused(model: Path, modes: dict[str, Any]) -> None:
    asks_for(model, **modes)
    with pytest.raises(ConfigError, match="must be that of the first vector or the mean"):
        find(model)


def test_model_name_must_be_what_the_model_is(model: Path) -> None:
    with pytest.raises(ConfigError, match=r"'roberta'.*got 'bert'.*Try: model_name: roberta"):
        find(model, model_name="bert")
    with pytest.raises(ConfigError, match="got 'bert'"):
        find(model, rasa_defaults=True)  # Rasa's default is bert
    assert find(model, model_name="roberta").sha256 == find(model).sha256
    (model / "config.json").write_text('{"model_type": "mpnet"}', "utf-8")
    with pytest.raises(ConfigError, match="Try: model_name: auto"):
        find(model, model_name="bert")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "vocab.txt"])
def test_the_checksum_is_of_all_that_counts(model: Path, file: str) -> None:
    before = find(model).sha256
    (model / "README.md").write_text("words", "utf-8")
    (model / "pytorch_model.bin").write_bytes(b"code")
    assert find(model).sha256 == before
    with (model / file).open("a", encoding="utf-8") as opened:
        opened.write(" ")
    assert find(model).sha256 != before


@pytest.mark.parametrize("config", [None, "{}", "[]", '{"model_type": 3}', "{", "[" * 100_000])
def test_a_folder_without_a_model(model: Path, config: str | None) -> None:
    (model / "config.json").unlink()
    if config is not None:
        (model / "config.json").write_text(config, "utf-8")
    with pytest.raises(ConfigError, match=r"must hold a config.json|must be readable"):
        find(model)


def test_weights_that_may_run_code_are_refused(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"safetensors.*pytorch_model.bin.*save_pretrained"):
        find(model)


def test_an_adapter_is_refused(model: Path) -> None:
    (model / "adapter_config.json").write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match="not an adapter"):
        find(model)


@pytest.mark.parametrize("weights", ["./nowhere", "a/b/c", "a/../b", "../x", "a b"])
def test_what_is_no_folder_and_no_name(weights: str) -> None:
    with pytest.raises(ConfigError, match="must be a folder with a language model, or its name"):
        find(weights)


@pytest.mark.parametrize("weights", ["//host/share", "\\\\host\\share", ""])
def test_what_would_ask_another_computer(weights: str) -> None:
    for option in ("model_weights", "cache_dir"):
        with pytest.raises(ConfigError, match=f"option '{option}'"):
            read_options(LanguageModelFeaturizer, {option: weights})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Names that the hub's library was asked for, and whether it might use the network."""
    hub = pytest.importorskip("huggingface_hub")
    calls: list[tuple[str, bool]] = []

    def snapshot(name: str, *, local_files_only: bool, **_: Any) -> str:
        calls.append((name, not local_files_only))
        raise OSError("no such model\nat all")

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    return calls


def test_a_model_of_the_hub_that_is_not_there(
    asked: list[tuple[str, bool]], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as failure:
        find("some/model", cache_dir=str(tmp_path))
    message = str(failure.value)
    assert "could not be downloaded: no such model" in message
    assert f"hf download some/model --cache-dir {tmp_path}" in message
    assert asked == [("some/model", False), ("some/model", True)]


def test_nothing_is_downloaded_where_that_is_not_allowed(asked: list[tuple[str, bool]]) -> None:
    with pytest.raises(ConfigError, match="must be on this computer; "):
        find("some/model", may_download=False)
    assert asked == [("some/model", False)]


def test_rasas_weights(asked: list[tuple[str, bool]]) -> None:
    for name, weights in [("auto", "rasa/LaBSE"), ("bert", "rasa/LaBSE"), ("gpt", "openai-gpt")]:
        options = LanguageModelFeaturizerOptions.model_validate({"model_name": name})
        with pytest.raises(ConfigError, match=weights):
            ModelFolder.find(options, may_download=False)


def test_what_is_in_the_cache_is_not_asked_for(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    calls = []

    def snapshot(name: str, *, local_files_only: bool, **_: Any) -> str:
        calls.append(local_files_only)
        return str(model)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    assert find("some/model").path == model
    (model / "model.safetensors").unlink()  # a download that was broken off
    with pytest.raises(ConfigError, match="safetensors"):
        find("some/model")
    assert calls == [True, True, False]


def test_the_hubs_library_is_as_it_was() -> None:
    hub = pytest.importorskip("huggingface_hub")
    before = hub.constants.HF_HUB_DISABLE_TELEMETRY, hub.utils.are_progress_bars_disabled()
    with folder_module.quiet_hub():
        assert hub.constants.HF_HUB_DISABLE_TELEMETRY
        assert hub.utils.are_progress_bars_disabled()
    assert before == (
        hub.constants.HF_HUB_DISABLE_TELEMETRY,
        hub.utils.are_progress_bars_disabled(),
    )
