"""tools/bench_captures.py: what is trained, what is kept, what its tables and verdicts say of made-up runs."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from tools import bench_captures, captures_at_hand, captures_pictures, captures_scores, captures_tables
from tools.bench_captures import Checkout, plan_of, words_of
from tools.captures_at_hand import CAPTURES
from tools.captures_runs import Job, finished, job_of
from tools.captures_tables import Block


def job(capture: str, setting: str, seed: int = 0, steps: int = 1000) -> Job:
    return Job(capture, setting, (f"strategy={setting}",), seed, steps, "v1")


def run(capture: str, setting: str, psnr: float, seed: int = 0, steps: int = 1000) -> dict[str, Any]:
    """A finished training that is 4 dB better on its training views, and 1 dB with the photos' colours."""
    return {
        "job": asdict(job(capture, setting, seed, steps)), "commit": "abc123", "psnr": psnr, "train_psnr": psnr + 4,
        "gap": 4.0, "cc_psnr": psnr + 1, "ssim": 0.9, "lpips": None, "lpips_net": None, "flip": 0.1,
        "worst": psnr - 2, "worst_view": "a.jpg", "views": {"a.jpg": psnr - 2, "b.jpg": psnr + 2}, "cc_views": {},
        "gaussians": 5000, "train_seconds": 30.0, "processor_seconds": 50.0,
    }  # fmt: skip


def table_of(scores: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Runs of captures and settings with these PSNRs."""
    return [run(capture, setting, psnr) for capture, row in scores.items() for setting, psnr in row.items()]


# A: fox, lego. B: desk, mouse. "wild" is best on the mean of A (29.5) and of all (25.5), but the worst on lego
# and mouse; on B "soft" is (21.6 against 21.5).
SCORES = {
    "fox": {"default": 25.0, "soft": 26.0, "wild": 30.0},
    "lego": {"default": 30.0, "soft": 30.5, "wild": 29.0},
    "desk": {"default": 22.0, "soft": 22.4, "wild": 24.0},
    "mouse": {"default": 20.0, "soft": 20.8, "wild": 19.0},
}


def given(*words: str) -> Namespace:
    return bench_captures.parser().parse_args(list(words))


def test_halves_share_no_capture_and_cover_all_kinds_of_place() -> None:
    halves = {half: {name for name, capture in CAPTURES.items() if capture.half == half} for half in "AB"}
    assert len(halves["A"]) == len(halves["B"]) == 7 and not halves["A"] & halves["B"]
    assert not CAPTURES["demo"].of_others and not CAPTURES["fox"].of_others and CAPTURES["mouse"].of_others
    assert captures_at_hand.source_of(CAPTURES["demo"], Path("elsewhere")).is_dir()
    assert captures_at_hand.source_of(CAPTURES["fox"], Path("elsewhere")) == Path("elsewhere/fox")


def test_other_seeds_come_last_and_only_of_finalists() -> None:
    asked = ("--captures", "fox", "mouse", "--settings", "default", "mcmc", "--seeds", "3", "4", "--finalists", "mcmc")
    jobs = plan_of(given(*asked, "--steps", "100", "200")).jobs()
    assert [(found.seed, found.setting) for found in jobs[8:]] == [(4, "mcmc")] * 4
    assert {found.seed for found in jobs[:8]} == {3} and len({found.key for found in jobs}) == 12
    assert jobs[0].words == () and jobs[1].words == ("strategy=mcmc",)


def test_settings_of_the_command_line_follow_the_usual_ones_and_unknown_ones_are_refused() -> None:
    plan = plan_of(given("--setting", "soft", "strategy=mcmc loss.opacity_reg=0.003", "--captures", "fox"))
    assert list(plan.settings) == ["default", "mcmc", "none", "soft"]
    assert plan.settings["soft"] == ("strategy=mcmc", "loss.opacity_reg=0.003")
    for wrong in (("--settings", "sofd"), ("--settings", "before:mcmc"), ("--checkout", "before=/nowhere")):
        with pytest.raises(SystemExit, match="error"):
            plan_of(given(*wrong))


def test_words_of_a_setting_win_and_the_split_is_named_where_it_can_be(tmp_path: Path) -> None:
    asked = replace(job("mouse", "mcmc", seed=7), words=("data_factor=2", "strategy=mcmc"))
    words = words_of(asked, CAPTURES["mouse"], tmp_path, tmp_path / "run", frozenset({"split", "seed"}))
    assert words[0] == str(tmp_path) and {"seed=7", "max_steps=1000", "test_every=8", "split=3dgs"} <= set(words)
    assert [word for word in words if word.startswith("data_factor")] == ["data_factor=2"]
    assert "split=3dgs" not in words_of(asked, CAPTURES["mouse"], tmp_path, tmp_path / "run", frozenset())


def test_a_version_is_told_by_what_trains(tmp_path: Path) -> None:
    (tmp_path / "splat" / "train").mkdir(parents=True)
    file = tmp_path / "splat" / "train" / "loop.py"
    file.write_text("step = 1\n")
    before = Checkout(tmp_path).program
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "bench.py").write_text("nothing that trains\n")
    assert Checkout(tmp_path).program == before
    file.write_text("step = 2\n")
    assert Checkout(tmp_path).program != before


def test_what_is_done_is_not_trained_again_and_failures_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(given("--captures", "fox", "mouse", "--settings", "mcmc"))
    asked = []

    def trained(wanted: Job, checkout: Checkout, data: Path, folder: Path) -> dict[str, Any]:
        asked.append(wanted.capture)
        if wanted.capture == "mouse":
            return {"error": "no room"}
        return {key: value for key, value in run("fox", "mcmc", 25.0).items() if key != "job"}

    monkeypatch.setattr(bench_captures, "trained", trained)
    monkeypatch.setattr(bench_captures, "prepared", lambda capture, out: tmp_path)
    first = bench_captures.run_all(plan, tmp_path)
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write(json.dumps(run("mouse", "mcmc", 20.0))[:40] + "\n")  # an interruption
    assert bench_captures.run_all(plan, tmp_path) == first and len(first) == 1
    assert asked == ["fox", "mouse", "mouse"] and "failed: no room" in capsys.readouterr().out


def test_photos_without_cameras_are_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A capture that cannot be prepared costs its time once, not for every setting."""
    looked = []

    def prepared(capture: captures_at_hand.CaptureAtHand, out: Path) -> Path:
        looked.append(capture.name)
        raise RuntimeError("no two photos fit")

    monkeypatch.setattr(bench_captures, "prepared", prepared)
    plan = plan_of(given("--captures", "batmobile", "--settings", "mcmc", "none"))
    assert bench_captures.run_all(plan, tmp_path) == {} and looked == ["batmobile"]
    assert "batmobile is left out (2 trainings): no two photos fit" in capsys.readouterr().out


def test_runs_of_another_version_count_only_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(run("fox", "mcmc", psnr)) + "\n" for psnr in (24.0, 25.0)))
    same, newer = job("fox", "mcmc"), replace(job("fox", "mcmc"), program="v2")
    other_words = replace(same, words=("strategy=mcmc", "loss.scale_reg=0"))
    assert [found["psnr"] for found in finished([same, newer, other_words], path).values()] == [25.0]
    assert list(finished([newer, other_words], path, any_version=True)) == [newer]
    assert "1 of 1 finished trainings are of other versions" in capsys.readouterr().out
    assert job_of(run("fox", "mcmc", 24.0)) == same and newer.loose_key == same.loose_key


def block(scores: dict[str, dict[str, float]]) -> Block:
    return captures_tables.blocks(table_of(scores))[0]


def test_a_default_must_be_best_on_the_mean_and_never_the_worst() -> None:
    found = block(SCORES)
    assert captures_tables.worst_on(found, "wild", list(SCORES), "psnr") == ["lego", "mouse"]
    assert captures_tables.worst_on(found, "default", list(SCORES), "psnr") == ["fox", "desk"]
    assert captures_tables.choice(found, list(SCORES), "psnr") == "soft"
    text = "\n".join(captures_tables.verdicts(found, "psnr"))
    assert "Chosen on A: soft (+0.75 dB over default). On B: +0.60 dB over default" in text
    assert text.count("the choice holds") == 2
    assert "Best on the mean of A wild, of B soft, of all wild." in text
    assert "Best on the mean and never the worst: soft (never the worst)." in text


def test_a_choice_that_loses_on_the_other_half_does_not_hold() -> None:
    scores = {
        "fox": {"default": 25.0, "soft": 26.0, "none": 20.0},
        "mouse": {"default": 20.0, "soft": 19.5, "none": 19.0},
    }
    text = "\n".join(captures_tables.verdicts(block(scores), "psnr"))
    assert "Chosen on A: soft (+1.00 dB over default). On B: -0.50 dB over default, mean rank 2.00 of 3" in text
    assert text.count("does not hold") == 2  # default, chosen on B, is a dB behind on A
    assert captures_tables.verdicts(block({"fox": scores["fox"]}), "psnr") == []


def test_settings_that_are_nearly_equal_are_not_the_worst() -> None:
    found = block({"fox": {"default": 25.0, "soft": 25.03}})
    assert captures_tables.worst_on(found, "default", ["fox"], "psnr") == []
    assert captures_tables.ranks(block({"fox": {"a": 20.0, "b": 20.0, "c": 19.0}}), "fox", "psnr") == {
        "a": 1.5, "b": 1.5, "c": 3.0,
    }  # fmt: skip


def test_means_are_over_captures_that_all_settings_have() -> None:
    scores = {**SCORES, "statuette": {"default": 10.0}}
    text = "\n".join(captures_tables.halves(block(scores), "psnr"))
    assert "| default | 27.50 | 21.00 | 24.25 | 2.50 | 4.00 | fox, desk |" in text
    assert "| wild | 29.50 | 21.50 | 25.50 | 2.00 | 4.00 | lego, mouse |" in text
    assert "Left out, because not all settings have them: statuette." in text


def test_gains_are_paired_by_seed() -> None:
    runs = [run("fox", "default", 25.0 + seed, seed) for seed in range(3)]
    runs += [run("fox", "soft", 26.0 + seed + (0.3, 0.0, -0.3)[seed], seed) for seed in range(3)]
    runs += [run("fox", "wild", 30.0, 0)]
    first, several = captures_tables.blocks(runs)
    assert first.settings == ["default", "soft", "wild"] and first.seeds == (0,)
    assert several.settings == ["default", "soft"] and several.seeds == (0, 1, 2)
    assert "| A fox | +1.00 ± 0.17 |" in captures_tables.paired(several, "psnr")  # 0.3 / sqrt(3)
    assert "| A fox | +1.30 | +5.00 |" in captures_tables.paired(first, "psnr")
    assert "| A fox | 26.00 ± 0.58 (30.00) | 27.00 ± 0.40 (31.00) |" in captures_tables.matrix(several, "psnr")


def test_the_page_gets_everything_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{captures_tables.BEGIN}\nbygone\n{captures_tables.END}\n\nLast words.\n")
    captures_tables.put_into_docs(table_of(SCORES), "python tools/bench_captures.py ", page, "images/demo.jpg")
    text = page.read_text()
    assert "![the demo](images/demo.jpg)" in text
    assert text.startswith("# Page\n") and text.endswith("\n\nLast words.\n") and "bygone" not in text
    assert "### 1,000 steps, seed 0" in text and "- soft: strategy=soft (abc123)" in text
    assert (
        "| fox | wild | 30.00 | 34.00 | 4.00 | 31.00 | 0.9000 | – | 0.1000 | 28.00 | 5,000 | 30 | 50 | a.jpg |" in text
    )
    real = bench_captures.ROOT / "docs" / "captures-measured.md"
    assert all(mark in real.read_text(encoding="utf-8") for mark in (captures_tables.BEGIN, captures_tables.END))


def test_cameras_found_here_have_only_points_that_training_photos_show(tmp_path: Path) -> None:
    """The first and the ninth of nine photos are held out: white ones, among black ones."""
    pycolmap = pytest.importorskip("pycolmap")
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_frames_per_rig, options.num_points3D, options.track_length = 1, 9, 60, 3
    pycolmap.set_random_seed(0)
    model = pycolmap.synthesize_dataset(options)
    names = sorted(image.name for image in model.images.values())
    for name in names:
        color = "white" if name in (names[0], names[8]) else "black"
        Image.new("RGB", (options.camera_width, options.camera_height), color).save(tmp_path / name)
    name_of = {number: image.name for number, image in model.images.items()}
    tracks = {
        number: {name_of[element.image_id] for element in point.track.elements} - {names[0], names[8]}
        for number, point in model.points3D.items()
    }
    expected = {number: seen for number, seen in tracks.items() if len(seen) >= 2}
    captures_at_hand.forget_held_out(model, tmp_path)
    assert 0 < len(expected) < 60 and set(model.points3D) == set(expected)
    for number, point in model.points3D.items():
        assert {name_of[element.image_id] for element in point.track.elements} == expected[number]
        assert point.color.tolist() == [0, 0, 0]
    assert model.num_reg_images() == 9  # held-out photos keep their poses


def kept_run(folder: Path, psnrs: dict[str, float], shade: int) -> None:
    """A run folder as `splat train` leaves it: renders of one shade, of photos of another."""
    views = []
    (folder / "renders" / "test").mkdir(parents=True)
    for name, psnr in psnrs.items():
        stem = Path(name).stem
        ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 600, 0).repeat(3, 2)
        iio.imwrite(folder / "renders" / "test" / f"{stem}.png", ramp // 2 + np.uint8(shade))
        iio.imwrite(folder / "renders" / "test" / f"{stem}_photo.png", ramp)
        views.append({"name": name, "psnr": psnr, "image": f"renders/test/{stem}.png"})
    metrics = {
        "psnr": sum(psnrs.values()) / len(psnrs), "ssim": 0.8, "lpips": None, "lpips_net": None, "flip": None,
        "per_view": views, "train": {"psnr": 27.5}, "num_gaussians": 12, "train_seconds": 3.0,
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_a_run_folder_is_read_with_its_worst_view_and_corrected_colours(tmp_path: Path) -> None:
    kept_run(tmp_path, {"a.jpg": 20.0, "b.jpg": 25.0}, 30)
    found = captures_scores.scores_of(tmp_path)
    assert (found["psnr"], found["gap"], found["worst_view"], found["gaussians"]) == (22.5, 5.0, "a.jpg", 12)
    assert found["cc_psnr"] == pytest.approx(found["cc_views"]["a.jpg"]) and found["cc_psnr"] > 50  # exact gain 1/2
    (tmp_path / "renders" / "test" / "a.png").unlink()
    assert captures_scores.scores_of(tmp_path)["cc_views"]["a.jpg"] is None


def test_sheets_show_the_view_that_is_worst_for_both(tmp_path: Path) -> None:
    runs = []
    for setting, views in (("default", {"a.jpg": 20.0, "b.jpg": 19.0}), ("soft", {"a.jpg": 22.0, "b.jpg": 25.0})):
        runs.append({**run("mouse", setting, 22.0), "views": views})
        kept_run(tmp_path / job_of(runs[-1]).folder, views, 10)
    assert captures_pictures.worst_view(*runs) == ("a.jpg", "a.jpg")
    moved = {**runs[1], "views": {f"images/{name}": value for name, value in runs[1]["views"].items()}}
    assert captures_pictures.worst_view(runs[0], moved) == ("a.jpg", "images/a.jpg")
    assert captures_pictures.worst_view(runs[0], {**runs[1], "views": {"other.jpg": 3.0}}) is None
    sheets = captures_pictures.write_sheets([*runs, run("fox", "soft", 25.0)], "default", "soft", tmp_path)
    assert list(sheets) == ["mouse"] and "mouse.png" in (tmp_path / "pictures" / "index.html").read_text()
    with Image.open(sheets["mouse"]) as sheet:
        assert sheet.size == (3 * 48 + 8, 480 + captures_pictures.LABEL)  # 60x600 pixels each before
    captures_pictures.put_into_docs(sheets["mouse"], tmp_path / "sheet.jpg")
    assert (tmp_path / "sheet.jpg").stat().st_size < 100_000


@pytest.mark.slow
def test_a_tiny_benchmark_runs_and_goes_on(tmp_path: Path) -> None:
    words = "strategy=none data_factor=4 cap_max="
    command = [
        sys.executable, str(Path(bench_captures.__file__).resolve()), "--captures", "demo", "--steps", "10",
        "--setting", "tiny", words + "800", "--setting", "tinier", words + "500", "--settings", "tiny", "tinier",
        "--out", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "2 trainings, 0 of them done before" in done.stdout
    found = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [line["gaussians"] for line in found] == [800, 500]
    assert all(line["processor_seconds"] > line["train_seconds"] > 0 for line in found)
    known = json.loads((tmp_path / "demo/tiny-10-0/metrics.json").read_text())
    assert found[0]["cc_psnr"] == pytest.approx(known["cc_psnr"], abs=0.02)  # of pictures with 8 bits
    assert (tmp_path / "pictures" / "demo.png").is_file() and not (tmp_path / "demo/tiny-10-0/checkpoints").exists()
    assert "2 trainings, 2 of them done before" in subprocess.run(command, capture_output=True, text=True).stdout
