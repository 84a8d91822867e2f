"""RUN/metrics.csv: how training went, a row every so many steps; survives interruptions."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

COLUMNS = ("step", "seconds", "loss", "train_psnr", "test_psnr", "num_gaussians")


class History:
    """Appends rows; rows beyond the step that a resumed training starts from are dropped first."""

    def __init__(self, path: Path, first_step: int) -> None:
        rows = []
        if path.exists() and first_step > 0:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= first_step]
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, COLUMNS)
        self._writer.writeheader()
        self._writer.writerows(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(
        self, step: int, seconds: float, loss: float, train_psnr: float | None, test_psnr: float | None, count: int
    ) -> None:
        """One row; PSNRs in dB, None where they were not measured."""
        self._writer.writerow(
            {
                "step": step,
                "seconds": f"{seconds:.2f}",
                "loss": f"{loss:.6f}",
                "train_psnr": "" if train_psnr is None else f"{train_psnr:.3f}",
                "test_psnr": "" if test_psnr is None else f"{test_psnr:.3f}",
                "num_gaussians": count,
            }
        )
        self._file.flush()
