"""DICOM and pictures in, studies without identity out. Decoding happens in limited processes of its own."""

from spondyl.dicom.archive import Archive
from spondyl.dicom.reader import Reader
from spondyl.dicom.report import CLUTTER, Limits, ReadReport, Skipped, Source
from spondyl.dicom.sniff import sniff, zero_preamble

__all__ = ["CLUTTER", "Archive", "Limits", "ReadReport", "Reader", "Skipped", "Source", "decoders", "sniff", "zero_preamble"]


def decoders() -> dict[str, str]:
    """Version of each pixel codec on this machine, "missing" where there is none. Loads the codecs into this process."""
    from spondyl.dicom.decode import decoders as versions

    return versions()
