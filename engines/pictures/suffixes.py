# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a folder are pictures, by their names."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "QOI": (".qoi",),
    "PSD": (".psd",),
    "ICO": (".ico",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "PCX": (".pcx",),
    "TGA": (".tga",),  # last: it has no magic number
}
"""Pillow's names of the formats that are read, and the suffixes of each. Of those that Pillow
knows, what is drawn by another program (EPS, WMF) or is a measurement (FITS, HDF5) is left out."""

SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)

# What tells of pictures and is none: passed over in silence. All else might be missed.
_NOTES = frozenset(
    ".txt .md .rst .nfo .log .json .jsonl .csv .tsv .xml .xmp .aae .html .htm .yaml .yml .toml"
    " .ini .cfg .db .lst .py .sh .md5 .sha1 .sha256 .bib .tex .lock .tmp .bak .part".split()
)


def has_picture_suffix(path: Path) -> bool:
    """Whether `path` is named as a picture that is read, and is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def count_unread(files: Iterable[Path]) -> tuple[int, str]:
    """Those among `files` that are of kinds that are not read: other pictures, films, archives.

    Returns:
        (how many, such as "3 .heic, 1 .mov"); notes, hidden files and names without a suffix do
        not count.
    """
    counts = Counter(
        suffix
        for file in files
        if (suffix := file.suffix.lower()) not in SUFFIXES | _NOTES | {""}
        and not file.name.startswith(".")
    )
    listed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
    return counts.total(), listed
