"""A default wheel is the whole product: outside the checkout it trains, distils, queries and cleans what it brings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from splat import native

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, around the kernels that these tests run with: compiling them takes minutes."""
    pytest.importorskip("scikit_build_core", reason="needs pip install 'scikit-build-core>=0.10'")
    pytest.importorskip("nanobind", reason="needs pip install 'nanobind>=2.4'")
    kernels = Path(native.kernels().__file__ or "").parent
    out = tmp_path_factory.mktemp("wheel")
    options = [f"--config-settings=cmake.define.SPLAT_PREBUILT={kernels}", f"--config-settings=build-dir={out}/build"]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", *options]
    subprocess.run([*command, "--wheel-dir", str(out), str(REPOSITORY)], check=True)
    (found,) = out.glob("splat-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that has the wheel alone, and borrows all other packages from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=paths))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(packages)]
    subprocess.run([*command, str(wheel)], check=True)
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    return scripts / ("python.exe" if os.name == "nt" else "python")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is in no checkout."""
    return tmp_path_factory.mktemp("outside")


def run(python: Path, outside: Path, *words: str) -> str:
    """What Python prints with these words; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, *words], cwd=outside, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def splat(python: Path, outside: Path, *words: str) -> str:
    """What a command of splat prints."""
    return run(python, outside, "-m", "splat", *words)


def test_the_wheel_holds_weights_configuration_and_demo_and_nothing_of_the_repository(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "splat/weights/teacher/model.safetensors",
        "splat/weights/restorer/model.safetensors",
        "splat/conf/train.yaml",
        "splat/data/demo/images/0000.jpg",
        "splat/formats/html/viewer/index.js",
        "splat/formats/html/viewer/LICENSE",
        "splat/data/demo/truth/objects.json",
        "splat/py.typed",
        "splat/__init__.pyi",
    } <= names
    source = {path.relative_to(REPOSITORY / "data").as_posix() for path in (REPOSITORY / "data" / "demo").rglob("*.*")}
    assert source <= {name.removeprefix("splat/data/") for name in names}
    assert {name.split("/")[0] for name in names} == {"splat", next(n for n in names if "dist-info" in n).split("/")[0]}


def test_it_trains_distils_and_queries_its_own_demo(python: Path, outside: Path) -> None:
    where = run(python, outside, "-c", "import splat; print(splat.__file__)")
    assert not Path(where.strip()).is_relative_to(REPOSITORY)
    assert splat(python, outside, "demo").strip() == "demo"
    small = ["max_steps=60", "data_factor=6", "cap_max=3000", "initial.seeds=500", "out=run", "seed=1"]
    splat(python, outside, "train", "demo", *small)
    splat(python, outside, "distill", "run", "max_size=160")
    answer = json.loads(splat(python, outside, "query", "run", "red mug", "views=1"))
    assert answer["text"] == "red mug"


def test_it_cleans_with_its_own_network(python: Path, outside: Path) -> None:
    photos = outside / "photos"
    photos.mkdir()
    for path in sorted((REPOSITORY / "data" / "demo" / "images").iterdir())[:4]:
        (photos / path.name).write_bytes(path.read_bytes())
    splat(python, outside, "clean", "photos", "weather=rain", "lens.masks=none")
    assert json.loads((outside / "photos-clean" / "clean.json").read_text())["restorer"]["chosen"] == "learned"
