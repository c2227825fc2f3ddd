"""Downloads from a local server: what is kept, what is refused, and the instructions for a machine without network."""

import contextlib
import functools
import hashlib
import http.server
import io
import socket
import sys
import threading
import zipfile

import pytest
from helpers.projects import ROOT

from pace import __main__
from pace.pipeline import params
from pace.setup import fetch, official
from pace.setup.official import Official, OfficialFile

CONTENT = bytes(range(256)) * 400
FACTS = {  # sha256 and bytes (None: FACTS does not give it)
    "motionbert/pretrain.bin": ("02a9ee017e5c9d688b5dd41e0055bddb75b6eee7f5eed326a8cdc6e5bf08eaf8", 169_958_969),
    "motionbert-lite/pretrain.bin": ("6a6ad0055c7ad50da083af0549a24c52ec1c21f89e440912645054d74be0a461", 64_099_897),
    "motionbert-lite/pose3d-global.bin": (
        "9811155371db4ca5d20f31a36a232d41012e12e1333882888a564d741861148f",
        None,
    ),
    "i3d/rgb_imagenet.pt": ("2609088c2e8c868187c9921c50bc225329a9057ed75e76120e0b4a397a2c7538", 50_883_138),
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, CONTENT)
    return buffer.getvalue()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; names the requests; `broken` ends in the middle of what it announced."""

    seen: list[str]

    def do_GET(self):
        self.seen.append(self.path)
        if self.path.startswith("/broken"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])
            self.close_connection = True
            return
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Base address of a server on the loopback, and the paths that were asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    root = tmp_path / "served"
    root.mkdir()
    (root / "good.pt").write_bytes(CONTENT)
    (root / "page.pt").write_text("<!DOCTYPE html><html>sign in</html>")
    (root / "pointer.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    (root / "onnx.zip").write_bytes(archive("20230605/end2end.onnx", "20230605/detail.json"))
    (root / "two.zip").write_bytes(archive("a/end2end.onnx", "b/end2end.onnx"))
    handler = type("Recording", (Handler,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(root))) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", handler.seen
        running.shutdown()
        thread.join()


def one(url: str, sha256: str | None = digest(CONTENT), path: str = "net/w.pt", **more) -> dict[str, Official]:
    return {"net": Official("a test", "none", (OfficialFile(path, url, sha256, **more),), {"lift.weights": "w"})}


def left(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != ".fetch.lock")


def test_fetch_checks_keeps_and_does_not_ask_again(tmp_path, server, capsys):
    base, seen = server
    folder, table = tmp_path / "official", one(f"{base}/good.pt")
    assert fetch.fetch(["net"], folder, table)
    assert (folder / "net/w.pt").read_bytes() == CONTENT
    assert left(folder) == ["net/w.pt"]
    out = capsys.readouterr().out
    assert "w.pt: fetched, sha256 matches" in out and "lift.weights: w" in out
    (folder / "plain").touch()
    assert (folder / "net/w.pt").stat().st_mode == (folder / "plain").stat().st_mode  # not for the owner alone
    (folder / "plain").unlink()
    assert fetch.fetch(["net"], folder, table)
    assert "already present, sha256 matches" in capsys.readouterr().out
    assert seen == ["/good.pt"]


def test_a_wrong_sha256_is_refused_and_not_left_behind(tmp_path, server, capsys):
    base, _ = server
    folder = tmp_path / "official"
    assert not fetch.fetch(["net"], folder, one(f"{base}/good.pt", "0" * 64))
    assert left(folder) == []
    err = capsys.readouterr().err
    assert f"has sha256 {digest(CONTENT)}, not {'0' * 64}; it was discarded" in err
    assert f"{base}/good.pt" in err and f"sha256 {'0' * 64}" in err and str(folder / "net/w.pt") in err


def test_a_failed_download_leaves_the_file_that_was_there(tmp_path, server):
    base, _ = server
    folder = tmp_path / "official"
    (folder / "net").mkdir(parents=True)
    (folder / "net/w.pt").write_bytes(b"older")
    assert not fetch.fetch(["net"], folder, one(f"{base}/good.pt", "0" * 64))
    assert (folder / "net/w.pt").read_bytes() == b"older"
    assert fetch.fetch(["net"], folder, one(f"{base}/good.pt"))
    assert (folder / "net/w.pt").read_bytes() == CONTENT


def test_unknown_sha256_is_said_and_printed(tmp_path, server, capsys):
    base, seen = server
    folder = tmp_path / "official"
    for text in ("fetched; its sha256", "already present; its sha256"):
        assert fetch.fetch(["net"], folder, one(f"{base}/good.pt", None))
        out = capsys.readouterr().out
        assert text in out and digest(CONTENT) in out and "cannot be checked" in out
    assert seen == ["/good.pt"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("page.pt", "a web page"),
        ("pointer.pt", "a Git LFS pointer to a file of 5 bytes"),
        ("none.pt", "404"),
        ("broken.pt", "IncompleteRead"),
    ],
)
def test_what_is_not_the_file_is_not_kept(tmp_path, server, capsys, name, message):
    base, _ = server
    assert not fetch.fetch(["net"], tmp_path / "official", one(f"{base}/{name}", None))
    assert left(tmp_path / "official") == []
    assert message in capsys.readouterr().err


def test_member_of_an_archive(tmp_path, server, capsys):
    base, _ = server
    folder = tmp_path / "official"
    assert fetch.fetch(["net"], folder, one(f"{base}/onnx.zip", path="net/w.onnx", member="end2end.onnx"))
    assert (folder / "net/w.onnx").read_bytes() == CONTENT and left(folder) == ["net/w.onnx"]
    for name, message in (("two.zip", "has 2 files named end2end.onnx"), ("good.pt", "not a zip file")):
        assert not fetch.fetch(["net"], folder, one(f"{base}/{name}", path="net/x.onnx", member="end2end.onnx"))
        err = capsys.readouterr().err
        assert message in err and "its end2end.onnx goes to" in err
    assert left(folder) == ["net/w.onnx"]


def test_progress_bar_on_a_terminal_only(tmp_path, server, monkeypatch, capsys):
    base, _ = server
    assert fetch.fetch(["net"], tmp_path / "a", one(f"{base}/good.pt"))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert fetch.fetch(["net"], tmp_path / "b", one(f"{base}/good.pt"))
    assert "100%" in capsys.readouterr().err


def test_settings_are_printed_once_all_their_files_are_there(tmp_path, server, capsys):
    base, _ = server
    sets, folder = {"train_vae.lpips_weights": "x"}, tmp_path / "official"
    table = one(f"{base}/good.pt") | {
        name: Official("a test", "none", (OfficialFile(f"x/{name}.pt", f"{base}/{name}.pt", None),), sets)
        for name in ("good", "none")
    }
    assert not fetch.fetch(["net", "none", "good"], folder, table)
    out = capsys.readouterr().out
    assert "lift.weights: w" in out and "perceptual" not in out
    (folder / "x/none.pt").write_bytes(CONTENT)
    assert fetch.fetch(["good"], folder, table)
    assert "train_vae.lpips_weights: x" in capsys.readouterr().out


def test_a_damaged_member_is_reported(tmp_path, server, capsys):
    base, _ = server
    with zipfile.ZipFile(tmp_path / "served/bad.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("end2end.onnx", CONTENT)
    whole = bytearray((tmp_path / "served/bad.zip").read_bytes())
    whole[60:90] = bytes(30)
    (tmp_path / "served/bad.zip").write_bytes(whole)
    folder = tmp_path / "official"
    assert not fetch.fetch(["net"], folder, one(f"{base}/bad.zip", path="net/w.onnx", member="end2end.onnx"))
    assert "w.onnx: not fetched" in capsys.readouterr().err and left(folder) == []


def test_one_failure_does_not_stop_the_others(tmp_path, server):
    base, _ = server
    files = tuple(OfficialFile(f"{n}.pt", f"{base}/{n}.pt", digest(CONTENT)) for n in ("none", "good"))
    assert not fetch.fetch(["net"], tmp_path / "official", {"net": Official("a test", "none", files)})
    assert left(tmp_path / "official") == ["good.pt"]


def test_what_a_killed_run_left_is_cleared(tmp_path, server):
    base, _ = server
    folder = tmp_path / "official"
    stale = folder / "net" / ".partial-killed"
    stale.mkdir(parents=True)
    (stale / "download").write_bytes(CONTENT[:500])
    assert fetch.fetch(["net"], folder, one(f"{base}/good.pt"))
    assert left(folder) == ["net/w.pt"] and not stale.exists()


def test_without_network_instructions_and_no_traceback(tmp_path, monkeypatch, capsys):
    with contextlib.closing(socket.socket()) as closed:  # a port on which nothing listens
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/w.pt"
    monkeypatch.setitem(official.OFFICIAL, "net", one(url)["net"])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        __main__.main(["fetch", "net"])
    assert ended.value.code == 1
    err = capsys.readouterr().err
    assert "Connection refused" in err and "Traceback" not in err
    for text in (url, "models/official/net/w.pt", digest(CONTENT)):
        assert text in err
    assert left(tmp_path) == []


def test_listing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    heads = tmp_path / "models/official/lpips/vgg.pth"
    heads.parent.mkdir(parents=True)
    heads.write_bytes(b"x" * 7289)
    (heads.parent / "vgg16-397923af.pth").write_bytes(b"cut")
    __main__.main(["fetch"])
    out = capsys.readouterr().out
    assert "there (0.0 MB): models/official/lpips/vgg.pth" in out
    assert "WRONG (3 bytes, expected 553,433,881): models/official/lpips/vgg16-397923af.pth" in out
    assert "missing (50.9 MB): models/official/i3d/rgb_imagenet.pt" in out
    assert "missing: models/official/motionbert/pose3d.bin, sha256 unknown" in out
    for name, entry in official.OFFICIAL.items():
        assert f"\n{name} " in f"\n{out}" and entry.enables in out


def test_unknown_name(capsys):
    with pytest.raises(SystemExit, match=r"no official weights 'i3'; known: motionbert-lite, .*rtmpose"):
        __main__.main(["fetch", "i3"])


def test_the_table_is_sound():
    content = params.read(ROOT / "params.yaml")
    files = [file for entry in official.OFFICIAL.values() for file in entry.files]
    assert len({file.path for file in files}) == len(files)
    digests = [file.sha256 for file in files if file.sha256]
    assert len(set(digests)) == len(digests) == len(files) - 1
    for file in files:
        assert file.url.startswith("https://")
        assert file.sha256 is None or (len(file.sha256) == 64 and set(file.sha256) <= set("0123456789abcdef"))
    # The digests that FACTS and file names carry themselves.
    named = {file.path: file.sha256 for file in files}
    for path, (digest_, size) in FACTS.items():
        (file,) = (file for file in files if file.path == path)
        assert (file.sha256, file.size) == (digest_, size or file.size), path
    assert named["vggish/vggish-10086976.pth"].startswith("10086976")
    assert named["lpips/vgg16-397923af.pth"].startswith("397923af")
    paths = {f"{official.FOLDER}/{file.path}" for file in files}
    for entry in official.OFFICIAL.values():
        for key, value in entry.sets.items():
            section, name = key.split(".")
            assert type(content[section][name]) is type(value), key
            if str(value).startswith("models/"):
                assert value in paths or any(path.startswith(f"{value}/") for path in paths)
