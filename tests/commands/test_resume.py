"""An interrupted run goes on with the command that was printed, whatever it was started with."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from splat.cli import main
from splat.commands.resume import continued
from splat.errors import SplatError
from splat.train.config import TrainConfig
from splat.train.strategies import STRATEGIES, DefaultStrategy, MCMCStrategy

REPOSITORY = Path(__file__).resolve().parents[2]


def recorded(folder: Path, config: TrainConfig, strategy: str, max_steps: int) -> Path:
    """A run folder as far as its config.yaml goes."""
    folder.mkdir(parents=True)
    record = {
        "train": dataclasses.asdict(config),
        "strategy": strategy,
        "plan": {"data_factor": 4.0, "max_steps": max_steps, "cap_max": 1000, "seeds": 0},
        "capture": {"data": str(folder.parent / "photos")},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(record))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    config = TrainConfig(data="somewhere/photos", seed=7, strategy=MCMCStrategy(noise_lr=1e3), preset="fast")
    config.loss.opacity_reg = 0.01
    config.optim.means = 1e-05
    return recorded(tmp_path / "run", config, "mcmc", 300)


def test_settings_come_from_the_run(run: Path) -> None:
    made = continued(TrainConfig(data="photos", resume=True), run, {"data", "resume"})
    assert made.strategy == MCMCStrategy(noise_lr=1e3) and made.seed == 7 and made.preset == "fast"
    assert made.loss.opacity_reg == 0.01 and made.optim.means == 1e-05
    assert made.resume and made.out == str(run) and made.data == "photos"


def test_what_does_not_decide_the_result_may_change(run: Path) -> None:
    config = TrainConfig(resume=True)
    config.schedule.save_every = 10
    config.capture.cache_gb = 0.5
    made = continued(config, run, {"resume", "schedule.save_every", "capture.cache_gb"})
    assert made.schedule.save_every == 10 and made.capture.cache_gb == 0.5 and made.seed == 7


def test_data_moves_to_where_it_is_when_the_words_name_none(run: Path) -> None:
    assert continued(TrainConfig(resume=True), run, {"resume"}).data == str(run.parent / "photos")


@pytest.mark.parametrize(
    ("change", "given", "message"),
    [
        ({"max_steps": 500}, "max_steps", "max_steps=500 cannot begin .* is trained with max_steps=300"),
        ({"seed": 42}, "seed", "seed=42 cannot begin .* is trained with seed=7"),  # the default, but typed
        ({"seed": 8}, "", "seed=8 cannot begin"),  # by a group of keys
        ({"strategy": DefaultStrategy()}, "strategy", "strategy=default cannot begin .* with strategy=mcmc"),
        ({"strategy": STRATEGIES["absgrad"]()}, "", "strategy=absgrad cannot begin"),
        ({"strategy": MCMCStrategy(noise_lr=2e3)}, "strategy.noise_lr", r"strategy\.noise_lr=2000\.0 cannot begin"),
    ],
)
def test_what_decides_the_result_cannot_change(run: Path, change: dict[str, object], given: str, message: str) -> None:
    with pytest.raises(SplatError, match=message):
        continued(dataclasses.replace(TrainConfig(resume=True), **change), run, {"resume", given})


def test_saying_the_same_again_is_fine(run: Path) -> None:
    config = TrainConfig(resume=True, max_steps=300, seed=7, strategy=MCMCStrategy(noise_lr=1e3))
    made = continued(config, run, {"resume", "max_steps", "seed", "strategy", "strategy.noise_lr"})
    assert made.max_steps is None and made.seed == 7  # recorded as null: from the plan


def interrupted(words: list[str], cwd: Path) -> str:
    """Start `splat`, press Ctrl-C when it trains, and return the last line it says."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "splat", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=cwd,
        env=environment,
    ) as child:  # fmt: skip
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("training:"):
                break
        child.send_signal(signal.SIGINT)
        _, rest = child.communicate(timeout=600)
    assert child.returncode == 130, rest
    return rest.strip().splitlines()[-1]


def test_the_printed_command_finishes_the_run(
    shared_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my photos").symlink_to(shared_data("lego"))
    words = ["my photos", "out=my runs/first, try", "max_steps=3000", "strategy=mcmc", "data_factor=4", "cap_max=1500"]
    said = interrupted(["train", *words, "initial.seeds=1000", "schedule.eval_every=0", "seed=3"], tmp_path)
    command = said.partition("continue with: ")[2]
    assert shlex.split(command) == ["splat", "train", "my photos", "out=my runs/first, try", "resume=true"]
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "my runs/first, try"]) == 2
    assert main(["train", "my photos", "out=my runs/first, try", "resume=true", "max_steps=10"]) == 2
    splat = shlex.join([sys.executable, "-m", "splat"])
    done = subprocess.run(
        command.replace("splat", splat, 1),
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "resuming at step" in done.stderr
    assert (tmp_path / "my runs" / "first, try" / "scene.ply").exists()
    record = yaml.safe_load((tmp_path / "my runs" / "first, try" / "config.yaml").read_text())
    assert record["strategy"] == "mcmc" and record["train"]["seed"] == 3


def test_an_unfinished_run_is_explained_by_every_command(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "step_00000010.safetensors").write_bytes(b"")
    expected = f"{run} holds no scene yet; finish it with: splat train somewhere/photos out={run} resume=true"
    for words in (["evaluate"], ["render"], ["info"], ["export"]):
        assert main([*words, str(run)]) == 2
        assert capsys.readouterr().err == f"error: {expected}\n"
