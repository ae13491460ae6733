import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Handler(SimpleHTTPRequestHandler):
    """Serve a folder; a name that starts with `half` is broken off half way."""

    def log_message(self, *_):
        self.server.asked.append(self.path)

    def copyfile(self, source, output):
        content = source.read()
        if Path(self.path).name.startswith("half"):
            content = content[: len(content) // 2]
            self.close_connection = True
        output.write(content)


class Site:
    """A folder on the net, and what was asked of it."""

    def __init__(self, folder, address, asked):
        self.folder, self.asked = folder, asked
        self.address = f"http://127.0.0.1:{address[1]}"

    def publish(self, name, content):
        """Put a file on the net; return its URL."""
        content = content if isinstance(content, bytes) else content.encode()
        (self.folder / name).write_bytes(content)
        return f"{self.address}/{name}"


@pytest.fixture
def site(tmp_path):
    """Return a web site of this machine, empty."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(folder))
    )
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield Site(folder, server.server_address, server.asked)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def data_home(tmp_path, monkeypatch):
    """Return the folder of downloads, by the environment variable."""
    monkeypatch.setenv("TSGEN_DATA", str(tmp_path / "downloads"))
    return tmp_path / "downloads"


@pytest.fixture(scope="session")
def at_hand():
    """Return a function that finds a whole file of a set, or skips the test."""

    def find(name):
        folder = os.environ.get("TSGEN_TEST_DATA")
        if not folder:
            pytest.skip("TSGEN_TEST_DATA does not name a folder with the whole files")
        path = Path(folder, name)
        if not path.exists():
            pytest.skip(f"there is no {name} in TSGEN_TEST_DATA")
        return path

    return find
