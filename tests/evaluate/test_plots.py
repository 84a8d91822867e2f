"""Plots of a training: one file for each curve that metrics.csv has, over seconds too where they are known."""

from pathlib import Path

from splat.evaluate.plots import plot_files, write_plots
from splat.files import write_text
from splat.images import read_image


def shape(path: Path) -> tuple[int, ...]:
    image = read_image(path)
    assert image is not None and image.min() < 128  # something is drawn
    return image.shape


def test_a_file_for_each_curve(tmp_path: Path) -> None:
    write_text(tmp_path / "metrics.csv", "step,seconds,loss,train_psnr,test_psnr\n50,1.5,0.5,20,\n100,3,0.4,22,21\n")
    assert write_plots(tmp_path) == plot_files(tmp_path) == ["plots/loss.png", "plots/psnr.png"]
    both = shape(tmp_path / "plots/psnr.png")
    write_text(tmp_path / "metrics.csv", "step,psnr\n50,20\n100,21\n")
    assert write_plots(tmp_path) == ["plots/psnr.png"]
    steps = shape(tmp_path / "plots/psnr.png")
    assert both[0] == steps[0] and both[1] == 2 * steps[1]


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    assert write_plots(tmp_path) == plot_files(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
