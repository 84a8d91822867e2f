"""One training of the benchmark of `tools/gpu_check.py`, in a process of its own so that its memory is its own.

    python tools/gpu_bench.py FOLDER --factor 1 --trainer splat|gsplat --strategy default|mcmc --steps 7000

The last line that it prints is JSON: seconds, steps a second, PSNR along the way, peak memory of the device.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Training:
    """What is trained, and how."""

    folder: str
    factor: float
    trainer: str
    strategy: str
    steps: int

    def command(self) -> list[str]:
        """How a process of its own is started for it."""
        words = ["--factor", str(self.factor), "--trainer", self.trainer, "--strategy", self.strategy]
        return [sys.executable, str(Path(__file__).resolve()), self.folder, *words, "--steps", str(self.steps)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--trainer", choices=("splat", "gsplat"), required=True)
    parser.add_argument("--strategy", default="default")
    parser.add_argument("--steps", type=int, default=7000)
    sys.path.append(str(ROOT))
    with contextlib.redirect_stdout(sys.stderr):
        found = measured(Training(**vars(parser.parse_args())))
    print(json.dumps(found))


def measured(training: Training) -> dict[str, Any]:
    """Train here."""
    import torch

    cuda = torch.cuda.is_available()
    found = ours(training) if training.trainer == "splat" else theirs(training)
    found["steps_per_second"] = training.steps / found["seconds"]
    found["psnr"] = found["curve"][-1][1]
    found["peak_device_mb"] = torch.cuda.max_memory_allocated() / 2**20 if cuda else 0.0
    return found


def ours(training: Training) -> dict[str, Any]:
    """Our trainer with its defaults at this size and length."""
    from splat.train.config import TrainConfig
    from splat.train.strategies import STRATEGIES
    from splat.training import train

    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            data=training.folder, out=f"{folder}/run", data_factor=training.factor, max_steps=training.steps
        )
        config.strategy = STRATEGIES[training.strategy]()
        config.schedule.eval_every = max(1, training.steps // 10)
        if training.strategy == "mcmc":
            config.loss.opacity_reg = config.loss.scale_reg = 0.01
            config.initial.opacity, config.initial.scale = 0.5, 0.1
        result = train(config)
        with (result.folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["test_psnr"]]
    curve = [(float(row["seconds"]), float(row["test_psnr"])) for row in rows]
    found = {"seconds": result.train_seconds, "curve": curve, "gaussians": len(result.gaussians)}
    return {**found, "backend": result.backend}


def theirs(training: Training) -> dict[str, Any]:
    """gsplat's documented loop with its example's settings."""
    import torch

    from splat.capture import load_capture
    from tools.gpu_reference import Reference

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    capture = load_capture(training.folder, data_factor=training.factor)
    return Reference(capture, training.strategy, training.steps, device).run()


if __name__ == "__main__":
    main()
