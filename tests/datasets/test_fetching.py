import gc
import hashlib
import subprocess
import sys

import pytest

from tsgen.datasets import _fetching as module
from tsgen.datasets import _files
from tsgen.datasets._fetching import Source, data_folder, find_file

CONTENT = b"a,b\n1,2\n" * 20000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def check(path):
    if not path.read_bytes().startswith(b"a,b\n"):
        raise ValueError("the header is not a,b.")


def fetch(url, path=None, data_home=None, download=True, sha256=DIGEST):
    return find_file(
        Source(url, "set/table.csv", check, sha256), path, data_home, download
    )


def files_under(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def url(site):
    return site.publish("table.csv", CONTENT)


# closed form


@pytest.mark.parametrize("sha256", [DIGEST, None], ids=["digest", "check"])
def test_a_file_is_downloaded_into_the_data_folder(url, data_home, sha256):
    found = fetch(url, sha256=sha256)
    assert found == data_home / "set" / "table.csv"
    assert found.read_bytes() == CONTENT
    assert files_under(data_home) == [found]


@pytest.mark.parametrize("download", [True, False])
def test_a_file_that_is_there_is_not_asked_for_again(site, url, data_home, download):
    first = fetch(url)
    assert fetch(url, download=download) == first
    assert len(site.asked) == 1


def test_a_path_is_taken_as_it_is_and_nothing_is_asked_for(site, url, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("mine")
    assert fetch(url, path=str(own)) == own
    assert site.asked == []


def test_the_data_folder_is_as_given_else_of_the_environment(tmp_path, data_home):
    assert data_folder(tmp_path / "other") == tmp_path / "other"
    assert data_folder(None) == data_home


def test_the_data_folder_is_else_the_cache_of_the_user(tmp_path, monkeypatch):
    monkeypatch.delenv("TSGEN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder(None).name == "tsgen"


def test_a_file_in_the_data_folder_that_was_damaged_is_fetched_again(url, data_home):
    fetch(url).write_bytes(b"a,b\nbroken")
    assert fetch(url).read_bytes() == CONTENT


@pytest.mark.parametrize("installed", [True, False])
def test_a_bar_is_shown_where_tqdm_is_installed(
    url, data_home, capsys, monkeypatch, installed
):
    monkeypatch.setattr(module, "find_spec", lambda name: installed or None)
    fetch(url)
    assert ("100%" in capsys.readouterr().err) is installed


# refusals: each names the address, the file and the way out


def refusal(kind, url, **options):
    with pytest.raises(kind) as caught:
        fetch(url, **options)
    message = str(caught.value)
    assert url in message
    assert "by hand and pass the file as path" in message
    return message


def test_a_download_that_is_not_allowed_is_refused(site, url, data_home):
    message = refusal(FileNotFoundError, url, download=False)
    assert str(data_home / "set" / "table.csv") in message
    assert site.asked == []


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_path_without_a_file_is_refused(url, tmp_path, name):
    path = tmp_path / name
    assert repr(str(path)) in refusal(FileNotFoundError, url, path=path)


def test_another_file_than_the_known_one_is_refused_and_not_kept(site, data_home):
    url = site.publish("table.csv", CONTENT + b"3,4\n")
    message = refusal(ValueError, url)
    assert DIGEST in message
    assert files_under(data_home) == []


def test_a_page_in_place_of_the_file_is_refused_and_not_kept(site, data_home):
    url = site.publish("table.csv", "<html>Please log in</html>")
    assert "the header is not a,b" in refusal(ValueError, url, sha256=None)
    assert files_under(data_home) == []


def test_a_file_that_is_not_on_the_net_is_refused(site, data_home):
    message = refusal(OSError, f"{site.address}/gone.csv")
    assert "404" in message
    assert files_under(data_home) == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # requests leaves it open
@pytest.mark.parametrize("sha256", [DIGEST, None], ids=["digest", "check"])
def test_half_a_download_is_refused_and_not_kept(site, data_home, sha256):
    refusal(OSError, site.publish("half.csv", CONTENT), sha256=sha256)
    gc.collect()
    assert files_under(data_home) == []


def test_a_server_that_does_not_answer_is_refused(site, data_home):
    refusal(OSError, "http://127.0.0.1:9/table.csv")


def test_a_download_that_the_user_stops_leaves_nothing(url, data_home, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_file(Source(url, "table.csv", stop), None, None, True)
    assert files_under(data_home) == []


def test_a_package_that_is_missing_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"needs pooch.*tsgen-latent\[datasets\]"):
        _files.optional("pooch")


def test_importing_the_data_sets_opens_no_connection_and_loads_no_client():
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise OSError('a connection')\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
        "import tsgen.datasets\n"
        "assert not {'pooch', 'requests', 'openpyxl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
