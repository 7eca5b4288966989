from collections.abc import Iterator

import pytest

from dicom.dicom_files import KEY
from spondyl.dicom import Limits, Reader


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    with Reader(KEY, Limits(), workers=2) as opened:
        yield opened
