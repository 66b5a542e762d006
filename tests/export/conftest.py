"""Running an exported model beside the network it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
import torch

from gossamer.assistant import Assistant
from gossamer.data import ProjectConfig
from gossamer.data.nlu.examples import TrainingData
from gossamer.export import export_model, onnx_inputs
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.features import text_features
from gossamer.nlu.diet.stored_weights import weights_to_arrays
from gossamer.nlu.diet.tags import TagKind

Arrays = dict[str, npt.NDArray[Any]]
Steps = tuple[tuple[str, Mapping[str, Any]], ...]
TEXTS = (
    "hello",  # one token
    "fly from Oslo to Rome on Monday please",
    "one large pizza and a small soup",
    "xyzzy",  # a word never seen
    "good bye",
)
BATCHES = ((0,), (1,), (3,), (0, 3), (1, 2), (0, 1, 2, 3, 4), (4, 2, 0))
LONG = " ".join(["from Oslo to Rome"] * 20)


def session_of(path: Path) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_onnx(session: Any, inputs: Arrays) -> Arrays:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def diet_of(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))


def shake(assistant: Assistant) -> Assistant:
    """Move every weight, so that none is still where it began (biases at zero, norms at one).

    The temperature, too, for which there are too few examples.
    """
    diet = diet_of(assistant)
    assert diet.network is not None
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in diet.network.parameters():
            parameter.add_(torch.empty(parameter.shape).normal_(0, 0.1, generator=generator))
    if diet.options.calibrate:
        diet.temperature = 1.7
    diet._weights = weights_to_arrays(diet.network)
    diet._freeze()
    return assistant


def reference(assistant: Assistant, texts: Sequence[str]) -> Arrays:
    """What the network says, of the texts one by one, under the names of the outputs."""
    diet = diet_of(assistant)
    found: dict[str, list[npt.NDArray[Any]]] = {}
    network = diet.network
    assert network is not None
    with torch.inference_mode():
        for text in texts:
            batch = assistant.pipeline.process([text])
            ((_, _, answer),) = list(diet._answers(batch))
            features = diet._in_columns(
                text_features(
                    diet._blocks(batch.blocks), batch.lengths, use_sequence=network.has_sequence
                )
            )
            encoded = network.encode(features)
            lengths = torch.from_numpy(features.lengths)
            result: dict[str, torch.Tensor] = {}
            if network.has_intents:
                result["intent_similarities"] = network.label_logits(
                    features, encoded, network.embed_labels()
                )
                result["intent_confidences"] = torch.from_numpy(diet._confidences(answer))
                assert answer.label_logits is not None
                np.testing.assert_allclose(
                    answer.label_logits, result["intent_similarities"], rtol=1e-4, atol=1e-4
                )
            paths = network.tag(encoded.tokens, lengths)
            for kind, head in network._heads():
                entity_tags = None if kind is TagKind.ENTITY else paths[TagKind.ENTITY].tags
                result[f"{kind}_logits"] = head(encoded.tokens, entity_tags)
                result[f"{kind}_tags"] = paths[kind].tags
                result[f"{kind}_confidences"] = paths[kind].confidence
                assert answer.tags[TagKind(kind)].tags.tolist() == paths[kind].tags.tolist()
            for name, value in result.items():
                found.setdefault(name, []).append(value.numpy())
    whole: Arrays = {name: np.concatenate(parts) for name, parts in found.items()}
    for kind, head in network._heads():
        whole[f"{kind}_transitions"] = head.crf.moves().detach().numpy()
    return whole


def assert_equal_results(assistant: Assistant, path: Path) -> Any:
    """The file gives what the network gives, whatever the batch; returns the session."""
    session = session_of(path)
    batches = [[TEXTS[i] for i in numbers] for numbers in BATCHES]
    for texts in [*batches, [LONG], [LONG, TEXTS[0]]]:
        found = run_onnx(session, onnx_inputs(assistant, texts))
        wanted = reference(assistant, texts)
        assert set(found) == set(wanted)
        for name, value in wanted.items():
            assert found[name].shape == value.shape, (name, texts)
            np.testing.assert_allclose(
                found[name], value, rtol=1e-4, atol=1e-4, err_msg=f"{name} of {texts}"
            )
    return session


@pytest.fixture(scope="session")
def trained(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> Callable[..., Assistant]:
    """Trains an assistant for a moment and shakes its weights: options, and steps before DIET."""

    def train(
        options: Mapping[str, Any], *, before: Steps | None = None, data: TrainingData | None = None
    ) -> Assistant:
        options = {"epochs": 1, **options}
        config = tiny_config(options) if before is None else tiny_config(options, before=before)
        return shake(Assistant.train(config, travel_data if data is None else data))

    return train


@pytest.fixture
def exported(trained: Callable[..., Assistant], tmp_path: Path) -> Callable[..., Any]:
    """Trains, exports, and checks that results are equal; gives assistant, path and session."""

    def make(options: Mapping[str, Any], **more: Any) -> tuple[Assistant, Path, Any]:
        assistant = trained(options, **more)
        path = export_model(assistant, tmp_path / "model.onnx")
        return assistant, path, assert_equal_results(assistant, path)

    return make


@pytest.fixture(scope="session")
def run_file() -> Callable[[Path, Arrays], Arrays]:
    """Runs an exported file: outputs by name."""
    return lambda path, inputs: run_onnx(session_of(path), inputs)
