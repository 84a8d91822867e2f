"""The report and the comparison: right order, right sentences, every text escaped, nothing fetched from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from splat.errors import SplatError
from splat.evaluate.charts import line_chart, read_csv, ticks
from splat.evaluate.compare import compare_runs, rule_differences, write_comparison
from splat.evaluate.page import SCRIPT
from splat.evaluate.report import MAX_PICTURES, build_report, gap_sentence, write_report
from splat.files import read_json, write_json, write_text
from splat.images import write_image

NASTY = '<script>alert("1")</script>&.png'


class Checker(HTMLParser):
    """Collects tags and addresses, and that tags close in order."""

    VOID = ("meta", "img", "path", "circle", "polyline", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        self.handlers += [key for key, _ in attrs if key.startswith("on")]
        self.addresses += [value for key, value in attrs if key in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == [] and checker.handlers == []
    assert "".join(checker.scripts) in ("", SCRIPT)
    return checker


def make_run(folder: Path, psnrs: dict[str, float], train: float | None = None, **protocol: object) -> Path:
    views = []
    for index, (name, psnr) in enumerate(psnrs.items()):
        image = f"renders/test/{index:03d}.png"
        views.append({"name": name, "psnr": psnr, "ssim": 0.9, "lpips": None, "image": image})
        color = np.full((30, 40, 3), 9 * index, np.uint8)
        for file in (image, image.replace(".png", "_photo.png"), image.replace(".png", "_error.jpg")):
            write_image(folder / file, color)
    metrics = {
        "psnr": sum(psnrs.values()) / len(psnrs),
        "ssim": 0.9,
        "lpips": None,
        "lpips_net": None,
        "lpips_reason": "the alex weights are not on this machine",
        "num_gaussians": 12345,
        "max_steps": 3000,
        "train_seconds": 90.0,
        "backend": "cpu",
        "protocol": {"name": "gsplat", "views": len(views), "split": "test", "resolution": [[40, 30]], **protocol},
        "per_view": views,
        "train": None if train is None else {"psnr": train, "ssim": 0.95, "lpips": None, "views": 1, "per_view": []},
    }
    write_json(folder / "metrics.json", metrics)
    return folder


def test_report_stands_alone_and_escapes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run<b>", {NASTY: 21.0, "good.png": 30.0})
    write_text(run / "config.yaml", "name: </pre><script>x</script>\n")
    write_text(run / "metrics.csv", "step,loss,psnr,num_gaussians\n0,0.5,,100\n100,0.2,20.5,200\n200,nan,22,300\n")
    page = write_report(run).read_text()
    checker = check(page)
    assert "".join(checker.scripts) == SCRIPT  # and the page allows no other
    assert "b" in checker.tags  # the cards' own
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;.png" in page
    assert not [a for a in checker.addresses if not a.startswith(("data:image/jpeg;base64,", "renders/"))]
    assert len([a for a in checker.addresses if a.startswith("data:")]) == 6 + 4  # in the table and with sliders
    for needed in ("12,345", "1.5 min", "25.50", "the alex weights are not on this machine", "polyline"):
        assert needed in page
    for address in checker.addresses:
        if address.startswith("renders/"):
            assert (run / address).is_file()


def test_lpips_never_stands_without_its_network(tmp_path: Path) -> None:
    run = make_run(tmp_path, {"a": 20.0}, train=21.0)
    metrics = read_json(run / "metrics.json")
    metrics |= {"lpips": 0.1234, "lpips_net": "alex", "lpips_reason": None, "flip": 0.0456}
    metrics["per_view"][0] |= {"lpips": 0.1235, "flip": 0.0457}
    metrics["train"] |= {"lpips": 0.2345, "lpips_net": "squeeze"}
    metrics["train"]["per_view"] = [{"name": "b", "psnr": 21.0, "ssim": 0.9, "lpips": 0.2346, "flip": None}]
    write_json(run / "metrics.json", metrics)
    page = build_report(run)
    assert page.count("0.1234 (alex)") == 2 and page.count("0.2345 (squeeze)") == 1
    assert page.index("LPIPS (alex)") < page.index("0.1235") < page.index("LPIPS (squeeze)") < page.index("0.2346")
    assert page.count("0.0456") == 2 and page.count("0.0457") == 1
    metrics["flip_reason"] = "no wheel for this system"
    write_json(run / "metrics.json", metrics)
    assert "FLIP: no wheel for this system" in build_report(run)


def test_worst_views_come_first(tmp_path: Path) -> None:
    page = build_report(make_run(tmp_path, {"fair": 25.0, "worst": 11.0, "best": 33.0}))
    assert page.index("worst 11.00 dB") < page.index("fair 25.00 dB") < page.index("best 33.00 dB")
    assert page.index("worst</td>") < page.index("fair</td>") < page.index("best</td>")


def test_overfitting_gets_a_sentence(tmp_path: Path) -> None:
    page = build_report(make_run(tmp_path, {"a": 20.0}, train=27.5))
    assert "7.5 dB above held-out" in page
    assert gap_sentence({"psnr": 20.0, "train": {"psnr": 22.9}}) is None
    assert gap_sentence({"psnr": None, "train": {"psnr": 22.9}}) is None
    assert gap_sentence({"psnr": 20.0, "train": None}) is None


def test_report_of_a_run_without_test_views_or_pictures(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics.json", {"psnr": None, "per_view": [], "train": {"psnr": 30.0, "per_view": []}})
    check(build_report(tmp_path))


def test_views_beyond_the_pages_bounds_are_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path, {f"{index:02d}": 20.0 + index for index in range(MAX_PICTURES + 3)})
    (run / "renders/test/001_photo.png").write_bytes(b"")  # cannot be read, so the next worst has a slider too
    page = build_report(run)
    check(page)
    assert page.count('class="slide"') == MAX_PICTURES and "01 21.00 dB" not in page
    assert "2 more views with pictures, not shown here" in page


def test_report_needs_metrics(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match=re.escape("metrics.json")):
        write_report(tmp_path)


def test_csv_gaps_and_words_are_left_out(tmp_path: Path) -> None:
    write_text(tmp_path / "m.csv", "step,loss,psnr\n1,0.5,\n2,nan,20\nlast,1,1\n3,0.25,x\n")
    assert read_csv(tmp_path / "m.csv") == {"loss": [(1, 0.5), (3, 0.25)], "psnr": [(2, 20)]}
    assert read_csv(tmp_path / "absent.csv") == {}
    (tmp_path / "n.csv").write_bytes(b"step,loss\n1,0.5\n\0\0\xff\n2,0.25\n")
    assert read_csv(tmp_path / "n.csv") == {"loss": [(1, 0.5), (2, 0.25)]}
    write_text(tmp_path / "long.csv", f"step,loss\n1,{'1' * 200_000}\n")
    with pytest.raises(SplatError, match=r"cannot read .*long\.csv"):
        read_csv(tmp_path / "long.csv")


def test_chart_ticks_are_round() -> None:
    assert ticks(0, 1) == pytest.approx([0, 0.5, 1])
    assert ticks(19.7, 31.2) == pytest.approx([20, 25, 30])
    assert ticks(3, 3) == [3]


def test_chart_places_points() -> None:
    chart = line_chart("x", {"y": [(0, 0.0), (10, 10.0)]})
    (points,) = re.findall(r'points="([^"]+)"', chart)
    (x0, y0), (x1, y1) = (map(float, pair.split(",")) for pair in points.split())
    assert (x0, x1) == (48, 330)
    assert y0 > y1  # larger is higher
    assert line_chart("x", {"y": []}) == ""
    assert "polyline" in line_chart("flat", {"y": [(0, 1.0), (1, 1.0)]})


def test_comparison_names_the_runs_and_what_differs(tmp_path: Path) -> None:
    a = make_run(tmp_path / "fox" / "default", {"x": 20.0, "y": 30.0})
    b = make_run(tmp_path / "fox" / "long", {"x": 29.0, "y": 30.5}, train=33.0)
    rows = compare_runs([a, b])
    assert [row.name for row in rows] == ["default", "long"]
    assert [row.psnr for row in rows] == [25.0, 29.75]
    assert rule_differences(rows) == []
    write_comparison([a, b], tmp_path / "out" / "compare.html")
    page = (tmp_path / "out" / "compare.html").read_text()
    checker = check(page)
    assert "Not comparable" not in page
    assert page.index("<td>x</td>") < page.index("<td>y</td>")  # the larger difference first
    links = [address for address in checker.addresses if not address.startswith("data:")]
    assert len(links) == 6
    assert len(checker.addresses) - len(links) == 6 + 6  # a photo and two renders of two views, twice
    assert "x default: 20.00 dB, long: 29.00 dB" in page
    assert [re.findall("(photo|default|long)</option>", side) for side in page.split("<select")[1:3]] == [
        ["photo", "default", "long"]
    ] * 2
    assert page.count("<option selected>default") == page.count("<option selected>long") == 2
    assert "<td>training</td><td>" not in page and page.count("1:30</td>") == 2  # 90 s of each, to the right
    assert all((tmp_path / "out" / link).is_file() for link in links)


def test_runs_under_different_rules_are_flagged(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a" / "run", {"x": 20.0})
    b = make_run(tmp_path / "b" / "run", {"x": 21.0}, resolution=[[80, 60]])
    c = make_run(tmp_path / "c" / "run", {"z": 21.0})
    rows = compare_runs([a, b])
    assert [row.name for row in rows] == ["a/run", "b/run"]
    assert len(rule_differences(rows)) == 1
    assert re.fullmatch(r"resolution differs \(a/run: \d+x\d+, b/run: 80x60\)", rule_differences(rows)[0])
    assert rule_differences(compare_runs([a, c])) == ["the runs were scored on different views"]


def test_comparing_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="splat evaluate"):
        compare_runs([tmp_path])
