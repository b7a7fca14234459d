# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a socket is bound to a path: nothing of anybody's is lost."""

import socket

import pytest

from percast.ipc import check_free


@pytest.fixture
def listener(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(f"{tmp_path}/end")
        yield made


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_what_is_no_socket_is_not_free(tmp_path, kind):
    place = tmp_path / "place"
    if kind == "folder":
        place.mkdir()
    elif kind == "file":
        place.touch()
    else:
        if kind == "link":
            (tmp_path / "far").touch()
        place.symlink_to("far")
    with pytest.raises(OSError) as told:
        check_free(f"ipc://{place}")
    assert told.value.strerror == "a file lies there"


@pytest.mark.parametrize("waiting", [0, 1])
def test_where_somebody_listens_is_not_free(listener, tmp_path, waiting):
    """Not even while they answer nobody."""
    listener.listen(0)
    others = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(waiting)]
    for other in others:
        other.connect(f"{tmp_path}/end")
    with pytest.raises(OSError) as told:
        check_free(f"ipc://{tmp_path}/end")
    assert told.value.strerror == "somebody listens there already"
    for other in others:
        other.close()


def test_what_a_killed_process_left_is_free(listener, tmp_path):
    listener.listen()
    listener.close()
    assert (tmp_path / "end").is_socket()
    check_free(f"ipc://{tmp_path}/end")


def test_a_name_that_is_no_path_is_left_to_zeromq(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("*", "@abstract"):
        (tmp_path / name).touch()
        check_free(f"ipc://{name}")
    check_free("tcp://127.0.0.1:5555")
    check_free(f"ipc://{tmp_path}/new")
