# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a folder are pictures, by their names."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
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

# What people keep among their pictures, and would miss: named, not passed over in silence.
_UNREAD = frozenset(
    ".heic .heif .heics .heifs .hif .avifs .avci .jxl .jxr .wdp .hdp .jls .jng .mng .svg .svgz .eps .ai"
    " .psb .xcf .kra .ora .pdf .wmf .emf .exr .hdr .pfm .pam .dds .fits .fit .fts .dcm .dicom .djvu"
    " .icns .cur .xbm .xpm .pict .pct .pic .ras .iff .lbm .flif .bpg .pcd .jbig .jbig2 .jb2 .jpm .jph"
    " .jhc .tpic .rle .sun .im .msp .fli .flc .blp .xwd .cin .dpx .insp .lepton .heix"
    # raw files of cameras
    " .dng .cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .srw .orf .rw2 .raf .raw .rwl .pef .ptx .x3f .3fr"
    " .fff .iiq .erf .mef .mos .mrw .dcr .k25 .kdc .gpr .cap .eip .bay .mdc .rwz .cs1 .braw"
    # films
    " .mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .m2v .mts .m2ts .ts .3gp .3g2 .wmv .asf .flv .ogv"
    " .vob .y4m .mxf .qt .f4v .divx .dv .insv .lrv".split()
)


def has_picture_suffix(path: Path) -> bool:
    """Whether `path` is named as a picture that is read, and is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def count_unread(files: Iterable[Path]) -> tuple[int, str]:
    """Those among `files` that are pictures or films of kinds that are not read.

    Returns:
        (how many, such as "3 .heic, 1 .svg"); notes, tables and hidden files do not count.
    """
    counts = Counter(
        suffix
        for file in files
        if (suffix := file.suffix.lower()) in _UNREAD and not file.name.startswith(".")
    )
    listed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
    return counts.total(), listed
