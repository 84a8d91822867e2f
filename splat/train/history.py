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
        self._rows: list[dict[str, str]] = []
        if path.exists() and first_step > 0:
            with path.open(newline="", encoding="utf-8", errors="replace") as file:
                lines = (line.replace("\0", "") for line in file)  # a full disk may leave zeros
                self._rows = [row for row in csv.DictReader(lines) if _step(row) <= first_step]
        self._begin(path)

    def move(self, path: Path) -> None:
        """Go on in another file, or in this one where it was removed, with all rows so far."""
        self._file.close()
        self._begin(path)

    def _begin(self, path: Path) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, COLUMNS, extrasaction="ignore")
        self._writer.writeheader()
        self._writer.writerows(self._rows)
        self._file.flush()

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
        row = {
            "step": str(step),
            "seconds": f"{seconds:.2f}",
            "loss": f"{loss:.6f}",
            "train_psnr": "" if train_psnr is None else f"{train_psnr:.3f}",
            "test_psnr": "" if test_psnr is None else f"{test_psnr:.3f}",
            "num_gaussians": str(count),
        }
        self._rows.append(row)
        self._writer.writerow(row)
        self._file.flush()


def _step(row: dict[str, str]) -> float:
    """The step of a row; of one that a killed process has cut, infinity."""
    step = row.get("step") or ""
    return float(step) if step.isdecimal() else float("inf")
