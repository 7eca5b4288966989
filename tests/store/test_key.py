"""The key of the pseudonyms."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from spondyl.core import InputError
from spondyl.store import load_key, load_or_create_key


def test_there_is_no_key_before_one_is_made(tmp_path):
    assert load_key(tmp_path / "data") is None


def test_the_key_is_made_once_and_stays(tmp_path):
    folder = tmp_path / "new" / "data"
    key = load_or_create_key(folder)
    assert len(key) == 32
    assert load_or_create_key(folder) == key == load_key(folder)
    assert [path.name for path in folder.iterdir()] == ["key"]


def test_only_its_owner_reads_the_key(tmp_path):
    load_or_create_key(tmp_path)
    assert stat.S_IMODE(os.stat(tmp_path / "key").st_mode) == 0o600


def test_two_data_folders_have_two_keys(tmp_path):
    assert load_or_create_key(tmp_path / "a") != load_or_create_key(tmp_path / "b")


def test_all_who_start_at_once_get_the_same_key(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load_or_create_key(tmp_path), range(32)))
    assert len(keys) == 1


def test_a_damaged_key_is_not_used(tmp_path):
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(InputError, match="5 bytes"):
        load_or_create_key(tmp_path)
