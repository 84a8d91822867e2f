"""`splat compare` and the table of metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splat.cli import main
from splat.commands.tables import metrics_table


def scored(folder: Path, psnr: float, net: str | None = None, **views: float) -> Path:
    """A run folder with the metrics.json of an evaluation."""
    folder.mkdir(parents=True)
    metrics = {
        "psnr": psnr, "ssim": 0.9, "lpips": 0.1 if net else None, "lpips_net": net,
        "lpips_reason": None if net else "no weights here", "num_gaussians": 12345, "max_steps": 3000,
        "train_seconds": 61.2, "train": {"psnr": psnr + 1},
        "protocol": {
            "name": "gsplat", "views": len(views), "split": "test", "resolution": [[64, 48]], "lpips_net": net,
        },
        "per_view": [{"name": name, "psnr": value, "ssim": 0.9, "lpips": None} for name, value in views.items()],
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_table_aligns_and_explains(tmp_path: Path) -> None:
    lines = metrics_table(
        {
            "first": json.loads((scored(tmp_path / "a", 25.123, a=1.0) / "metrics.json").read_text()),
            "b": {"psnr": None},
        }
    ).splitlines()
    assert " ".join(lines[0].split()) == "run PSNR PSNR cc SSIM LPIPS FLIP PSNR train Gaussians steps seconds"
    assert lines[1].split() == ["first", "25.12", "-", "0.9000", "-", "-", "26.12", "12,345", "3,000", "61"]
    assert lines[2].split() == ["b", *"---------"]
    assert len({len(line) for line in lines[:3]}) == 1
    squeeze = json.loads((scored(tmp_path / "c", 25.0, "squeeze", a=1.0) / "metrics.json").read_text())
    row = metrics_table(
        {"c": {**squeeze, "cc_psnr": 26.5, "flip": 0.0567, "flip_reason": None}, "b": {"flip_reason": "no wheel"}}
    )
    assert row.splitlines()[1].split()[:7] == ["c", "25.00", "26.50", "0.9000", "0.1000", "(squeeze)", "0.0567"]
    assert any(line.startswith("PSNR cc: ") for line in row.splitlines())
    assert row.splitlines()[-1] == "FLIP: no wheel"
    assert lines[3] == "first: protocol gsplat, 1 test view at 64x48" and lines[-1] == "LPIPS: no weights here"


def test_compares_runs_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = scored(tmp_path / "fox" / "default", 25.0, one=24.0, two=26.0)
    second = scored(tmp_path / "fox" / "mcmc", 26.0, one=24.5, two=27.5)
    assert main(["compare", str(first), str(second)]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[1].startswith("default") and lines[2].startswith("mcmc")
    two = next(index for index, line in enumerate(lines) if line.startswith("  two"))
    assert lines[two].split() == ["two", "26.00", "27.50"] and lines[two + 1].split() == ["one", "24.00", "24.50"]
    page = Path(lines[-1])
    assert page.resolve() == tmp_path / "fox" / "compare-default-mcmc.html"
    assert "mcmc" in page.read_text() and captured.err == ""


def test_says_when_numbers_do_not_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = scored(tmp_path / "a", 25.0, "alex", one=1.0), scored(tmp_path / "b", 25.0, "squeeze", one=1.0)
    without = scored(tmp_path / "c", 25.0, one=1.0)
    assert main(["compare", str(first), str(second), "json=true"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"a", "b"}
    assert main(["compare", str(first), str(second), f"out={tmp_path}/x y,z.html"]) == 0
    assert "do not compare: lpips net differs (a: alex, b: squeeze)" in capsys.readouterr().err
    page = (tmp_path / "x y,z.html").read_text()
    assert "0.1000 (alex)" in page and "0.1000 (squeeze)" in page
    assert main(["compare", str(first), str(without), f"out={tmp_path}/w.html"]) == 0
    assert "do not compare" not in capsys.readouterr().err  # one has no LPIPS, so there is nothing to mistake


def test_needs_two_scored_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = scored(tmp_path / "a", 25.0)
    assert main(["compare", str(first)]) == 2
    assert main(["compare", str(first), str(tmp_path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "error: which ones? splat compare RUN RUN ..."
    assert errors[1:] == [f"error: comparing takes two runs with scores; left out: {tmp_path} (no run folder)"]


def test_a_shell_pattern_may_name_other_things_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "fox"
    scored(folder / "default", 25.0, one=24.0)
    scored(folder / "mcmc", 26.0, one=24.5)
    (folder / "notes").mkdir()
    (folder / "stopped" / "checkpoints").mkdir(parents=True)
    (folder / "stopped" / "config.yaml").write_text("train: {data: my photos}")
    (folder / "stopped" / "checkpoints" / "step_00000010.safetensors").write_bytes(b"")
    (folder / "unscored").mkdir()
    (folder / "unscored" / "config.yaml").write_text("train: {data: photos}")
    (folder / "unscored" / "scene.ply").write_bytes(b"ply")
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "fox/default", "fox/mcmc"]) == 0
    page = Path(capsys.readouterr().out.splitlines()[-1])
    assert page.exists()
    assert main(["compare", *sorted(str(path) for path in Path("fox").iterdir())]) == 0
    captured = capsys.readouterr()
    assert [line.split()[0] for line in captured.out.splitlines()[1:3]] == ["default", "mcmc"]
    (notice,) = captured.err.splitlines()
    assert notice.startswith(f"left out: {page} (no run folder); fox/notes (no run folder)")
    assert "splat train 'my photos' out=fox/stopped resume=true" in notice
    assert "splat evaluate fox/unscored" in notice
    assert main(["compare", "fox/default", "fox/nothing"]) == 2
    assert capsys.readouterr().err == "error: no run folder at fox/nothing\n"
