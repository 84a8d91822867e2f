"""The results of `tools/gpu_check.py` as text, and in the docs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- cuda table: written by tools/gpu_check.py -->", "<!-- end of the cuda table -->"
TEST = re.compile(r"^(?:\S*/)?(tests/\S+\.py::.*?)(?: (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b.*)?$")


def save(found: dict[str, Any], folder: Path) -> str:
    """Write gpu_check.json and gpu_check.md; returns the latter."""
    text = table(found)
    for name, content in (("gpu_check.json", json.dumps(found, indent=2) + "\n"), ("gpu_check.md", text)):
        temporary = folder / f".{name}"
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(folder / name)
    return text


def table(found: dict[str, Any]) -> str:
    """What goes into docs/benchmarks.md."""
    machine, tests = found.get("machine", {}), found.get("tests", {})
    head = f"{machine.get('device', 'unknown device')}, {found['date']}; torch {machine.get('torch')} (CUDA "
    head += f"{machine.get('cuda')}), {', '.join(machine.get('versions', []))}; {found['steps']:,} steps."
    if tests:
        head += f" Tests marked gpu: {tests['passed']} passed, {len(tests['failed'])} failed, "
        head += f"{len(tests['unfinished'])} unfinished, {tests['skipped']} skipped."
    if found["dry_run"]:
        head = "REHEARSAL WITHOUT CUDA: these numbers mean nothing.\n\n" + head
    lines = [
        "| data | strategy | trainer | step/s | seconds | seconds to PSNR | PSNR | Gaussians | peak device memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [row(entry, found["bench"]) for entry in found.get("bench", [])]
    wrong = [f"- {part['part']}: {part['state']}" for part in found.get("parts", []) if part["state"] != "done"]
    parts = [head, "\n".join(lines)] + (["Not everything ended well:", "\n".join(wrong)] if wrong else [])
    return "\n\n".join(parts) + "\n"


def row(entry: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """One training; the PSNR to reach is what the weaker of the two trainers ends with, less 0.1 dB."""
    name = f"| {entry['case']} | {entry['strategy']} | {entry['trainer']} |"
    if "psnr" not in entry:
        reason = str(entry.get("failed") or "").strip().splitlines() or ["no result"]
        return f"{name} failed: {reason[-1].replace('|', '/')} | | | | | |"
    same = [e for e in entries if (e["case"], e["strategy"]) == (entry["case"], entry["strategy"]) and "psnr" in e]
    target = min(e["psnr"] for e in same) - 0.1
    reached = seconds_to(entry["curve"], target)
    return (
        f"{name} {entry['steps_per_second']:.1f} | {entry['seconds']:.1f} | "
        f"{'-' if reached is None else f'{reached:.1f}'} to {target:.1f} dB | {entry['psnr']:.2f} | "
        f"{entry['gaussians']:,} | {entry['peak_device_mb']:.0f} MB |"
    )


def seconds_to(curve: list[list[float]], target: float) -> float | None:
    """Seconds at which a curve of (seconds, PSNR) first reaches the target, between two points on a straight line."""
    before = (0.0, -1e9)
    for seconds, value in curve:
        if value >= target:
            part = 1.0 if before[1] < -1e8 else (target - before[1]) / (value - before[1])
            return before[0] + part * (seconds - before[0])
        before = (seconds, value)
    return None


def counted(log: str) -> dict[str, Any]:
    """Outcomes in what `pytest -v` printed, which has all of them up to the moment at which it was stopped."""
    found = [TEST.match(line.rstrip()) for line in log.splitlines()]
    outcomes = {match[1]: match[2] for match in found if match}
    return {
        "passed": sum(outcome in ("PASSED", "XPASS") for outcome in outcomes.values()),
        "skipped": sum(outcome in ("SKIPPED", "XFAIL") for outcome in outcomes.values()),
        "failed": [name for name, outcome in outcomes.items() if outcome in ("FAILED", "ERROR")],
        "unfinished": [name for name, outcome in outcomes.items() if outcome is None],
    }


def write_docs(results: Path, page: Path) -> None:
    """Put the table of results (gpu_check.json) between the two marks of the page.

    Raises:
        SystemExit: a rehearsal measures nothing that belongs into the docs.
    """
    found = json.loads(results.read_text(encoding="utf-8"))
    if found["dry_run"]:
        raise SystemExit(f"{results} is of a rehearsal without CUDA; it measures nothing that belongs into the docs")
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(before + BEGIN + "\n\n" + table(found) + "\n" + END + rest.split(END)[1], encoding="utf-8")
