"""The files of a language model on disk: found, looked through and summed up; nothing is run.

No other module asks the hub of Hugging Face for anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gossamer.data.errors import ConfigError
from gossamer.nlu.featurizers.language_model.options import (
    RASAS_MODELS,
    LanguageModelFeaturizerOptions,
    Pooling,
)

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
# What is read of a model. Other files, weights in other formats above all, are never looked at.
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_VOCABULARY = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_TOKENIZER = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)
_SUMMED_UP = ("config.json", *_VOCABULARY, *_TOKENIZER, *_WEIGHTS)
_POOLING = ("modules.json", "1_Pooling/config.json")
_MOST_BYTES_OF_JSON = 2**20


@dataclass(frozen=True)
class ModelFolder:
    """A language model on disk.

    Attributes:
        path: of its folder.
        model_type: the kind of model, in the words of transformers.
        pooling: how a text gets its vector.
        sha256: of all that decides about vectors: weights, configuration and tokenizer.
    """

    path: Path
    model_type: str
    pooling: Pooling
    sha256: str

    @classmethod
    def find(cls, options: LanguageModelFeaturizerOptions, *, may_download: bool) -> ModelFolder:
        """The model that the options name.

        Args:
            options: of the featurizer.
            may_download: whether a model of the hub that is not on disk is got from there.

        Raises:
            ConfigError: it cannot be had, or is not what the options say.
        """
        path = _path_of(options.weights, options.cache_dir, may_download=may_download)
        config = _json_of(path / "config.json")
        model_type = config.get("model_type") if isinstance(config, dict) else None
        if not isinstance(model_type, str):
            raise ConfigError(
                "the folder of a language model must hold a config.json with its model_type",
                got=str(path),
                hint="a folder that save_pretrained of transformers has written",
            )
        _check_type(model_type, options.model_name, path)
        if (path / "adapter_config.json").exists():
            # transformers would look for the model that it belongs to.
            raise ConfigError(
                "a language model must be a whole model, not an adapter of another",
                got=str(path),
                hint="merging the adapter into its model (merge_and_unload of peft)",
            )
        if not any(path.glob(_WEIGHTS[0])):
            others = sorted(file.name for kind in ("*.bin", "*.h5") for file in path.glob(kind))
            raise ConfigError(
                "the weights of a language model must be stored as safetensors; other formats may "
                "run code when they are read",
                got=others or "no weights",
                hint="loading the model with transformers and save_pretrained into a new folder"
                + (" and giving that as model_weights" if others else ""),
            )
        if not any(file for kind in _VOCABULARY for file in path.glob(kind)):
            # transformers would make one that knows no words.
            raise ConfigError(
                "the folder of a language model must hold its tokenizer",
                got=str(path),
                hint="save_pretrained of the tokenizer, into the same folder",
            )
        return cls(path, model_type, _pooling_of(path, model_type, options.pooling), _sum_up(path))


def _path_of(weights: str, cache_dir: str | None, *, may_download: bool) -> Path:
    folder = Path(weights).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(weights) or ".." in weights:
        raise ConfigError(
            "model_weights must be a folder with a language model, or its name on the Hugging Face "
            "hub",
            got=weights,
            hint="a folder that exists, as seen from the working directory",
        )
    found = _snapshot(weights, cache_dir, local_files_only=True)
    if isinstance(found, Path) and (found / "config.json").exists() and any(found.glob("*.s*")):
        return found
    tried = f"there is no folder of this name in {Path.cwd()}, and no such model in the cache of "
    tried += "Hugging Face" if cache_dir is None else cache_dir
    if may_download:
        found = _snapshot(weights, cache_dir, local_files_only=False)
        if isinstance(found, Path):
            return found
        tried += f", and it could not be downloaded: {found}"
    into = "" if cache_dir is None else f" --cache-dir {cache_dir}"
    raise ConfigError(
        f"a language model must be on this computer{' or the hub' if may_download else ''}; "
        f"{tried}",
        got=weights,
        hint=f"a folder as model_weights, or where there is a network: hf download {weights}{into}",
    )


def _snapshot(name: str, cache_dir: str | None, *, local_files_only: bool) -> Path | str:
    """The folder in the cache of Hugging Face, or why there is none."""
    from huggingface_hub import snapshot_download

    try:
        with quiet_hub():
            return Path(
                snapshot_download(
                    name,
                    cache_dir=None if cache_dir is None else Path(cache_dir).expanduser(),
                    local_files_only=local_files_only,
                    allow_patterns=[*_SUMMED_UP, *_POOLING],
                )
            )
    except Exception as error:  # of the network, the disk or the hub: all mean that it is not had
        return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def quiet_hub() -> Iterator[None]:
    """In the block the hub's library shows no progress and tells the hub nothing of this system."""
    from huggingface_hub import constants
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    were_off, told = are_progress_bars_disabled(), constants.HF_HUB_DISABLE_TELEMETRY
    disable_progress_bars()
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = told
        if not were_off:
            enable_progress_bars()


def _check_type(model_type: str, model_name: str, path: Path) -> None:
    if model_name == "auto" or RASAS_MODELS[model_name][0] == model_type:
        return
    names = [name for name, (kind, _, _) in RASAS_MODELS.items() if kind == model_type]
    raise ConfigError(
        f"model_name must be the kind of model that lies in {path}, whose config.json says "
        f"'{model_type}'",
        got=model_name,
        hint=f"model_name: {names[0] if names else 'auto'}",
    )


def _pooling_of(path: Path, model_type: str, wanted: str) -> Pooling:
    if wanted != "auto":
        return Pooling(wanted)
    stored = _json_of(path / "1_Pooling" / "config.json")
    if isinstance(stored, dict):
        # True for each way; those of a text's vectors are then set side by side.
        ways = {
            name.removeprefix("pooling_mode_") for name, is_on in stored.items() if is_on is True
        }
        ways &= {
            "cls_token",
            "mean_tokens",
            "max_tokens",
            "mean_sqrt_len_tokens",
            "weightedmean_tokens",
            "lasttoken",
        }
        if isinstance(stored.get("pooling_mode"), str):
            ways = {stored["pooling_mode"]}
        if ways <= {"cls_token", "cls"} and ways:
            return Pooling.FIRST
        if ways <= {"mean_tokens", "mean"} and ways:
            return Pooling.MEAN
        raise ConfigError(
            f"the pooling that {path / '1_Pooling'} asks for must be that of the first vector or "
            "the mean",
            got=sorted(ways),
            hint="the option pooling: mean",
        )
    for kind, _, pooling in RASAS_MODELS.values():
        if kind == model_type:
            return pooling
    return Pooling.MEAN


def _json_of(path: Path) -> Any:
    """What a file holds; None where there is none."""
    try:
        with path.open("rb") as file:
            return json.loads(file.read(_MOST_BYTES_OF_JSON))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            "the files of a language model must be readable",
            got=f"{path}: {error}",
            hint="getting the model again",
        ) from error


def _sum_up(path: Path) -> str:
    digest = hashlib.sha256()
    files = {file for pattern in _SUMMED_UP for file in path.glob(pattern) if file.is_file()}
    try:
        for file in sorted(files):
            with file.open("rb") as opened:
                part = hashlib.file_digest(opened, "sha256").hexdigest()
            digest.update(f"{file.name} {part}\n".encode())
    except OSError as error:
        raise ConfigError(
            "the files of a language model must be readable", got=str(error)
        ) from error
    return digest.hexdigest()
