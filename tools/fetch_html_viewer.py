"""The viewer inside of exported pages, again out of its npm packages: `python -m tools.fetch_html_viewer`.

Needs npm and the network. The script is made smaller by esbuild, which changes names and white space; `viewer.json`
says which packages the files come from, and has the SHA-256 of each before and after.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from splat.errors import SplatError
from splat.files import write_json
from splat.formats.html.page import SCOPE, VIEWER, page_of
from tools.command import exit_code, fingerprint

PACKAGE = "@playcanvas/supersplat-viewer"
ENGINE = "playcanvas"  # the only package inside of the script, which `parts_of` checks
MINIFIER = "esbuild"
MINIFIER_VERSION = "0.25.12"
FILES = ("index.html", "index.css", "index.js")


def main() -> None:
    """Fetch, make smaller, compose a page for a trial, and put the files in their place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default="1.36.2", help=f"of {PACKAGE}")
    parser.add_argument("--out", type=Path, default=VIEWER, help="the folder that gets the files")
    given = parser.parse_args()
    sys.exit(exit_code(lambda: fetch(given.version, given.out)))


def fetch(version: str, out: Path) -> None:
    """The files of a release into a folder.

    Raises:
        SplatError: npm is missing or fails, or the release is not made as this expects.
    """
    with tempfile.TemporaryDirectory() as scratch:
        package = packed(PACKAGE, version, Path(scratch) / "viewer")
        about = json.loads((package / "package.json").read_text(encoding="utf-8"))
        (engine_version,) = {about["devDependencies"][ENGINE]}
        engine = packed(ENGINE, engine_version, Path(scratch) / "engine")
        public, made = package / "public", Path(scratch) / "made"
        if (inside := parts_of(public / "index.js.map")) != {ENGINE}:
            raise SplatError(f"the script of {PACKAGE} {version} holds {inside}; look at their licences first")
        made.mkdir()
        for name in FILES[:2]:
            shutil.copyfile(public / name, made / name)
        minify(public / "index.js", made / "index.js")
        (made / "LICENSE").write_text(licences(package, engine), encoding="utf-8", newline="\n")
        page_of(b"", "a trial", {}, False, made)
        record = {
            "package": PACKAGE,
            "version": version,
            "licence": "MIT",
            "bundled": [{"package": ENGINE, "version": engine_version, "licence": "MIT"}],
            "minified_by": f"{MINIFIER} {MINIFIER_VERSION}",
            "files": {
                name: {"in_package": fingerprint(public / name), "here": fingerprint(made / name)} for name in FILES
            },
        }
        out.mkdir(parents=True, exist_ok=True)
        for file in made.iterdir():
            shutil.copyfile(file, out / file.name)
        write_json(out / "viewer.json", record)


def packed(package: str, version: str, folder: Path) -> Path:
    """A package of npm, unpacked in a folder; npm compares it with the registry's checksum."""
    folder.mkdir()
    said: list[dict[str, Any]] = json.loads(npm("pack", "--json", f"{package}@{version}", folder=folder))
    with tarfile.open(folder / said[0]["filename"].replace("@", "").replace("/", "-")) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def parts_of(source_map: Path) -> set[str]:
    """Names of the packages that a script was made of, beside its own source."""
    sources: list[str] = json.loads(source_map.read_text(encoding="utf-8"))["sources"]
    return {source.split("node_modules/")[-1].split("/")[0] for source in sources if "node_modules/" in source}


def minify(script: Path, output: Path) -> None:
    """The same script in fewer bytes, its exports in an object of the page; comments with licences stay."""
    options = ["--minify", "--format=iife", f"--global-name={SCOPE}", "--charset=utf8", "--legal-comments=inline"]
    words = [MINIFIER, "--log-level=error", *options, f"--outfile={output}", str(script)]
    npm("exec", "--yes", f"--package={MINIFIER}@{MINIFIER_VERSION}", "--", *words, folder=output.parent)


def licences(package: Path, engine: Path) -> str:
    """The text that every copy must hold: of the viewer and of the engine inside of it."""
    texts = ((PACKAGE, package), (ENGINE, engine))
    return "\n".join(
        f"{name}\n\n{(folder / 'LICENSE').read_text(encoding='utf-8').strip()}\n" for name, folder in texts
    )


def npm(*words: str, folder: Path) -> str:
    """What npm prints.

    Raises:
        SplatError: it is missing, or fails.
    """
    program = shutil.which("npm")
    if program is None:
        raise SplatError("npm is not on the PATH; install Node.js")
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SplatError(f"npm {words[0]} failed: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
