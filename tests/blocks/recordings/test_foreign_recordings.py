# SPDX-License-Identifier: GPL-3.0-or-later
"""SigMF as other programs write, rename and pack it; and a thousand mutated metadata files."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import numpy as np
import pytest

from percast.blocks.recordings.reader import open_recording
from percast.errors import FileError, UsageError

CASES = 1000
X = np.random.default_rng(1).uniform(-1, 1, (500, 2)).astype("<f4").view("<c8").ravel()
DATA = X.tobytes()


def metadata(**fields) -> dict:
    info = {"core:datatype": "cf32_le", "core:sample_rate": 4e6, "core:version": "1.0.0"}
    return {
        "global": info | {f"core:{key}": value for key, value in fields.items()},
        "captures": [{"core:sample_start": 0, "core:frequency": 2.41e9}],
        "annotations": [{"core:sample_start": 3, "core:sample_count": 9}],
    }


def put(folder, meta, name="r.sigmf-meta", data_name="r.sigmf-data"):
    (folder / data_name).write_bytes(DATA)
    (folder / name).write_bytes(meta if isinstance(meta, bytes) else json.dumps(meta).encode())
    return folder / name


def check(path):
    """All samples are read, from first to last."""
    recording = open_recording(path)
    np.testing.assert_array_equal(recording.read(0, 10**6), X)
    return recording


def test_whole_numbers_may_be_written_as_floats(tmp_path):
    text = json.dumps(metadata(num_channels=1.0, trailing_bytes=0.0, offset=1e3))
    for start in ("0.0", "1e3", "1000.0", "1.0e+3", "-0.0"):
        put(
            tmp_path,
            text.replace('"core:sample_start": 0', f'"core:sample_start": {start}').encode(),
        )
        check(tmp_path / "r.sigmf-meta")


@pytest.mark.parametrize("value", ["0.5", "1e300", "-1.0", "true", '"1"', "NaN", "Infinity"])
def test_what_is_no_whole_number_is_still_refused(tmp_path, value):
    text = json.dumps(metadata()).replace('"core:sample_start": 0', f'"core:sample_start": {value}')
    with pytest.raises(FileError, match="where a number of samples"):
        open_recording(put(tmp_path, text.encode()))


@pytest.mark.parametrize(
    "stale",
    ["original name.dat", "r.bin", "/home/other/r.dat", "./gone.dat", "C:\\data\\r.iq", "é"],
)
def test_samples_that_were_renamed_with_their_metadata_are_found(tmp_path, caplog, stale):
    check(put(tmp_path, metadata(dataset=stale)))
    assert caplog.text.count("not there; r.sigmf-data is") == 1


@pytest.mark.parametrize("named", ["theirs.DAT", "/tmp/theirs.DAT", "./theirs.DAT", "THEIRS.dat"])
def test_the_file_that_is_named_comes_first_whatever_its_folder_was(tmp_path, caplog, named):
    put(tmp_path, metadata(dataset=named), data_name="theirs.DAT")
    (tmp_path / "r.sigmf-data").write_bytes(bytes(8000))
    check(tmp_path / "r.sigmf-meta")
    assert not caplog.text


@pytest.mark.parametrize("name", ["../x", "..", "", "a/..", "..\\x", 7])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    with pytest.raises(FileError, match="dataset"):
        open_recording(put(tmp_path, metadata(dataset=name)))


def test_samples_that_are_nowhere_are_named(tmp_path):
    path = put(tmp_path, metadata(dataset="gone.dat"))
    (tmp_path / "r.sigmf-data").unlink()
    with pytest.raises(FileError, match="gone.dat are missing"):
        open_recording(path)


@pytest.mark.parametrize(
    "names",
    [
        ("R.SIGMF-META", "R.SIGMF-DATA"),
        ("r.SigMF-Meta", "r.SigMF-Data"),
        ("R.sigmf-meta", "r.sigmf-data"),
    ],
)
def test_capitals_are_letters_too(tmp_path, names):
    assert check(put(tmp_path, metadata(datatype="CF32_LE"), *names)).samp_rate == 4e6


def pack(path, *members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


META = json.dumps(metadata()).encode()
APPLE = b"\0\5\26\7" + bytes(60)


@pytest.mark.parametrize(
    "members",
    [
        [("._a.sigmf-meta", APPLE), ("a.sigmf-meta", META), ("._a.sigmf-data", APPLE),
         ("a.sigmf-data", DATA)],
        [("a/._a.sigmf-meta", APPLE), ("a/a.sigmf-meta", META), ("a/a.sigmf-data", DATA)],
        [("__MACOSX/._a.sigmf-meta", APPLE), ("./a.sigmf-data", DATA), ("./a.sigmf-meta", META)],
        [("A.SIGMF-META", META), ("A.SIGMF-DATA", DATA)],
        [("a.sigmf-meta", json.dumps(metadata(dataset="a.bin")).encode()), ("a.bin", DATA)],
        [("a.sigmf-meta", json.dumps(metadata(dataset="b.iq")).encode()), ("a.sigmf-data", DATA)],
        [("a/a.sigmf-meta", META), ("a.sigmf-data", bytes(80)), ("a/a.sigmf-data", DATA)],
    ],
)  # fmt: skip
def test_archives_as_other_systems_make_them(tmp_path, members):
    check(pack(tmp_path / "x.sigmf", *members))
    check(pack(tmp_path / "X.SIGMF", *members))


TAR = io.BytesIO()
with tarfile.open(fileobj=TAR, mode="w") as _archive:
    _archive.addfile(tarfile.TarInfo("a.sigmf-meta"))
ZIP = io.BytesIO()
with zipfile.ZipFile(ZIP, "w") as _zip:
    _zip.writestr("a.sigmf-meta", META)
PACKED = {
    "gzip": gzip.compress(TAR.getvalue()), "bzip2": bz2.compress(TAR.getvalue()),
    "xz": lzma.compress(TAR.getvalue()), "zip": ZIP.getvalue(),
    "zstd": b"\x28\xb5\x2f\xfd" + b"x" * 99,
}  # fmt: skip


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("name", ["x.sigmf", "x.sigmf-meta", "X.SIGMF"])
def test_what_is_packed_is_called_so(tmp_path, kind, name):
    (tmp_path / name).write_bytes(PACKED[kind])
    with pytest.raises(FileError, match=f"packed with {kind}; unpack"):
        open_recording(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["x.sigmf.gz", "x.cf32.GZ", "x.sigmf-data.gz", "x.tgz", "x.cs8.xz"]
)
def test_a_packed_suffix_is_called_so(tmp_path, name):
    (tmp_path / name).write_bytes(PACKED["gzip"])
    with pytest.raises(UsageError, match=r"packed with (gzip|xz); unpack"):
        open_recording(tmp_path / name)


# A thousand mutated metadata files

JUNK = [None, True, -1, 0.5, 1e300, float("nan"), "", "x", "0", [], {}, [[]], 1 << 70, "\ud800",
        "../x"]  # fmt: skip


def as_float(rng, meta):
    capture = meta["captures"][0]
    capture["core:sample_start"] = float(capture["core:sample_start"])
    meta["global"]["core:num_channels"] = float(meta["global"].get("core:num_channels", 1))


def stale(rng, meta):
    meta["global"]["core:dataset"] = rng.choice(["/a/b.iq", "other.dat", "C:\\x.bin", "./y"])


def foreign(rng, meta):
    key = rng.choice(
        ["antenna:gain", "core:author", "core:hw", "x", "core:geolocation", "Core:datatype"]
    )
    rng.choice([meta, meta["global"], meta["captures"][0]])[key] = JUNK[rng.integers(len(JUNK))]


def annotated(rng, meta):
    meta["annotations"] = [JUNK[i] for i in rng.integers(len(JUNK), size=3)]


def without(rng, meta):
    meta.pop("annotations", None)
    meta["captures"][0].pop("core:frequency", None)


def capitals(rng, meta):
    meta["global"]["core:datatype"] = "CF32_LE"


HARMLESS = (as_float, stale, foreign, annotated, without, capitals)


def anything(rng, meta):
    """A value somewhere replaced, or a key removed."""
    place = meta
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[rng.integers(len(keys))]
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8:
            place = place[key]
        elif rng.random() < 0.2:
            del place[key]
            return
        else:
            place[key] = JUNK[rng.integers(len(JUNK))]
            return


def scratched(rng, text: bytes) -> bytes:
    """Bits flipped, a piece cut out, or one doubled."""
    data = bytearray(text)
    at, count = int(rng.integers(len(data))), int(rng.integers(1, 30))
    kind = rng.integers(3)
    if kind == 0:
        for i in rng.integers(len(data), size=count):
            data[i] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del data[at : at + count]
    else:
        data[at:at] = data[at : at + count]
    return bytes(data)


@pytest.mark.parametrize("thousand", [13])
def test_mutated_metadata_give_the_samples_or_one_line(tmp_path, caplog, thousand):
    """Harmless mutations cost nothing; of all others what is read are samples of the file."""
    path = put(tmp_path, b"")
    told = read = 0
    for number in range(CASES):
        rng = np.random.default_rng((thousand, number))
        meta, harmless = metadata(), number % 2 == 0
        for _ in range(rng.integers(1, 4)):
            HARMLESS[rng.integers(len(HARMLESS))](rng, meta) if harmless else anything(rng, meta)
        text = json.dumps(meta, indent=[None, 1][rng.integers(2)]).encode()
        if not harmless and rng.random() < 0.4:
            text = scratched(rng, text)
        path.write_bytes([b"", b"\xef\xbb\xbf"][rng.integers(2)] + text)
        try:
            recording = open_recording(path)
        except FileError as error:
            assert not harmless, (number, error)
            assert error.exit_code == 6 and "\n" not in str(error) and len(str(error)) < 400, number
            told += 1
            continue
        samples = recording.read(0, 10**6)
        read += 1
        assert len(samples) == recording.length > 0, number
        if harmless or (recording.datatype.name, recording.channels) == ("cf32_le", 1):
            # Bytes may be said to be no samples; what is left is read as it stands.
            assert samples.tobytes() in DATA or number % 2 and len(recording.segments) > 1, number
        if harmless:
            np.testing.assert_array_equal(samples, X, err_msg=str(number))
    assert told > 150 and read > 600
