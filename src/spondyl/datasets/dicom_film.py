"""Radiographs and density pictures as DICOM: DX and CR Image Storage, and Secondary Capture; legal, or as archives hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    JPEG2000Lossless,
    SecondaryCaptureImageStorage,
)

from spondyl.datasets.dicom_objects import Owner, decimals, new_object, put_pixels, save, window_of
from spondyl.phantom.rays.acquisition import XrayAcquisition

VIEW_POSITION = {"ap": "AP", "lateral": "LL"}
ORIENTATION = {"ap": ["L", "F"], "lateral": ["P", "F"]}
"""PatientOrientation: where columns and rows of the picture run to."""
REGION = ("421060004", "SCT", "Spine")
VIEW_CODE = {"ap": ("399348003", "SCT", "antero-posterior"), "lateral": ("399173006", "SCT", "left lateral")}
"""PS3.16 CID 4031 and CID 4010."""


def film_object(stored: NDArray[np.uint16], scan: XrayAcquisition, owner: Owner, series: int, kind: str) -> Dataset:
    """One radiograph as stored values. `kind` is "DX" or "CR"."""
    sop_class = DigitalXRayImageStorageForPresentation if kind == "DX" else ComputedRadiographyImageStorage
    ds = new_object(sop_class, owner, series, 1)
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition = kind, "SPINE", VIEW_POSITION[scan.view]
    ds.SeriesDescription = f"Spine {VIEW_POSITION[scan.view]}"
    ds.PatientOrientation, ds.KVP = ORIENTATION[scan.view], f"{scan.kvp:g}"
    ds.DistanceSourceToDetector, ds.DistanceSourceToPatient = f"{scan.sid_mm:g}", f"{scan.sid_mm - scan.oid_mm:g}"
    ds.ImagerPixelSpacing = decimals([scan.pixel_mm, scan.pixel_mm], 6)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    put_pixels(ds, stored, scan.photometric, scan.bits)
    ds.WindowCenter, ds.WindowWidth = window_of(0, 2**scan.bits - 1)
    if kind == "DX":
        _digital(ds, scan)
    else:
        ds.ImageType = ["ORIGINAL", "PRIMARY"]
    return ds


def _digital(ds: Dataset, scan: XrayAcquisition) -> None:
    """What Digital X-Ray (PS3.3 A.26) asks for beyond Computed Radiography."""
    ds.ImageType, ds.PresentationIntentType, ds.ImageLaterality = ["ORIGINAL", "PRIMARY", ""], "FOR PRESENTATION", "U"
    ds.PixelIntensityRelationship = "LIN" if scan.response == "linear" else "LOG"
    ds.PixelIntensityRelationshipSign = 1 if scan.photometric == "MONOCHROME1" else -1
    ds.PresentationLUTShape = "INVERSE" if scan.photometric == "MONOCHROME1" else "IDENTITY"
    ds.LossyImageCompression, ds.DetectorType, ds.PositionerType = "00", "DIRECT", "NONE"
    ds.AcquisitionContextSequence = Sequence([])
    ds.AnatomicRegionSequence = Sequence([_code(*REGION)])
    view = _code(*VIEW_CODE[scan.view])
    view.ViewModifierCodeSequence = Sequence([])
    ds.ViewCodeSequence = Sequence([view])


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def density_object(stored: NDArray[np.uint8], pixel_mm: float, owner: Owner, series: int, text: bool = False) -> Dataset:
    """A density picture of 8 bits as Secondary Capture of modality BMD, which is how vendors export them; `text` is burnt in or not."""
    ds = new_object(SecondaryCaptureImageStorage, owner, series, 1)
    ds.Modality, ds.BodyPartExamined, ds.ConversionType = "BMD", "LSPINE", "WSD"
    ds.SeriesDescription, ds.ImageType, ds.PatientOrientation = "Lumbar spine density", ["DERIVED", "SECONDARY"], ["L", "F"]
    ds.PixelSpacing, ds.BurnedInAnnotation = decimals([pixel_mm, pixel_mm], 6), "YES" if text else "NO"
    put_pixels(ds, stored, bits=8)
    return ds


WILD_LOST = ("SOPClassUID", "Modality", "ViewPosition", "PatientOrientation", "SeriesDescription", "ViewCodeSequence", "BodyPartExamined",
             "AnatomicRegionSequence", "Manufacturer", "ManufacturerModelName", "ImagerPixelSpacing")


def save_film(path: Path, ds: Dataset, wild: tuple[str, str, str] | None = None, lost: tuple[str, ...] = WILD_LOST) -> None:
    """Write a film: plain and legal; or wild: JPEG 2000 lossless, (study, series, image) in the place of UIDs, the tags of `lost` gone.

    The pixels are the same.
    """
    if wild is None:
        save(path, ds)
        return
    ds.compress(JPEG2000Lossless, generate_instance_uid=False)
    for keyword in lost:
        if keyword in ds:
            delattr(ds, keyword)
    names = dict(zip(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"), wild, strict=True))
    meta = ds.file_meta
    del meta.MediaStorageSOPInstanceUID
    if "SOPClassUID" in lost:
        del meta.MediaStorageSOPClassUID
    with config.disable_value_validation():
        for keyword, value in names.items():
            delattr(ds, keyword)  # an element keeps the rules that it was made under
            setattr(ds, keyword, value)
        meta.MediaStorageSOPInstanceUID = wild[2]
        ds.preamble = bytes(128)
        save(path, ds, strict=False)
