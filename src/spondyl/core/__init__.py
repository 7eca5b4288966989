"""Words: studies, images, findings, results, levels, errors. Needs numpy and nothing else."""

from spondyl.core.errors import BundleError, InputError, NotFoundError, Refusal, SpondylError
from spondyl.core.level import disc_name
from spondyl.core.person import UNTOLD, Person
from spondyl.core.result import (
    BundleNote,
    Finding,
    HeatMap,
    ImageNote,
    Measurement,
    Notice,
    StudyResult,
    TaskOutput,
)
from spondyl.core.study import Beam, DensitySaid, Geometry, Image, Series, Study
from spondyl.core.vocabulary import Term, term, vocabulary

__all__ = [
    "UNTOLD", "Beam", "BundleError", "BundleNote", "DensitySaid", "Finding", "Geometry", "HeatMap", "Image", "ImageNote", "InputError",
    "Measurement", "NotFoundError", "Notice", "Person", "Refusal", "Series", "SpondylError", "Study", "StudyResult", "TaskOutput", "Term",
    "disc_name", "term", "vocabulary",
]
