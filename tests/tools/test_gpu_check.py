"""tools/gpu_check.py: its parts, and a rehearsal of all of it on the CPU: from a pack, on a bare machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import venv
import zipfile
from importlib.metadata import distribution, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splat.capture import load_capture
from splat.native import built_sets
from tests.conftest import REPOSITORY
from tests.train.blobs import write_blob_capture
from tools import gpu_check, gpu_pack, gpu_report
from tools.gpu_bench import Training
from tools.pinhole import write_pinhole

SCRIPT = Path(gpu_check.__file__)


def entry(trainer: str, psnr: float, curve: list[list[float]]) -> dict[str, Any]:
    return {
        "case": "demo", "trainer": trainer, "strategy": "default", "seconds": 20.0, "steps_per_second": 350.0,
        "psnr": psnr, "curve": curve, "gaussians": 12345, "peak_device_mb": 678.9,
    }  # fmt: skip


def results(**more: Any) -> dict[str, Any]:
    bench = [entry("splat", 30.1, [[10.0, 29.0], [20.0, 30.1]]), entry("gsplat", 29.6, [[20.0, 29.0], [40.0, 29.6]])]
    machine = {"device": "Card", "torch": "2.11", "cuda": "13.0", "versions": ["Python 3.12.3", "gsplat 1.5.3"]}
    tests = {"passed": 40, "skipped": 1, "failed": [], "unfinished": []}
    found = {"date": "2026-01-02", "steps": 7000, "dry_run": False, "machine": machine, "parts": [], "tests": tests}
    return {**found, "bench": bench, **more}


# --- the report ----------------------------------------------------------------------------------------------------


def test_seconds_to_a_psnr_lie_between_two_measurements() -> None:
    curve = [[10.0, 20.0], [20.0, 24.0], [30.0, 25.0]]
    assert gpu_report.seconds_to(curve, 22.0) == pytest.approx(15.0)
    assert gpu_report.seconds_to(curve, 19.0) == pytest.approx(10.0)
    assert gpu_report.seconds_to(curve, 25.5) is None


def test_the_table_compares_at_a_psnr_that_both_reach() -> None:
    text = gpu_report.table(results())
    assert "Card, 2026-01-02; torch 2.11 (CUDA 13.0), Python 3.12.3, gsplat 1.5.3; 7,000 steps." in text
    assert "40 passed, 0 failed, 0 unfinished, 1 skipped" in text and "Not everything" not in text
    rows = [line for line in text.splitlines() if line.startswith("| demo")]
    assert "14.5 to 29.5 dB | 30.10 | 12,345 | 679 MB" in rows[0]
    assert "36.7 to 29.5 dB | 29.60" in rows[1]


def test_a_training_that_failed_is_shown_as_that() -> None:
    bench = [{"case": "demo", "trainer": "gsplat", "strategy": "mcmc", "failed": "Traceback\nOutOfMemoryError: no"}]
    assert "failed: OutOfMemoryError: no" in gpu_report.row(bench[0], bench)


def test_what_did_not_run_is_said() -> None:
    text = gpu_report.table(results(parts=[{"part": "fox mcmc splat", "state": "stopped after 75 s"}]))
    assert "Not everything ended well" in text and "- fox mcmc splat: stopped after 75 s" in text


def test_outcomes_are_read_from_a_log_that_breaks_off() -> None:
    log = (
        "../../tests/render/test_a.py::test_one[two words-x] PASSED      [ 25%]\n"
        "tests/render/test_a.py::test_two FAILED [ 50%]\n"
        "tests/render/test_a.py:17: AssertionError\n"
        "tests/render/test_b.py::test_three SKIPPED (no) [ 75%]\n"
        "tests/render/test_b.py::test_four "
    )
    assert gpu_report.counted(log) == {
        "passed": 1,
        "skipped": 1,
        "failed": ["tests/render/test_a.py::test_two"],
        "unfinished": ["tests/render/test_b.py::test_four"],
    }


def test_the_docs_keep_what_is_around_the_table(tmp_path: Path) -> None:
    page, found = tmp_path / "page.md", tmp_path / "gpu_check.json"
    page.write_text(f"before\n\n{gpu_report.BEGIN}\nold\n{gpu_report.END}\n\nafter\n")
    for steps in (3, 7000):
        found.write_text(json.dumps(results(steps=steps)))
        gpu_report.write_docs(found, page)
    text = page.read_text()
    assert text.startswith(f"before\n\n{gpu_report.BEGIN}\n\nCard") and text.endswith(f"{gpu_report.END}\n\nafter\n")
    assert "7,000 steps" in text and "; 3 steps" not in text
    found.write_text(json.dumps(results(dry_run=True)))
    with pytest.raises(SystemExit, match="rehearsal"):
        gpu_report.write_docs(found, page)
    assert page.read_text() == text


def test_the_page_of_benchmarks_has_a_place_for_the_table() -> None:
    text = (REPOSITORY / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert text.count(gpu_report.BEGIN) == 1 and text.index(gpu_report.BEGIN) < text.index(gpu_report.END)


# --- the parts -----------------------------------------------------------------------------------------------------


def checked(tmp_path: Path, *words: str) -> gpu_check.Check:
    folders = ["--site", str(tmp_path / "work" / "site"), "--out", str(tmp_path / "out")]
    return gpu_check.Check(gpu_check.parsed([*folders, *words]))


def test_a_part_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """What it printed is kept, and the next part runs."""
    check = checked(tmp_path)
    children = "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    printed = check.part("hanging", [sys.executable, "-c", children], "tests.log", 5)
    state = gone_or_zombie(int(printed))
    assert state, "what the part started still runs"
    assert check.json_of("next", [sys.executable, "-c", "print('words'); print('{\"a\": 1}')"]) == {"a": 1}
    saved = json.loads((tmp_path / "out" / "gpu_check.json").read_text())
    assert [part["state"] for part in saved["parts"]] == ["stopped after 5 s", "done"]
    assert printed.strip() in (tmp_path / "out" / "tests.log").read_text()


def gone_or_zombie(pid: int) -> bool:
    """Whether a process has ended; whoever has taken it over may not have asked for its exit code yet."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_what_does_not_fit_into_the_budget_is_left_out(tmp_path: Path) -> None:
    check = checked(tmp_path, "--budget", "0.5")
    assert check.part("late", [sys.executable, "-c", "print(1)"], "build.log", 60) == ""
    assert check.found["parts"] == [{"part": "late", "limit": 0, "seconds": 0.0, "state": "no time left"}]


def test_the_tests_come_with_parity_first_and_are_those_marked_gpu() -> None:
    groups = {name: {path.name for path in files} for name, files in gpu_check.test_files().items()}
    assert list(groups) == ["parity tests", "training tests", "other tests"]
    assert groups["parity tests"] == {"test_parity_gpu.py"} and groups["training tests"] == {"test_training_gpu.py"}
    assert {"test_optimizers.py", "test_losses.py", "test_strategies_of_gsplat.py"} <= groups["other tests"]
    assert "test_devices.py" not in groups["other tests"]


def test_the_limits_leave_each_part_its_time() -> None:
    """Eight minutes hold the kernels and, after them, all tests and the demo with one strategy, at their limits."""
    limits, budget = gpu_check.LIMITS, gpu_check.parsed([]).budget
    assert budget == 480 and limits["kernels"] + 2 * limits["bench"] < budget


# --- the pack ------------------------------------------------------------------------------------------------------


def test_a_capture_comes_back_from_its_pinhole_copy(tmp_path: Path) -> None:
    """A lens that bends, photos of half the size, points, split: all are the same, and pixels but for JPEG."""
    write_blob_capture(tmp_path / "blobs")
    meta = json.loads((tmp_path / "blobs" / "transforms.json").read_text())
    meta |= {"camera_model": "OPENCV", "k1": 0.05, "k2": -0.02, "p1": 1e-3, "p2": -1e-3}
    (tmp_path / "blobs" / "transforms.json").write_text(json.dumps(meta))
    before = load_capture(tmp_path / "blobs", data_factor=2)
    write_pinhole(before, tmp_path / "copy")
    after = load_capture(tmp_path / "copy")
    assert [frame.split for frame in after.frames] == [frame.split for frame in before.frames]
    assert before.points is not None and after.points is not None
    assert np.array_equal(before.points.xyz, after.points.xyz) and np.array_equal(before.points.rgb, after.points.rgb)
    for index, (one, other) in enumerate(zip(before.cameras(), after.cameras())):
        assert (one.width, one.height) == (other.width, other.height)
        assert np.allclose(one.K, other.K, atol=1e-9) and np.allclose(one.viewmat, other.viewmat, atol=1e-9)
        masks = [capture.images.mask(index) for capture in (before, after)]
        assert all(mask is None or mask.all() for mask in masks) or np.array_equal(*masks)
        pixels = [capture.images.image(index).astype(float) for capture in (before, after)]
        assert np.abs(pixels[0] - pixels[1]).mean() < 3


def test_photos_that_are_used_as_stored_are_copied(tmp_path: Path) -> None:
    write_blob_capture(tmp_path / "blobs")
    write_pinhole(load_capture(tmp_path / "blobs"), tmp_path / "copy")
    photos = sorted((tmp_path / "blobs" / "images").iterdir())
    assert [path.read_bytes() for path in photos] == [
        (tmp_path / "copy" / "images" / path.name).read_bytes() for path in photos
    ]


def test_photos_of_one_name_in_two_folders_are_kept_apart(tmp_path: Path) -> None:
    write_blob_capture(tmp_path / "blobs")
    meta = json.loads((tmp_path / "blobs" / "transforms.json").read_text())
    (tmp_path / "blobs" / "more").mkdir()
    first, second = meta["frames"][:2]
    name = Path(first["file_path"]).name
    (tmp_path / "blobs" / second["file_path"]).rename(tmp_path / "blobs" / "more" / name)
    second["file_path"] = f"more/{name}"
    (tmp_path / "blobs" / "transforms.json").write_text(json.dumps(meta))
    before = load_capture(tmp_path / "blobs")
    write_pinhole(before, tmp_path / "copy")
    after = load_capture(tmp_path / "copy")
    assert len(after.frames) == len(before.frames)
    poses = np.stack([frame.camera.viewmat.numpy() for frame in after.frames])
    for i, frame in enumerate(before.frames):
        other = int(np.abs(poses - frame.camera.viewmat.numpy()).max(axis=(1, 2)).argmin())
        assert np.array_equal(before.images.image(i), after.images.image(other))


def wheel_of(name: str, folder: Path) -> Path:
    """A wheel of an installed package: the files that were installed, as they are."""
    found = distribution(name)
    path = folder / f"{found.metadata['Name'].replace('-', '_').lower()}-{found.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in files(name) or []:
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.is_file() and "__pycache__" not in file.parts:
                archive.write(source, str(file))
    return path


def test_what_the_wheels_require_and_nobody_has_is_named(tmp_path: Path) -> None:
    wheel_of("omegaconf", tmp_path)
    missing = gpu_pack.missing_requirements(tmp_path, "3.12")
    assert {"antlr4-python3-runtime", "pyyaml", "gsplat", "hydra-core"} <= set(missing)  # its own and splat's
    assert not {"torch", "numpy", "pycolmap", "pytest"} & set(missing)


def test_the_pack_lists_every_requirement_of_the_package() -> None:
    """A requirement that is added to pyproject.toml must be carried, be on the machine or be left out on purpose."""
    from packaging.requirements import Requirement

    listed = {Requirement(text).name for text in gpu_pack.PACKAGES} | gpu_pack.MACHINE | gpu_pack.LEFT_OUT
    assert {Requirement(text).name for text in gpu_pack.own_requirements()} <= listed


def test_a_folder_with_other_things_is_no_place_for_a_pack(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="stays as it is"):
        gpu_pack.collect(tmp_path, "3.12", None, None)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_sizes_beyond_the_limit_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = {"python": "3.12", "bytes": {"wheels": 2 * 2**20}}
    tracked = gpu_pack.tracked_bytes()
    assert 5e6 < tracked < gpu_pack.LIMIT
    gpu_pack.report(tmp_path, manifest, tracked + 3 * 2**20)
    assert "2.0 MiB  wheels" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="more than"):
        gpu_pack.report(tmp_path, manifest, tracked + 2**20)


# --- all of it -----------------------------------------------------------------------------------------------------


def bare_python(folder: Path) -> Path:
    """An interpreter that sees only what the machine has: `gpu_pack.MACHINE` and what torch itself needs."""
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    for name in needed(gpu_pack.MACHINE):
        for top in {file.parts[0] for file in files(name) or [] if ".." not in file.parts}:
            source = Path(str(distribution(name).locate_file(top)))
            if source.exists() and not (site / top).exists() and top != "__pycache__":
                (site / top).symlink_to(source)
    return folder / "bin" / "python"


def needed(names: set[str]) -> set[str]:
    """The packages with all that they require, as far as it is installed."""
    from importlib.metadata import PackageNotFoundError

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for text in requires:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left |= {canonicalize_name(requirement.name)} - found
    return found


def module_file(isa: str) -> Path:
    """The file of a kernel module, which this processor need not run."""
    found = find_spec(f"splat._native_{isa}")
    assert found is not None and found.origin is not None
    return Path(found.origin)


def make_pack(folder: Path) -> Path:
    """A pack for this Python, from what is installed here: no network."""
    from packaging.requirements import Requirement

    (folder / "wheels").mkdir(parents=True)
    (folder / "kernels").mkdir()
    building = {"scikit-build-core", "pathspec", "nanobind"}  # only for a machine that must compile our kernels
    for name in {Requirement(text).name for text in gpu_pack.PACKAGES} - building:
        wheel_of(name, folder / "wheels")
    for path in map(module_file, built_sets()):  # an editable install has them elsewhere
        (folder / "kernels" / path.name).write_bytes(path.read_bytes())
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    manifest = {"python": version, "kernels": gpu_pack.kernel_sources()}
    gpu_pack.write_captures(folder / "captures", None)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.slow
def test_rehearsal_on_a_bare_machine(tmp_path: Path) -> None:
    """Offline, from a pack, into an empty folder, with an interpreter that has none of the packages that are left out.

    Everything that runs without CUDA: installation, doctor, the tests marked gpu, both trainers, JSON and table.
    """
    python, pack = bare_python(tmp_path / "venv"), make_pack(tmp_path / "pack")
    command = [str(python), str(SCRIPT), "--dry-run", "--from-pack", str(pack), "--budget", "3000"]
    command += ["--out", str(tmp_path / "out"), "--site", str(tmp_path / "work" / "site")]
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    probe = (
        "import torch, numpy, cv2, skimage, scipy, safetensors, rich, pytest; from importlib.util import find_spec\n"
        "names = ('pycolmap', 'open3d', 'transformers', 'lpips', 'av', 'matplotlib', 'hydra', 'gsplat', 'splat')\n"
        "assert not any(map(find_spec, names)), [name for name in names if find_spec(name)]"
    )
    subprocess.run([str(python), "-c", probe], env=bare, cwd=tmp_path, check=True)
    patient = (  # a busy machine takes its time
        "import sys; sys.path.insert(0, sys.argv[1]); from tools import gpu_check\n"
        "gpu_check.LIMITS = dict.fromkeys(gpu_check.LIMITS, 900); del sys.argv[1]; gpu_check.main()"
    )
    command = [str(python), "-c", patient, str(REPOSITORY), *command[2:]]
    done = subprocess.run(command, env=bare, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out" / "gpu_check.json").read_text())
    assert found["dry_run"] and found["kernels"] == {"gsplat": "rehearsed"} and found["doctor"]["can_train"]
    assert found["tests"]["failed"] == found["tests"]["unfinished"] == [] and found["tests"]["passed"] > 20
    assert [(e["trainer"], e["strategy"]) for e in found["bench"]] == [("splat", "default"), ("gsplat", "default")]
    for training in found["bench"]:
        assert "failed" not in training, training["failed"]
        assert training["steps_per_second"] > 0 and training["psnr"] > 5
    assert "REHEARSAL" in (tmp_path / "out" / "gpu_check.md").read_text()
    assert (tmp_path / "work" / "site" / "splat" / "conf").is_dir()


def test_a_training_is_started_with_all_that_it_needs() -> None:
    command = Training("folder", 2.0, "gsplat", "mcmc", 7000).command()
    assert command[1].endswith("gpu_bench.py") and command[2:] == [
        *("folder", "--factor", "2.0", "--trainer", "gsplat", "--strategy", "mcmc", "--steps", "7000")
    ]
