"""What a process that trains or tests does. Only here PyTorch may be imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gossamer.assistant import Assistant
from gossamer.checks import check, read_parts
from gossamer.data.config_files import read_config
from gossamer.data.errors import InputError, Location, ModelFileError
from gossamer.data.model_files import last_model_paths, new_model_path
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.stories.reading import read_test_stories
from gossamer.dialogue.last_model import LastModel
from gossamer.serve.training.body import BODY_NAME, split_body
from gossamer.serve.training.task import BODY_FILE, MODELS_FOLDER, Kind, Result, Task


def run(folder: Path) -> Result:
    """Do the task of a folder.

    Args:
        folder: has the task and the request's data; may be written to.

    Returns:
        The answer, or what is wrong with the data.
    """
    task = Task.read(folder)
    try:
        if task.kind is Kind.TRAIN:
            return _train(task, folder)
        return Result(answer=_test(task, folder))
    except InputError as error:
        faults = tuple(_fault(part, folder) for part in error.faults)
        listed = "\n".join(
            fault["message"]
            if fault["line"] is None
            else f"line {fault['line']}: {fault['message']}"
            for fault in faults
        )
        message = f"the data of the request cannot be used: {listed}"
        return Result(status=400, reason="BadRequest", message=message, faults=faults)


def _train(task: Task, folder: Path) -> Result:
    files = split_body(_text(folder), folder)
    parts = read_parts(files.config, [files.data], files.domain, wants_all=True)
    prefix = "" if parts.wants_dialogue else "nlu-"
    prefix = prefix if parts.nlu is not None else "core-"
    last = None if task.force or task.model is None else _last(Path(task.model), prefix)
    checked = check(parts, last=last)
    checked.require_sound()
    assistant = Assistant.train_checked(checked, augmentation_factor=task.augmentation)
    path = new_model_path(Path(task.save_to or folder / MODELS_FOLDER), prefix=prefix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Result(model=str(assistant.save(path)))
    except (ModelFileError, OSError) as error:
        raise RuntimeError(f"the model cannot be saved: {error}") from error


def _last(folder: Path, prefix: str) -> LastModel | None:
    """The parts of earlier models; those that cannot be read have none."""
    models = []
    for path in last_model_paths(folder, prefix):
        try:
            model = LastModel.read(path)
        except ModelFileError:
            continue
        if model.is_known:
            models.append(model)
    return models[0].followed_by(models[1:]) if models else None


def _test(task: Task, folder: Path) -> dict[str, Any]:
    from gossamer.evaluate import evaluate_dialogue, evaluate_nlu
    from gossamer.serve.training.answers import nlu_answer, stories_answer

    if task.kind is Kind.LEARNING_CURVE:
        return _learning_curve(folder)
    if task.kind is Kind.CROSS_VALIDATE:
        return nlu_answer(_cross_validation(task, folder))
    if task.kind is Kind.TEST_INTENTS:
        data = _nlu_data(task, folder)
        return nlu_answer(evaluate_nlu(_assistant(task), data))
    stories = read_test_stories(split_body(_text(folder), folder, is_test=True).data)
    assistant = _assistant(task)
    model = assistant.require_dialogue()
    return stories_answer(
        evaluate_dialogue(
            model.ensemble,
            stories,
            model.domain,
            parser=assistant if task.end_to_end else None,
            end_to_end=task.end_to_end,
        )
    )


def _cross_validation(task: Task, folder: Path) -> Any:
    from gossamer.evaluate import cross_validate

    files = split_body(_text(folder), folder)
    config = read_config(files.config)
    data = read_training_data(files.data)

    def train(part: TrainingData, fold: int) -> Assistant:
        return Assistant.train(config, part)

    return cross_validate(data, train, n_folds=task.folds).pooled


def _learning_curve(folder: Path) -> dict[str, Any]:
    """Of an intent of a project; the body names its files."""
    from gossamer.teach.look import learning_curve

    asked = json.loads((folder / BODY_FILE).read_bytes())
    tests = Path(asked["tests"])
    return learning_curve(
        asked["intent"],
        read_training_data([Path(path) for path in asked["data"]]),
        read_training_data(tests, is_required=False) if tests.is_dir() else TrainingData(),
        config=read_config(asked["config"]),
    )


def _nlu_data(task: Task, folder: Path) -> TrainingData:
    if not task.is_json:
        return read_training_data(split_body(_text(folder), folder).data)
    path = folder / "body.json"
    path.write_bytes((folder / BODY_FILE).read_bytes())
    return read_training_data(path)


def _assistant(task: Task) -> Assistant:
    assert task.model is not None
    config = None if task.config is None else Path(task.config)
    try:
        return Assistant.load(task.model, config=config)
    except InputError as error:
        raise RuntimeError(f"the model cannot be read: {error}") from error


def _text(folder: Path) -> str:
    content = (folder / BODY_FILE).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError("the data must be UTF-8", where=Location(folder, line)) from None


def _fault(error: InputError, folder: Path) -> dict[str, Any]:
    """A fault without the folder's name, which says nothing to the client."""
    message = error.message
    for name in ("config", "domain", "data"):
        message = message.replace(f"{folder / name}/", "")
    message = message.replace(f"{folder}/", "").replace(f"test_{BODY_NAME}", BODY_NAME)
    return {"message": message, "line": None if error.where is None else error.where.line}
