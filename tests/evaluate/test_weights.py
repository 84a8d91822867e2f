"""LPIPS' weights come once, whole or not at all: from a server of the test's own that works, stalls or is gone."""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.evaluate import weights
from splat.evaluate.fetch import Bounds, FetchError, fetch
from splat.evaluate.lpips_metric import choose_net, lpips
from splat.evaluate.protocols import PROTOCOLS
from splat.evaluate.run_evaluation import evaluate_scene
from splat.evaluate.weights import BACKBONES, Backbone
from splat.files import read_json
from splat.render.config import RenderOptions
from tests.evaluate.conftest import alexnet
from tests.language.scenes import balls

Answer = Callable[[BaseHTTPRequestHandler], None]
PATIENT = Bounds(connect=60, stall=60, total=120)


class Server:
    """Answers every path as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.done = threading.Event()  # what stalls lets go at the end of the test
        self.answer: Answer = lambda handler: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.done.set()
        self.http.shutdown()
        self.http.server_close()

    def sends(self, content: bytes, length: int | None = None) -> None:
        """Answer with the content, perhaps under a wrong length."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content) if length is None else length))
            handler.end_headers()
            handler.wfile.write(content)

        self.answer = answer

    def stalls(self, content: bytes = b"", headers: bool = True) -> None:
        """Send the beginning, then nothing more; without headers not even that."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if headers:
                handler.send_response(200)
                handler.send_header("Content-Length", "100000000")
                handler.end_headers()
                handler.wfile.write(content)
            self.done.wait(60)

        self.answer = answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = Server()
    yield found
    found.close()


@pytest.fixture
def online(
    server: Server, own_weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Bounds], Path]:
    """`online(bounds)`: LPIPS finds its weights at the server, under the hash of the test's file; their place here."""

    def arrange(bounds: Bounds = PATIENT) -> Path:
        name = f"alexnet-owt-{hashlib.sha256(own_weights).hexdigest()[:8]}.pth"
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        monkeypatch.delenv("HF_HUB_OFFLINE")  # tests/conftest.py sets it for all others
        monkeypatch.setattr(weights, "SOURCE", f"{server.url}/models")
        monkeypatch.setattr(weights, "BOUNDS", bounds)
        monkeypatch.setitem(BACKBONES, "alex", Backbone(name, 5))
        return weights.checkpoint_path("alex")

    return arrange


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_weights_are_fetched_once_and_said(
    server: Server, online: Callable, own_weights: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = online()
    server.sends(own_weights)
    assert choose_net("auto", PROTOCOLS["gsplat"], download=True).net == "alex"
    said = capsys.readouterr().err.splitlines()
    size = round(len(own_weights) / 2**20)
    assert said[0].startswith(f"LPIPS: fetching the alex weights once, {size} MB from 127.0.0.1")
    assert "BSD-3-Clause" in said[0] and str(path.parent) in said[0] and "lpips_download=false" in said[0]
    assert said[1].startswith(f"fetching {path.name}: {size}/{size}, ")  # the progress line
    assert path.read_bytes() == own_weights and files_in(path.parent) == [path.name]
    assert choose_net("alex", PROTOCOLS["gsplat"], download=True).reason is None
    assert server.asked == [f"/models/{path.name}"] and capsys.readouterr().err == ""
    image = torch.rand(64, 72, 3, generator=torch.Generator().manual_seed(1))
    assert lpips(image, image, "alex") == 0 and (lpips(image, 1 - image, "alex") or 0) > 0


@pytest.mark.parametrize("headers", [True, False])
def test_a_stalled_line_is_given_up(
    server: Server, online: Callable, headers: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    bounds = Bounds(connect=60, stall=0.3, total=120) if headers else Bounds(connect=0.3, stall=60, total=120)
    path = online(bounds)
    server.stalls(b"the beginning", headers)
    why = "the line stalled: nothing came for 0.3 s" if headers else "no answer within 0.3 s"
    for _ in range(2):  # the second group of views does not wait again
        choice = choose_net("auto", PROTOCOLS["gsplat"], download=True)
        assert choice.net is None and why in (choice.reason or "") and "put the file into" in (choice.reason or "")
    assert len(server.asked) == 1 and files_in(path.parent) == []
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert said == [f"warning: the alex weights could not be fetched: {why}; going on without"]


@pytest.mark.parametrize("works", [True, False])
def test_an_evaluation_fetches_by_default_and_goes_on_without(
    server: Server, online: Callable, own_weights: bytes, works: bool, memory_capture: Callable, tmp_path: Path
) -> None:
    online(PATIENT if works else Bounds(connect=60, stall=0.3, total=120))
    server.sends(own_weights) if works else server.stalls()
    capture = memory_capture([np.full((64, 72, 3), value, np.uint8) for value in (100, 60, 30, 20)])
    run, options = tmp_path / "run", RenderOptions(backend="cpu")
    run.mkdir()
    content = evaluate_scene(balls([(0.0, 0.0, 3.0)]), capture, run, options=options)
    assert read_json(run / "metrics.json") == content and len(server.asked) == 1  # test and training views
    page = (run / "report.html").read_text()
    for block in (content, content["train"]):
        assert block["psnr"] > 0 and block["flip"] > 0 and block["flip_reason"] is None
        if works:
            assert block["lpips"] > 0 and block["lpips_net"] == "alex" and block["lpips_reason"] is None
            assert f"{block['lpips']:.4f} (alex)" in page and f"{block['flip']:.4f}" in page
        else:
            assert block["lpips"] is None and block["lpips_net"] is None and "stalled" in block["lpips_reason"]
    assert works or "LPIPS: the alex weights are not on this machine" in page


def test_a_line_that_trickles_is_given_up(server: Server, tmp_path: Path) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not server.done.wait(0.01):
            handler.wfile.write(b".")
            handler.wfile.flush()

    server.answer = trickle
    with pytest.raises(FetchError, match=r"not done within 0\.5 s"):
        fetch(server.url, tmp_path / "x.pth", "0", 10**9, str, Bounds(60, 60, 0.5))
    assert files_in(tmp_path) == []


def test_a_damaged_file_is_removed_and_said(server: Server, online: Callable, own_weights: bytes) -> None:
    path = online()
    changed = bytearray(own_weights)
    changed[len(changed) // 2] ^= 1
    server.sends(bytes(changed))
    choice = choose_net("alex", PROTOCOLS["gsplat"], download=True)
    assert choice.net is None and "what came is damaged" in (choice.reason or "")
    assert files_in(path.parent) == []


@pytest.mark.parametrize(
    ("content", "length", "why"),
    [
        (b"x" * 1000, 5000, "the line broke after 0.0 of 0.0 MB"),
        (b"x" * 5000, None, "more than 0 MB"),
        (b"<html>log in</html>", None, "damaged"),
    ],
)
def test_what_is_not_the_file_is_never_kept(
    server: Server, tmp_path: Path, content: bytes, length: int | None, why: str
) -> None:
    server.sends(content, length)
    with pytest.raises(FetchError, match=why):
        fetch(server.url, tmp_path / "x.pth", "7be5be79", 4000 if length is None else 9000, str, PATIENT)
    assert files_in(tmp_path) == []


def test_servers_that_refuse_or_are_gone(server: Server, tmp_path: Path) -> None:
    server.answer = lambda handler: handler.send_error(404, "Not Found")
    with pytest.raises(FetchError, match="404"):
        fetch(server.url, tmp_path / "x.pth", "0", 10, str, PATIENT)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, but nobody listens
        with pytest.raises(FetchError, match="refused"):
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path / "x.pth", "0", 10, str, PATIENT)
    assert files_in(tmp_path) == []


def test_no_server_means_no_lpips_and_a_reason(
    server: Server, online: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = online()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        source = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(weights, "SOURCE", source)
        choice = choose_net("auto", PROTOCOLS["gsplat"], download=True)
    assert choice.net is None and f"could not be fetched from {source}" in (choice.reason or "")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("warning: the alex weights could not be fetched")  # no size is said
    assert files_in(path.parent) == []


def test_a_name_that_is_looked_up_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def look_up(*_: object, **__: object) -> list:
        release.wait(60)
        raise socket.gaierror("Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(FetchError, match=r"no answer within 0\.2 s"):
        fetch("http://weights.invalid/x.pth", tmp_path / "x.pth", "0", 10, str, Bounds(0.2, 60, 60))
    release.set()


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    server.sends(b"x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FetchError, match="cannot write"):
        fetch(server.url, tmp_path / "file" / "x.pth", "0", 10, str, PATIENT)


def test_nothing_is_asked_for_offline_or_when_refused(
    server: Server, online: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = online()
    choice = choose_net("alex", PROTOCOLS["gsplat"], download=False)
    assert choice.net is None and "lpips_download=true fetches them" in (choice.reason or "")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    choice = choose_net("alex", PROTOCOLS["gsplat"], download=True)
    assert choice.net is None and "HF_HUB_OFFLINE is set" in (choice.reason or "")
    assert server.asked == [] and not path.parent.exists()


def test_damaged_weights_on_disk_are_replaced_by_whole_ones_only(
    server: Server, online: Callable, own_weights: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = online()
    path.parent.mkdir(parents=True)
    path.write_bytes(own_weights[:-1000])
    choice = choose_net("alex", PROTOCOLS["gsplat"], download=False)
    assert choice.net is None and f"the alex weights in {path} are damaged" in (choice.reason or "")
    server.sends(own_weights)
    assert choose_net("alex", PROTOCOLS["gsplat"], download=True).net == "alex"
    assert "are damaged" in capsys.readouterr().err and path.read_bytes() == own_weights


def test_weights_saved_anew_are_used_and_said(server: Server, online: Callable, tmp_path: Path) -> None:
    path = online()
    path.parent.mkdir(parents=True)
    path.write_bytes(alexnet(seed=3))
    choice = choose_net("alex", PROTOCOLS["gsplat"], download=True)
    assert choice.net == "alex" and "saved anew by somebody" in (choice.reason or "") and server.asked == []


def test_weights_that_would_run_code_are_not_read(online: Callable, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    path = online()
    path.parent.mkdir(parents=True)
    torch.save({"features.0.weight": Trap()}, path, pickle_module=pickle)
    choice = choose_net("alex", PROTOCOLS["gsplat"], download=True)
    assert choice.net is None and "could run code" in (choice.reason or "")
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    """Also where it has the same size as before."""
    path = tmp_path / "weights.pth"
    path.write_bytes(b"whole")
    begins = hashlib.sha256(b"whole").hexdigest()[:8]
    assert weights.state(path, begins) == "good"
    path.write_bytes(b"spoil")
    os.utime(path, ns=(0, 1))  # clocks of file systems may be coarse
    assert weights.state(path, begins) == "damaged"
