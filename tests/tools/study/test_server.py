# SPDX-License-Identifier: GPL-3.0-or-later
"""The study's server over real sockets: every answer is kept, once, and nobody reaches further."""

import ipaddress
import json
import socket
import sqlite3
from urllib.parse import urlsplit

import pytest

pytest.importorskip("uvicorn")

from percast.tools.study.answers import Answers
from percast.tools.study.app import Desk, Refused
from percast.tools.study.config import ServeConfig
from percast.tools.study.names import Names, fingerprint
from percast.tools.study.plan import OBVIOUS, ORIGINAL, Folder
from percast.tools.study.schedule import trials_of
from percast.tools.study.server import address_of, serving
from percast.tools.web.limits import Complaints
from tests.tools.study.studies import BLURRED, Caller, make_study, served, token_of

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def folder(small_photos, tmp_path_factory) -> Folder:
    return make_study(small_photos, tmp_path_factory.mktemp("study"), side=64, asks=("Your age?",))


@pytest.fixture(scope="module")
def server(folder):
    with served(folder.path, "--links", 2) as server:
        yield server
        code, out, err = server.end()
    assert code == 130
    assert len(out.splitlines()) == 2 and "Traceback" not in err
    # The server tells what was refused, and to whom it speaks not at all.
    assert "127.0.0.1" not in err


@pytest.fixture
def guest(server) -> Caller:
    return Caller(server.port, token_of(server.invitation))


def stored(folder: Folder, observer: Caller) -> list[tuple]:
    with sqlite3.connect(folder.path / "answers.sqlite") as db:
        return db.execute(
            "SELECT number, choice, reaction_ms FROM answers JOIN observers USING (slot) "
            "WHERE fingerprint = ? ORDER BY number",
            (fingerprint(observer.token),),
        ).fetchall()


def test_an_answer_is_on_the_disk_when_its_reply_has_come(folder, guest):
    observer = guest.joined()
    for number in range(3):
        (trial, _) = observer.call("trials")["trials"]
        assert observer.answer(trial, "left")["done"] == number + 1
        assert stored(folder, observer)[-1] == (number, "left", 900.5)


def test_sent_twice_it_is_one_answer_and_stays_the_first(folder, guest):
    observer = guest.joined()
    (trial, coming) = observer.call("trials")["trials"]
    for choice in ("left", "left", "right"):
        assert observer.answer(trial, choice)["done"] == 1
    assert stored(folder, observer) == [(0, "left", 900.5)]
    observer.answer(coming, "right")
    assert observer.answer(trial, "right")["done"] == 2  # a late retry
    assert [row[1] for row in stored(folder, observer)] == ["left", "right"]


def test_a_trial_whose_turn_it_is_not_is_refused(folder, guest):
    observer, other = guest.joined(), guest.joined()
    (_, coming) = observer.call("trials")["trials"]
    (others, _) = other.call("trials")["trials"]
    given = {"choice": "left", "reaction_ms": 1, "original_ms": 0, "shows": 1, "zoom": 1}
    for trial in (coming["trial"], others["trial"], "0" * 32):
        message = json.dumps(given | {"trial": trial, "pixel_ratio": 1}).encode()
        status, _, _ = observer.ask("POST", "/api/answer", message)
        assert status == 409
    assert stored(folder, observer) == []


def test_pictures_are_shown_to_their_observer_at_their_time_only(guest):
    observer, other = guest.joined(), guest.joined()
    (trial, coming) = observer.call("trials")["trials"]
    for name in (trial["left"], trial["right"], trial["original"], coming["left"]):
        assert observer.picture(name).startswith(b"\x89PNG")
        assert other.ask("GET", f"/api/picture/{name}")[0] == 404
    assert observer.ask("GET", "/api/picture/..%2fstudy.json")[0] == 404
    for _ in range(2):
        observer.answer(observer.call("trials")["trials"][0], "right")
    assert observer.ask("GET", f"/api/picture/{trial['left']}")[0] == 404


def test_nothing_is_asked_before_the_observer_agrees(guest):
    observer = Caller(guest.port, guest.call("join")["observer"])
    assert observer.call("hello")["begun"] is False
    assert observer.ask("POST", "/api/trials", b"{}")[0] == 409
    wrong = {"agree": False, "asked": [""], "display": {}}
    assert observer.ask("POST", "/api/begin", json.dumps(wrong).encode())[0] == 400
    broken = {"agree": True, "asked": ["\ud800"], "display": {}}  # no text, and in no CSV
    assert observer.ask("POST", "/api/begin", json.dumps(broken).encode())[0] == 400
    display = {"steps": 16, "pixel_mm": 0.25}
    observer.call("begin", {"agree": True, "asked": ["44"], "display": display})
    assert observer.call("hello")["begun"] is True


def test_what_an_observer_said_at_the_beginning_stays(folder, guest):
    observer = guest.joined()
    observer.answer(observer.call("trials")["trials"][0], "left")
    display = {"steps": 3, "pixel_mm": 0.9}
    observer.call("begin", {"agree": True, "asked": ["later"], "display": display})
    with Answers.open(folder) as answers:
        assert not any(each["display"].get("steps") == 3 for each in answers.observers())


def test_nobody_gets_in_without_a_link_and_no_other_site_through_a_browser(server, guest):
    for path in ("hello", "trials", "answer", "join"):
        assert Caller(server.port, "").ask("POST", f"/api/{path}", b"{}")[0] == 401
    # An observer's link invites nobody.
    observer = guest.joined()
    assert observer.ask("POST", "/api/join", b"{}")[0] == 401
    assert observer.ask("POST", "/api/hello", b"{}", Origin="http://evil.example")[0] == 403
    assert observer.ask("POST", "/api/hello", b"{}", Host="evil.example")[0] == 403


def test_folders_beside_the_page_are_not_served(server, guest):
    for path in ("/study.json", "/../study.json", "/%2e%2e/plan.py", "/secret", "/answers.sqlite"):
        assert guest.ask("GET", path)[0] == 404
    status, headers, body = guest.ask("GET", "/")
    assert status == 200 and b"<!doctype html>" in body
    assert "default-src 'self'" in dict(headers)["content-security-policy"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"\xff", b"[" * 2000, b'{"choice": NaN}', b"{" + b" " * 20000 + b"}",
        b'{"trial": 1, "choice": "left", "reaction_ms": 1, "original_ms": 0, "shows": 1, "zoom": 1,'
        b' "pixel_ratio": 1}',
        b'{"trial": "x", "choice": "equal", "reaction_ms": 1, "original_ms": 0, "shows": 1, '
        b'"zoom": 1, "pixel_ratio": 1}',
        b'{"trial": "x", "choice": "left", "reaction_ms": -1, "original_ms": 0, "shows": 1, '
        b'"zoom": 1, "pixel_ratio": 1}',
        b'{"trial": "x", "choice": "left", "reaction_ms": 1e999, "original_ms": 0, "shows": 1, '
        b'"zoom": 1, "pixel_ratio": 1}',
        b'{"trial": "x", "choice": "left", "reaction_ms": 1' + b"0" * 400 + b', "original_ms": 0, '
        b'"shows": 1, "zoom": 1, "pixel_ratio": 1}',
    ],
)  # fmt: skip
def test_malformed_calls_are_refused_in_words(guest, body):
    observer = guest.joined()
    status, _, reply = observer.ask("POST", "/api/answer", body)
    assert status == 400 and json.loads(reply)["error"]


def test_who_calls_too_often_is_slowed_and_others_are_not(small_photos, tmp_path):
    folder = make_study(small_photos, tmp_path, side=64)
    names = Names(folder.secret())
    with Answers.open(folder, create=True) as answers:
        desk = Desk(folder, answers, names, Complaints("study"), closed=False)

        def statuses(call, token: str, calls: int = 300) -> set[int]:
            found = set()
            for _ in range(calls):
                try:
                    call(token)
                except Refused as refused:
                    found.add(refused.status)
            return found

        eager, calm = (desk.join(names.invitation()) for _ in range(2))
        assert statuses(desk.observer, eager) == {429}
        assert statuses(desk.observer, "a guess") == {401, 429}
        assert statuses(desk.join, names.invitation()) == {429}
        assert len(answers.observers()) < 100
        assert desk.observer(calm) == 1


def test_no_address_and_no_time_of_day_is_stored(folder, guest):
    guest.joined()
    with sqlite3.connect(folder.path / "answers.sqlite") as db:
        dump = "\n".join(db.iterdump())
    assert "127.0.0.1" not in dump and guest.token not in dump
    columns = {
        row[1] for table in ("observers", "answers")
        for row in db.execute(f"PRAGMA table_info({table})")
    }  # fmt: skip
    assert not columns & {"ip", "address", "agent", "time", "at", "name", "token"}


def test_a_new_server_goes_on_where_the_last_one_ended(small_photos, tmp_path):
    folder = make_study(small_photos, tmp_path, side=64)
    with served(folder.path, "--links", 3) as first:
        observer = Caller(first.port, token_of(first.invitation)).joined()
        (trial, _) = observer.call("trials")["trials"]
        observer.answer(trial, "left")
        _, links, _ = first.end()
    with served(folder.path, "--links", 3) as second:
        again = Caller(second.port, observer.token)
        assert again.call("trials")["done"] == 1
        assert again.answer(trial, "right")["done"] == 1  # the first server's reply was lost
        assert stored(folder, again) == [(0, "left", 900.5)]
        _, same, _ = second.end()
    tokens = [[token_of(link) for link in out.split()] for out in (links, same)]
    assert tokens[0] == tokens[1] and len(set(tokens[0])) == 3


def test_what_people_answered_over_the_network_is_what_is_analysed(small_photos, tmp_path, percast):
    folder = make_study(small_photos, tmp_path, side=64, trials=6)
    rank = {OBVIOUS: 0, 0: 1, 1: 2, ORIGINAL: 3}
    with served(folder.path) as server:
        guest = Caller(server.port, token_of(server.invitation))
        for slot in range(4):
            observer = guest.joined()
            for trial in trials_of(folder.study, slot):
                told = observer.call("trials")["trials"][0]
                better = "left" if rank[trial.left] > rank[trial.right] else "right"
                observer.answer(told, better, original_ms=300)
            assert observer.call("trials")["trials"] == [None, None]
        done = percast("study", "analyse", folder.path, "--json")  # while it is being served
    assert done.code == 0, done.err
    assert done.json["observers"] == 4 and done.json["left_out"] == {}
    assert done.json["simulated"] is None and done.json["answers"] == 4 * 6
    (pair,) = done.json["preferences"]
    assert (pair["first"], pair["share"]) == (BLURRED, 0.0)
    page = (folder.path / "report" / "report.html").read_text("utf-8")
    assert "SIMULATED" not in page and "4 agreed, 4 answered" in page


def test_a_study_that_was_changed_after_its_first_answer_is_not_served_on(
    small_photos, tmp_path, percast
):
    folder = make_study(small_photos, tmp_path, side=64)
    with served(folder.path) as server:
        Caller(server.port, token_of(server.invitation)).joined()
    plan = folder.path / "study.json"
    plan.write_text(plan.read_text().replace('"catch_least": 0.75', '"catch_least": 0.1'))
    for verb in (("serve", "--port", 0), ("analyse",)):
        done = percast("study", verb[0], folder.path, *verb[1:])
        assert done.code == 6 and "was changed after the first answer" in done.complaint


def test_behind_a_proxy_its_name_is_known_and_no_other(small_photos, tmp_path):
    folder = make_study(small_photos, tmp_path, side=64)
    with served(folder.path, "--public", "https://Study.Example.org:443/") as server:
        assert server.invitation.startswith("https://study.example.org/#join=")
        visitor = Caller(server.port, token_of(server.invitation))
        # The visitor's Host as it came, or in its place the server's own, as nginx and Apache do.
        for host in ("study.example.org", f"127.0.0.1:{server.port}"):
            for origin, status in (
                ("https://study.example.org", 200), ("http://study.example.org", 403),
                ("https://evil.example", 403), ("null", 403),
            ):  # fmt: skip
                asked = visitor.ask("POST", "/api/join", b"{}", Host=host, Origin=origin)
                assert asked[0] == status, (host, origin)
        for origin in ("https://study.example.org", "http://evil.example"):
            asked = visitor.ask("POST", "/api/join", b"{}", Host="evil.example", Origin=origin)
            assert asked[0] == 403
        assert visitor.ask("POST", "/api/join", b"{}", Host="evil.example")[0] == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize("network", [True, False])
def test_the_link_of_a_server_that_listens_everywhere_leads_somewhere(monkeypatch, host, network):
    def none(*_) -> None:
        raise OSError("network is unreachable")

    if not network:
        monkeypatch.setattr(socket, "socket", none)
    link = urlsplit(address_of(ServeConfig(host=host), 8770))
    place = ipaddress.ip_address(link.hostname)
    assert link.port == 8770 and place.version == ipaddress.ip_address(host).version
    assert not place.is_unspecified and (network or place.is_loopback)


def test_where_it_is_closed_only_personal_links_take_part(small_photos, tmp_path):
    folder = make_study(small_photos, tmp_path, side=64)
    with served(folder.path, "--closed", "--links", 1) as server:
        names = Names(folder.secret())
        guest = Caller(server.port, names.invitation())
        assert guest.ask("POST", "/api/join", b"{}")[0] == 401
        _, links, _ = server.end()
    assert token_of(links.strip()) == names.observer(0)


def test_where_nothing_can_be_stored_the_page_is_told_to_wait_and_no_more(small_photos, tmp_path):
    folder = make_study(small_photos, tmp_path, side=64)
    with (
        Answers.open(folder, create=True) as answers,
        serving(folder, answers, ServeConfig(port=0)) as server,
    ):
        port = int(server.invitation.split(":")[2].partition("/")[0])
        observer = Caller(port, token_of(server.invitation)).joined()
        (trial, _) = observer.call("trials")["trials"]
        with sqlite3.connect(answers.path) as db:
            db.execute("DROP TABLE answers")
        given = {"reaction_ms": 1, "original_ms": 0, "shows": 1, "zoom": 1, "pixel_ratio": 1}
        message = {"trial": trial["trial"], "choice": "left"} | given
        status, _, body = observer.ask("POST", "/api/answer", json.dumps(message).encode())
        assert status == 503 and str(tmp_path).encode() not in body
