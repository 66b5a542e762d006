"""Adding up what pip has installed; installing itself is what the script is run for."""

from __future__ import annotations

from pathlib import Path

import installed_size


def make_package(folder: Path, name: str, size: int) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_bytes(b"#" * size)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n../outside.py,,\n{name}/gone.py,,\n")


def test_each_package_has_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "target"
    make_package(folder, "small", 1_000_000)
    make_package(folder, "large", 3_000_000)
    (tmp_path / "outside.py").write_bytes(b"#" * 100)
    sizes = installed_size.package_sizes(folder)
    assert (sizes["small"], sizes["large"]) == (1_000_000, 3_000_000)
    assert 0 < sizes["other"] < 1000  # the two folders of metadata
    shown = installed_size.table(sizes, without={"small": 1_000_000, "other": sizes["other"]})
    lines = [line.split() for line in shown.splitlines()]
    assert lines == [["large", "3.0"], ["added", "to", "base", "3.0"], ["sum", "4.0"]]
