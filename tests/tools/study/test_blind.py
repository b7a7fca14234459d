# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing but what can be seen tells conditions apart: a classifier of the traffic is at chance."""

import io
import re
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn")
pytest.importorskip("sklearn")
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from percast.tools.study.app import PLACES
from percast.tools.study.plan import ORIGINAL
from percast.tools.study.schedule import CATCH, REPEAT, trials_of
from tests.tools.study.studies import BLURRED, NOISY, Caller, make_study, served, token_of

pytestmark = pytest.mark.timeout(240)

OBSERVERS = 26
_BEFORE, _AFTER = 48, 12  # bytes of a stored picture round its samples and their checksums


def timed(observer: Caller, name: str) -> tuple:
    """Name, headers, bytes and seconds of a picture."""
    begun = time.perf_counter()
    status, headers, body = observer.ask("GET", f"/api/picture/{name}")
    assert status == 200
    return name, headers, body, time.perf_counter() - begun


@pytest.fixture(scope="module")
def traffic(small_photos, tmp_path_factory):
    """All that observers' browsers see of their trials: for each trial its JSON, and for each
    picture its name, headers, bytes and how long it took; and the trials themselves."""
    folder = make_study(
        small_photos, tmp_path_factory.mktemp("blind"), side=64, trials=12, repeats=2, catches=2
    )  # fmt: skip
    found = []
    with served(folder.path) as server:
        guest = Caller(server.port, token_of(server.invitation))
        observers = [guest.joined() for _ in range(OBSERVERS)]
        schedules = [trials_of(folder.study, slot) for slot in range(OBSERVERS)]
        for trials in zip(*schedules, strict=True):
            for observer, trial in zip(observers, trials, strict=True):
                told = observer.call("trials")["trials"][0]
                pictures = [timed(observer, told[place]) for place in PLACES]
                reply = observer.answer(told, "left" if trial.number % 2 else "right")
                found.append((trial, told, pictures, reply))
    return folder, found


def features(trial, told, pictures, reply) -> list[float]:
    """Numbers out of everything but the samples: names byte by byte, headers, lengths, the bytes
    before and after the samples, times, place in the order, and differences of left and right."""

    def of_picture(name, headers, body, seconds) -> list[float]:
        edges = body[:_BEFORE] + body[-_AFTER:]
        shown = [h for h in headers if h[0] != "date"]
        return [
            *bytes.fromhex(name), len(body), *edges, seconds, len(shown),
            *(float(sum(map(ord, value))) for _, value in shown),
        ]  # fmt: skip

    left, right, original = (of_picture(*picture) for picture in pictures)
    texts = [len(str(told)), len(str(reply)), *bytes.fromhex(told["trial"])]
    return [
        trial.number, *texts, told["width"], told["height"], *left, *right, *original,
        *np.subtract(left, right),
    ]  # fmt: skip


def accuracy(rows: np.ndarray, labels: np.ndarray) -> float:
    """Of a classifier that is tested on trials that it was not trained on."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(np.mean(cross_val_predict(model, rows, labels, cv=folds) == labels))


def labelled(traffic, what):
    """Features, and whether `what` is on the left, of the trials that have it on one side."""
    _, found = traffic
    chosen = [each for each in found if (each[0].left == what) != (each[0].right == what)]
    # A side that alternates is no slope over the trial's number: `test_schedule` sees that, in more
    # observers than could be served here.
    rows = np.array([features(*each) for each in chosen])
    return chosen, rows, np.array([each[0].left == what for each in chosen])


def chance(labels: np.ndarray) -> float:
    """What no guess exceeds but once in thirty thousand times."""
    return 0.5 + 4 * 0.5 / np.sqrt(len(labels))


def test_which_condition_is_on_the_left_cannot_be_told_from_the_traffic(traffic):
    _, rows, labels = labelled(traffic, 0)
    assert len(labels) > 200
    assert accuracy(rows, labels) < chance(labels)


def test_nor_where_the_right_answer_of_a_catch_trial_is(traffic):
    _, rows, labels = labelled(traffic, ORIGINAL)
    assert accuracy(rows, labels) < chance(labels)


def of_kind(traffic, kind: str):
    """Features, and whether a trial is of that kind, of as many that are as are not."""
    _, found = traffic
    rows = np.array([features(*each) for each in found])
    labels = np.array([each[0].kind == kind for each in found])
    draw = np.random.default_rng(0)
    others = draw.choice(np.flatnonzero(~labels), labels.sum(), replace=False)
    same = np.concatenate([np.flatnonzero(labels), others])
    return rows[same], labels[same]


def test_nor_whether_a_trial_is_a_catch_trial(traffic):
    rows, labels = of_kind(traffic, CATCH)
    # Of the place in the order too: catch trials lie anywhere.
    assert accuracy(rows, labels) < chance(labels)


def test_nor_whether_one_is_a_repeat_but_for_its_place_which_is_late(traffic):
    rows, labels = of_kind(traffic, REPEAT)
    assert accuracy(rows[:, 1:], labels) < chance(labels)


def test_the_classifier_would_see_a_delay_of_one_condition(traffic):
    """Of ten milliseconds, or of twice what times differ by on this machine anyway."""
    chosen, rows, labels = labelled(traffic, 0)
    seconds = [[pictures[i][3] for i in (0, 1)] for _, _, pictures, _ in chosen]
    delay = max(0.010, 2 * np.std(np.diff(seconds)))
    slow = np.array(seconds) + delay * np.column_stack([labels, ~labels])
    leaky = np.column_stack([rows, slow, np.diff(slow)])
    assert accuracy(leaky, labels) > 0.9, f"{1000 * delay:.0f} ms"


def test_the_classifier_would_see_the_length_of_a_compressed_picture(traffic):
    chosen, rows, labels = labelled(traffic, 0)

    def compressed(body: bytes) -> int:
        packed = io.BytesIO()
        Image.open(io.BytesIO(body)).save(packed, "PNG")
        return len(packed.getvalue())

    lengths = [[compressed(pictures[i][2]) for i in (0, 1)] for _, _, pictures, _ in chosen]
    leaky = np.column_stack([rows, lengths, np.diff(lengths)])
    assert accuracy(leaky, labels) > 0.9


def test_replies_have_one_shape_whatever_the_trial_is(traffic):
    _, found = traffic
    shapes = set()
    for _, told, pictures, reply in found:
        names = [tuple(name for name, _ in headers) for _, headers, _, _ in pictures]
        sizes = {len(body) for _, _, body, _ in pictures}
        shapes.add((tuple(told), tuple(reply), *names, *sizes))
        for _, headers, _, _ in pictures:
            shown = dict(headers)
            assert not {"etag", "last-modified", "content-disposition", "server"} & shown.keys()
            assert shown["content-type"] == "image/png" and shown["cache-control"] == "no-store"
    assert len(shapes) == 1


def test_no_name_comes_twice_not_even_of_a_picture_that_is_shown_again(traffic):
    _, found = traffic
    names = [name for _, _, pictures, _ in found for name, _, _, _ in pictures]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in names)


def test_no_condition_is_named_in_anything_that_is_sent(traffic):
    folder, found = traffic
    sent = [str((told, reply)) for _, told, _, reply in found]
    sent += [str(headers) for _, _, pictures, _ in found for _, headers, _, _ in pictures]
    sent += [body.decode("latin1") for _, _, pictures, _ in found for _, _, body, _ in pictures]
    with served(folder.path) as server:
        guest = Caller(server.port, token_of(server.invitation))
        sent.append(str(guest.joined().call("hello")))
        page = [
            "",
            *(f"{n}.js" for n in ("main", "stage", "calls", "copy", "kept", "pictures", "zoom")),
        ]
        sent += [guest.ask("GET", f"/{name}")[2].decode() for name in page]
    secret = [BLURRED, NOISY, "hevc", "percast@", "1/96", *(p.name for p in folder.study.pictures)]
    secret += [file for picture in folder.study.pictures for file in picture.files]
    for text in sent:
        assert not [word for word in secret if len(word) > 3 and word in text]
