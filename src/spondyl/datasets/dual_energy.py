"""Raw DXA pairs as multi-frame secondary captures: two frames, the negative logarithms of the signals, and how they are calibrated.

No vendor documents such a file; the private block is our own, for the digital spine and for whoever can export calibrated signals.

    FrameLabelVector        LOW, HIGH
    (0019,xx01) DS 2        effective energies, keV
    (0019,xx02) DS 2        mass attenuation of hydroxyapatite at them, cm2/g
    (0019,xx03) DS 2        mass attenuation of soft tissue at them, cm2/g
    (0019,xx04) DS          ln(I0 / I) of one stored step
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from spondyl.datasets.dicom_objects import Owner, decimals, new_object, put_pixels, window_of
from spondyl.dicom.beams import CREATOR, ENERGIES, GROUP, MINERAL, SOFT, STEP
from spondyl.phantom.rays import DxaScan
from spondyl.phantom.rays.attenuation import BASIS, attenuation

TOP = 2**16 - 1
STEP_VALUE = 4e-4
"""ln(I0 / I) of one stored step: a tenth of the least noise, and 26 at the top."""


def pair_object(scan: DxaScan, owner: Owner, series: int) -> Dataset:
    """The raw pair of a scan: 16 bits, (2, rows, columns)."""
    a = scan.acquisition
    ds = new_object(MultiFrameGrayscaleWordSecondaryCaptureImageStorage, owner, series, 1)
    ds.Modality, ds.BodyPartExamined, ds.ConversionType = "BMD", "LSPINE", "WSD"
    ds.SeriesDescription, ds.ImageType, ds.PatientOrientation = "Lumbar spine dual energy", ["ORIGINAL", "PRIMARY"], ["L", "F"]
    ds.PixelSpacing = decimals([a.pixel_mm, a.pixel_mm], 6)
    stored: NDArray[np.uint16] = np.clip(np.rint(scan.logs / STEP_VALUE), 0, TOP).astype("<u2")
    put_pixels(ds, stored[0], bits=16)
    ds.PixelData, ds.NumberOfFrames = stored.tobytes(), len(stored)
    ds.FrameLabelVector, ds.FrameIncrementPointer = ["LOW", "HIGH"], 0x00182002
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType, ds.PresentationLUTShape = "0", "1", "US", "IDENTITY"
    ds.WindowCenter, ds.WindowWidth = window_of(0, TOP)
    table = attenuation(np.array(a.energies_kev))
    block = ds.private_block(GROUP, CREATOR, create=True)
    block.add_new(ENERGIES, "DS", decimals(a.energies_kev, 3))
    block.add_new(MINERAL, "DS", decimals(table[:, BASIS.index("mineral")], 6))
    block.add_new(SOFT, "DS", decimals(table[:, BASIS.index("soft")], 6))
    block.add_new(STEP, "DS", decimals([STEP_VALUE], 8))
    return ds
