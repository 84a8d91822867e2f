"""What a machine with a GPU but no network needs for `tools/gpu_check.py`, collected in one folder.

The machine has Python, torch with CUDA, nvcc, a C++ compiler and what stands in `MACHINE`. The folder holds wheels of
the rest, our compiled kernels for that Python, and captures as pinhole photos, so that nothing there needs pycolmap.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 60 * 2**20  # bytes of the repository's tracked files and the pack together
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12, 5)]
PLATFORMS += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]

# gsplat's wheel carries its sources, which are compiled on the machine.
PACKAGES = (
    "gsplat>=1.5.3,<1.7",
    "jaxtyping",
    "wadler-lindig",
    "ninja",
    "hydra-core>=1.3.2,<1.4",
    "omegaconf>=2.2,<2.4",
    "antlr4-python3-runtime==4.9.*",
    "pyyaml",
    "plyfile",
    "psutil",
    "scikit-build-core",
    "pathspec",
    "nanobind",
)
SOURCES = ("antlr4-python3-runtime==4.9.*",)  # no wheel on the index: built here, it is plain Python
MACHINE = {
    *("torch", "numpy", "scipy", "safetensors", "opencv-python-headless", "setuptools", "pip"),
    *("scikit-image", "imageio", "pillow", "lazy-loader", "tifffile", "networkx", "packaging", "typing-extensions"),
    *("rich", "markdown-it-py", "mdurl", "pygments", "pytest", "iniconfig", "pluggy"),
    "filelock",  # torch requires it
}
# Of splat's own requirements no part of the check imports these; the rehearsal of tests/tools shows it.
LEFT_OUT = {
    *(
        "torchvision",
        "open3d",
        "pycolmap",
        "transformers",
        "lpips",
        "flip-evaluator",
        "av",
        "matplotlib",
        "zstandard",
        "viser",
    )
}


def collect(folder: Path, python: str, interpreter: str | None, fox: Path | None, limit: int = LIMIT) -> dict[str, Any]:
    """Write the pack; returns its manifest.

    Args:
        python: version on the machine, such as 3.12.
        interpreter: a Python of that version here, for our kernels; None looks for one.
        fox: the capture fox; its photos are halved.

    Raises:
        SystemExit: something is missing, or it grows beyond `limit`; says what.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "manifest.json").exists():
        raise SystemExit(f"{folder} holds other things than a pack and stays as it is; choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as unfinished:
        new = Path(unfinished) / "pack"
        (new / "wheels").mkdir(parents=True)
        download(new / "wheels", python)
        if gaps := missing_requirements(new / "wheels", python):
            raise SystemExit(f"neither in the pack nor on the machine: {', '.join(gaps)}; add them to PACKAGES")
        manifest: dict[str, Any] = {"python": python, "kernels": build_kernels(new / "kernels", python, interpreter)}
        manifest["captures"] = write_captures(new / "captures", fox)
        manifest["bytes"] = {part.name: size_of(part) for part in sorted(new.iterdir())}
        (new / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        report(folder, manifest, limit)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return manifest


# --- wheels --------------------------------------------------------------------------------------------------------


def download(folder: Path, python: str) -> None:
    """Wheels of `PACKAGES` for that Python on x86-64 Linux."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    tag = "cp" + python.replace(".", "")
    target = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    target += [word for abi in (tag, "abi3", "none") for word in ("--abi", abi)]
    target += [word for name in PLATFORMS for word in ("--platform", name)]
    binary = [package for package in PACKAGES if package not in SOURCES]
    run([*pip, "download", "--quiet", "--no-deps", *target, "--dest", str(folder), *binary])
    run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), *SOURCES])


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"this failed: {' '.join(command)}\n{(done.stderr or done.stdout).strip()[-2000:]}")


def missing_requirements(wheels: Path, python: str) -> list[str]:
    """Packages that the wheels, or splat itself, require and that are neither among them nor on the machine."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    metadata = [wheel_metadata(path) for path in sorted(wheels.glob("*.whl"))]
    there = {canonicalize_name(str(item["Name"])) for item in metadata} | MACHINE | LEFT_OUT
    wanted = [text for item in metadata for text in item.get_all("Requires-Dist") or []] + own_requirements()
    place = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux", "extra": ""}
    place |= {"platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"}
    place |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    needed = [requirement for requirement in map(Requirement, wanted) if applies(requirement, place)]
    return sorted({canonicalize_name(requirement.name) for requirement in needed} - there)


def applies(requirement: Any, place: dict[str, str]) -> bool:
    return requirement.marker is None or bool(requirement.marker.evaluate(place))


def wheel_metadata(path: Path) -> Any:
    """The headers of a wheel's METADATA."""
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def own_requirements() -> list[str]:
    """What splat requires, as pyproject.toml has it."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        raise SystemExit("the pack is made with Python 3.11 or newer")
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"])


# --- our kernels ---------------------------------------------------------------------------------------------------


def kernel_sources() -> str:
    """What tells one state of `native/` from another."""
    found = hashlib.sha256()
    for path in sorted((ROOT / "native").rglob("*")):
        if path.is_file():
            found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def build_kernels(folder: Path, python: str, interpreter: str | None) -> str | None:
    """The compiled modules for that Python; returns the digest of their sources, None where none is made here."""
    interpreter = interpreter or find_python(python)
    if interpreter is None:
        print(f"no Python {python} here: our kernels are built on the machine, which must have cmake then")
        return None
    with tempfile.TemporaryDirectory() as built:
        pip = [interpreter, "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", built, str(ROOT)])
        with zipfile.ZipFile(next(Path(built).glob("*.whl"))) as archive:
            names = [name for name in archive.namelist() if name.startswith("splat/_native") and name.endswith(".so")]
            folder.mkdir()
            for name in names:
                (folder / Path(name).name).write_bytes(archive.read(name))
    return kernel_sources()


def find_python(python: str) -> str | None:
    """An interpreter of that version: on the path, or one of pyenv's."""
    if python == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(f"python{python}"), *(str(path) for path in pyenv.glob(f"{python}.*/bin/python"))]
    for candidate in candidates:  # pyenv's stand-ins on the path fail where their version is not switched on
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


# --- captures ------------------------------------------------------------------------------------------------------


def write_captures(folder: Path, fox: Path | None) -> dict[str, dict[str, Any]]:
    """The demo at full size, and fox at half its size where it is given."""
    from splat.capture import load_capture
    from tools.pinhole import write_pinhole

    sources = {"demo": (ROOT / "data" / "demo", 1.0)} | ({"fox": (fox, 2.0)} if fox is not None else {})
    found = {}
    for name, (source, factor) in sources.items():
        capture = load_capture(source, data_factor=factor)
        write_pinhole(capture, folder / name)
        camera = capture.frames[0].camera
        found[name] = {"photos": len(capture.frames), "size": [camera.width, camera.height]}
    return found


# --- sizes ---------------------------------------------------------------------------------------------------------


def size_of(path: Path) -> int:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files)


def tracked_bytes() -> int:
    """Bytes of the files that git keeps in the repository."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return sum(path.stat().st_size for path in paths if path.is_file())


def report(folder: Path, manifest: dict[str, Any], limit: int) -> None:
    """Print the sizes.

    Raises:
        SystemExit: repository and pack are larger than the limit.
    """
    parts = {"repository": tracked_bytes(), **manifest["bytes"]}
    for name, size in parts.items():
        print(f"{size / 2**20:6.1f} MiB  {name}")
    total = sum(parts.values())
    print(f"{total / 2**20:6.1f} MiB  together, of {limit / 2**20:.0f}; {folder} is for Python {manifest['python']}")
    if total > limit:
        raise SystemExit(f"repository and pack take more than {limit / 2**20:.0f} MiB; leave --fox out")
