"""`splat doctor`: every library is asked in isolation, and a failure names its remedy."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from splat import doctor
from splat.cli import main


def test_report_covers_everything_and_decides_the_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "json=true"])
    found = json.loads(capfd.readouterr().out)  # nothing but JSON, whatever the libraries print at import
    checks = {check["name"]: check for check in found["checks"]}
    assert list(checks)[:2] == ["Python", "torch"]
    assert {"gsplat", "opencv", "lpips", "flip", "video", "disk"} <= set(checks)
    assert checks["torch"]["state"] == "good" and "2." in checks["torch"]["text"]
    bad = [check for check in found["checks"] if check["required"] and check["state"] == "bad"]
    assert found["can_train"] is (not bad) and code == (2 if bad else 0)
    assert all(check["fix"] for check in found["checks"] if check["state"] == "note")


def fake_probes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **sources: str) -> None:
    """Put modules of these names before the real ones in the probes' processes."""
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    # the repository's folder comes first on the path of the probes, which shadows nothing there
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_crash_or_an_exit_costs_one_line_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_probes(
        monkeypatch, tmp_path,
        cv2="import os; os.kill(os.getpid(), 11)",
        open3d="raise OSError('libusb-1.0.so.0: cannot open shared object file: No such file or directory')",
        pycolmap="import os; print('chatter'); os._exit(3)",
    )  # fmt: skip
    probes = [
        probe for family in doctor.FAMILIES for probe in family if probe.name in ("opencv", "open3d", "pycolmap", "hub")
    ]
    opencv, open3d, pycolmap, hub = doctor.ask(probes)
    assert (
        opencv.state == "bad"
        and "SIGSEGV" in opencv.text
        and opencv.fix == "pip install --upgrade opencv-python-headless"
    )
    assert open3d.state == "note" and "libusb-1.0-0" in open3d.fix and "libgl1" in open3d.fix
    assert pycolmap.state == "note" and "exit code 3" in pycolmap.text
    assert hub.state == "good"
    assert not doctor.can_train([opencv, hub]) and doctor.can_train([open3d, pycolmap, hub])


def test_a_hanging_import_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_probes(monkeypatch, tmp_path, cv2="import time; time.sleep(100)")
    monkeypatch.setattr(doctor, "TIMEOUT", 1)
    (check,) = doctor.ask([doctor.Probe("opencv", "opencv", True, "opencv-python-headless")])
    assert check.state == "bad" and check.text == "no answer within 1 s"


def test_lpips_weights_are_found_where_torch_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from splat.doctor_probes import lpips

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    state, text, fix = lpips()
    assert state == "note" and "HF_HUB_OFFLINE is set" in text and "alexnet-owt-7be5be79.pth" in fix
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert "the first evaluation fetches 233 MB" in lpips()[2]
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "squeezenet1_1-b8a52dc0.pth", "w") as archive:
        archive.writestr("data.pkl", b"weights")
    state, text, _ = lpips()
    assert state == "note" and "weights here for squeeze only" in text and "squeeze was saved anew" in text
    with zipfile.ZipFile(folder / "alexnet-owt-7be5be79.pth", "w") as archive:
        archive.writestr("data.pkl", b"weights")
    assert lpips()[0] == "good"
    (folder / "vgg16-397923af.pth").write_bytes(b"half a fi")
    state, text, fix = lpips()
    assert state == "note" and "damaged" in text and "vgg16-397923af.pth" in text and fix == "delete them"


def test_flip_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from splat.doctor_probes import flip

    assert flip()[0] == "good"
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    assert flip()[0] == "note" and "pip install flip-evaluator" in flip()[2]


def test_where_no_run_can_be_written(tmp_path: Path) -> None:
    check = doctor.disk(tmp_path)
    assert check.state in ("good", "note") and str(tmp_path) in check.text
    assert doctor.python().text.startswith(".".join(map(str, sys.version_info[:3])))
