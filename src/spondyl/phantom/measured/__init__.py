"""Labels measured on the built volume: what is true of the subject, of a film, of a series, and what a reader would write."""

from spondyl.metrics.spine_curves import aasce_angles
from spondyl.phantom.measured.density import density_words
from spondyl.phantom.measured.film import film_truth
from spondyl.phantom.measured.film_records import LESIONS, FilmBox, FilmDisc, FilmTruth, FilmVertebra, SeriesPoint, film_from_json
from spondyl.phantom.measured.readers import read, read_film
from spondyl.phantom.measured.records import (
    CONDITIONS,
    GRADES,
    CurveTruth,
    DensityTruth,
    DiscSpaceTruth,
    ObjectTruth,
    SpurTruth,
    StenosisTruth,
    SubjectTruth,
    VertebraTruth,
    truth_from_json,
)
from spondyl.phantom.measured.series import series_name, series_points
from spondyl.phantom.measured.subject import measure_subject

__all__ = [
    "CONDITIONS", "GRADES", "LESIONS", "CurveTruth", "DensityTruth", "DiscSpaceTruth", "FilmBox", "FilmDisc", "FilmTruth", "FilmVertebra",
    "ObjectTruth", "SeriesPoint", "SpurTruth", "StenosisTruth", "SubjectTruth", "VertebraTruth", "aasce_angles", "density_words",
    "film_from_json", "film_truth", "measure_subject", "read", "read_film", "series_name", "series_points", "truth_from_json",
]
