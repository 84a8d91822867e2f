"""The demo teacher as it lies in the repository: what it knows, and what it says about what it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from splat.errors import SplatError
from splat.files import read_json
from splat.language.teachers import TeacherOptions, load_teacher

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "data" / "demo"


def test_it_recognises_the_demos_things() -> None:
    from tools.demo_teacher.report import on_demo

    found = on_demo(load_teacher(TeacherOptions(device="cpu")), DEMO, every=12)  # type: ignore[arg-type]
    # 0.53, 0.55 and 0.59 on every fourth photo (splat/weights/teacher/metrics.json); one of 22 by chance
    assert found["name_top1"] > 0.42
    assert found["caption_top1"] > 0.42
    assert found["text_to_image_top1"] > 0.45


def test_it_is_small_and_its_words_are_listed() -> None:
    folder = REPOSITORY / "splat" / "weights" / "teacher"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8e6
    words = load_teacher(TeacherOptions()).words()  # type: ignore[attr-defined]
    card = (folder / "README.md").read_text()
    assert all(word in card for word in words)


def test_unknown_words_are_refused_with_the_nearest() -> None:
    teacher = load_teacher(TeacherOptions(device="cpu"))
    with pytest.raises(SplatError) as caught:
        teacher.encode_text(["a red mugg", "zebra"])
    message = str(caught.value)
    assert "'mugg' (did you mean 'mug'?)" in message and "'zebra'" in message and "\n" not in message
    same = teacher.encode_text(["Red mug!", "red mug"])
    np.testing.assert_allclose(same[0], same[1], atol=1e-6)
    assert same.shape == (2, teacher.dim)


def test_words_need_no_import_of_the_library() -> None:
    code = (
        "import sys; from splat.language.teachers import TeacherOptions, load_teacher; "
        "load_teacher(TeacherOptions(device='cpu')).encode_text(['red mug']); "
        "sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_regions_of_a_demo_photo() -> None:
    from tools.demo_world.dataset import read_image

    teacher = load_teacher(TeacherOptions(device="cpu"))
    found = teacher.features(read_image(DEMO / "images" / "0000.jpg"), "0000.jpg")
    assert teacher.levels == ("part",) and found.labels.shape == (1, 360, 480) and found.vectors.shape[1] == teacher.dim
    names = [row["name"] for row in read_json(DEMO / "truth" / "objects.json")]
    best = (found.vectors @ teacher.encode_text(names).T).argmax(1)
    assert len(set(best.tolist())) > 12  # most of the 22 things are the best name of some region
