"""The hosted checks are those of .ci/run, on three systems; what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.formats.test_splat_transform import PACKAGE, TESTED_WITH

REPOSITORY = Path(__file__).resolve().parents[1]
WORKFLOWS = REPOSITORY / ".github" / "workflows"


def commands(job: dict) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_tests_run_the_same_file_everywhere() -> None:
    job = yaml.safe_load((WORKFLOWS / "tests.yml").read_text())["jobs"]["tests"]
    assert {name.split("-")[0] for name in job["strategy"]["matrix"]["os"]} == {"ubuntu", "macos", "windows"}
    assert commands(job)[-1] == ".ci/run" and (REPOSITORY / ".ci" / "run").stat().st_mode & 0o100
    versions = [
        job["strategy"]["matrix"]["python"][0],
        *(more["python"] for more in job["strategy"]["matrix"]["include"]),
    ]
    lowest = re.search(r'requires-python = ">=([\d.]+)"', (REPOSITORY / "pyproject.toml").read_text())
    assert lowest and lowest[1] in versions


def test_the_program_of_the_cross_check_is_the_one_it_was_written_for() -> None:
    job = yaml.safe_load((WORKFLOWS / "tests.yml").read_text())["jobs"]["tests"]
    assert f"npm install --global {PACKAGE}@{TESTED_WITH}\n" in "".join(commands(job))


def test_a_wheel_of_every_system_trains_its_demo() -> None:
    jobs = yaml.safe_load((WORKFLOWS / "wheels.yml").read_text())["jobs"]
    built, tried = (set(jobs[name]["strategy"]["matrix"]["os"]) for name in ("wheels", "try"))
    assert tried <= built and {name.split("-")[0] for name in built} == {"ubuntu", "macos", "windows"}
    assert any(step.get("uses", "").startswith("pypa/cibuildwheel@") for step in jobs["wheels"]["steps"])
    assert "splat train demo" in " ".join(commands(jobs["try"]))


def test_the_kernels_keep_to_their_lines() -> None:
    """.clang-format says more, but is not installed everywhere."""
    files = [path for path in (REPOSITORY / "native").rglob("*") if path.suffix in (".cpp", ".h")]
    assert len(files) > 20
    for path in files:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            assert len(line) <= 120 and line == line.rstrip() and "\t" not in line, f"{path}:{number}"


def test_the_version_stands_in_one_place() -> None:
    version = re.search(r'__version__ = "(.*)"', (REPOSITORY / "splat" / "__init__.py").read_text())
    assert version
    for name in ("pyproject.toml", "CITATION.cff"):
        assert version[1] not in (REPOSITORY / name).read_text()
