from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from gossamer.data.errors import ModelFileError
from gossamer.nn.storage import FORMAT, FORMAT_VERSION, Stored, load_model, save_model

CONTENT: dict[str, Any] = {
    "kind": "test",
    "nested": {"list": [1, 2.5, None, True, "naïve 🙂"], "empty": {}},
    "text": 'quotes " and \\ and \n',
}
ARRAYS: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
    "0.weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "0.indices": np.array([[5, -1]], dtype=np.int64),
    "1.bytes": np.array([0, 255], dtype=np.uint8),
    "1.flags": np.array([True, False]),
    "1.none": np.zeros((0, 3), dtype=np.float32),
    "2.scalar": np.array(2.5, dtype=np.float64),
    "2.strided": np.arange(12, dtype=np.int32).reshape(3, 4).T,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.gossamer"
    save_model(path, CONTENT, ARRAYS)
    return path


def same(found: Stored) -> bool:
    return (
        found.content == CONTENT
        and set(found.arrays) == set(ARRAYS)
        and all(
            found.arrays[name].dtype == array.dtype
            and found.arrays[name].shape == array.shape
            and np.array_equal(found.arrays[name], array)
            for name, array in ARRAYS.items()
        )
    )


def rewrite(path: Path, **changes: str | None) -> None:
    """Change or remove parts of a file's metadata."""
    with safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata() or {})
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, value in changes.items():
        if value is None:
            metadata.pop(name)
        else:
            metadata[name] = value
    save_file(arrays, path, metadata=metadata)


def test_round_trip(path: Path) -> None:
    assert same(load_model(path))


def test_nothing_but_json(tmp_path: Path) -> None:
    save_model(tmp_path / "m", {}, {})
    assert load_model(tmp_path / "m") == Stored({}, {})


def test_folder_is_made_and_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "model.gossamer"
    save_model(path, CONTENT, ARRAYS)
    assert same(load_model(path))
    assert list(path.parent.iterdir()) == [path]


def test_same_content_same_checksum(path: Path, tmp_path: Path) -> None:
    """The bytes may differ: safetensors writes metadata in no fixed order."""
    other = tmp_path / "other"
    save_model(other, dict(reversed(CONTENT.items())), dict(reversed(ARRAYS.items())))
    sums = set()
    for each in (path, other):
        with safe_open(each, framework="numpy") as file:
            sums.add((file.metadata() or {})["sha256"])
    assert len(sums) == 1
    assert other.stat().st_size == path.stat().st_size


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_model(tmp_path / "m", {}, {})
        assert (tmp_path / "m").stat().st_mode & 0o777 == 0o640
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_it_is_an_ordinary_safetensors_file(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == set(ARRAYS)
        metadata = file.metadata()
    assert metadata is not None
    assert (metadata["format"], metadata["format_version"]) == (FORMAT, str(FORMAT_VERSION))
    assert json.loads(metadata["content"]) == CONTENT


def test_truncated(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    cut = tmp_path / "cut"
    for length in [*range(24), *range(24, len(whole), 37), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="cut: a model file must be whole"):
            load_model(cut)


def test_lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelFileError):
        load_model(path)


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_one_altered_byte_anywhere(path: Path, tmp_path: Path, flip: int) -> None:
    whole = path.read_bytes()
    altered = tmp_path / "altered"
    for place in range(len(whole)):
        altered.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
        try:
            found = load_model(altered)
        except ModelFileError:
            continue
        # A changed letter of an escape (\u00e9, \u00E9) leaves the meaning as it was.
        assert same(found), f"byte {place}: {whole[place - 10 : place + 10]!r}"
        raise AssertionError(f"byte {place} is not checked: {whole[place - 20 : place + 20]!r}")


def test_altered_content_and_arrays(path: Path) -> None:
    rewrite(path, content=json.dumps({**CONTENT, "kind": "other"}))
    with pytest.raises(ModelFileError, match="does not match its checksum"):
        load_model(path)


@pytest.mark.parametrize("part", ["sha256", "content"])
def test_missing_metadata(path: Path, part: str) -> None:
    rewrite(path, **{part: None})
    with pytest.raises(ModelFileError, match="does not match its checksum"):
        load_model(path)


@pytest.mark.parametrize("version", [str(FORMAT_VERSION + 1), "99", "0", "-1", "", "one", "²"])
def test_unknown_version(path: Path, version: str) -> None:
    rewrite(path, format_version=version)
    with pytest.raises(
        ModelFileError, match=r"format version must be from 1 to .*newer version of Gossamer"
    ):
        load_model(path)


def test_foreign_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(ModelFileError, match=r"must be a model that Gossamer saved .*another kind"):
        load_model(path)
    save_file({"weight": np.zeros(3, np.float32)}, path, metadata={"format": "pt"})
    with pytest.raises(ModelFileError, match=r"got 'pt'.*gossamer train nlu"):
        load_model(path)


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(ModelFileError, match=r"must exist.*gossamer train nlu makes one"):
            load_model(path)


@pytest.mark.parametrize("raw", [b"", b"x", b"\xff" * 100, b"pipeline:\n- name: x\n" * 20])
def test_something_else_entirely(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "m").write_bytes(raw)
    with pytest.raises(ModelFileError, match="a model file must be whole"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_crash_leaves_the_old_model_whole(
    path: Path, call: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        if call == "fsync":
            patch.setattr(os, "fsync", crash)
        else:
            patch.setattr(Path, "replace", crash)
        if isinstance(error, OSError):
            with pytest.raises(ModelFileError, match=r"place that can be written.*no space left"):
                save_model(path, {"kind": "new"}, {})
        else:
            with pytest.raises(KeyboardInterrupt):
                save_model(path, {"kind": "new"}, {})
    assert same(load_model(path))
    assert list(path.parent.iterdir()) == [path], "no temporary file is left"
    save_model(path, {"kind": "new"}, {})
    assert load_model(path).content == {"kind": "new"}


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "model", tmp_path / "folder", tmp_path / ("x" * 300)):
        with pytest.raises(ModelFileError, match=r"place that can be written.*Try: "):
            save_model(path, {}, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ModelFileError, match="place that can be written"):
            save_model(tmp_path / "model", {}, {})
    finally:
        tmp_path.chmod(0o700)
