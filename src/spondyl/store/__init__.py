"""What is kept: uploads, studies, jobs, results, heat maps, audit. Durable before it is acknowledged."""

from spondyl.store.artefacts import MapNote
from spondyl.store.files import Incoming, KeptFile
from spondyl.store.jobs import Job, JobEvent
from spondyl.store.key import load_key, load_or_create_key
from spondyl.store.parse import parse_result
from spondyl.store.store import Store
from spondyl.store.studies import ResultRow, StudyDraft, StudyRow, draft_of

__all__ = [
    "Incoming", "Job", "JobEvent", "KeptFile", "MapNote", "ResultRow", "Store", "StudyDraft", "StudyRow",
    "draft_of", "load_key", "load_or_create_key", "parse_result",
]
