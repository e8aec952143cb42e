"""The disk cache: whole and verified, or not there."""

import hashlib
import os
from pathlib import Path

import pytest
from portal_downloader.cache.disk import Cache, InUse
from portal_shared.runtime.errors import Unavailable

CONTENT = b"content" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    made = Cache(tmp_path)
    made.prepare()
    return made


def arrive(cache: Cache, content: bytes) -> None:
    incoming = cache.incoming("key")
    incoming.write(content)
    incoming.commit()
    incoming.close()


def test_a_file_is_there_under_its_digest_once_it_is_whole(cache: Cache) -> None:
    assert not cache.contains(SHA, len(CONTENT))
    arrive(cache, CONTENT)
    assert cache.contains(SHA, len(CONTENT))
    descriptor = cache.open(SHA, len(CONTENT))
    assert descriptor is not None
    assert os.pread(descriptor, 100_000, 0) == CONTENT
    os.close(descriptor)


def test_a_file_of_another_size_is_not_there(cache: Cache) -> None:
    arrive(cache, CONTENT)
    assert not cache.contains(SHA, 3)
    assert cache.open(SHA, 3) is None


def test_an_interrupted_copy_continues(cache: Cache) -> None:
    first = cache.incoming("key")
    first.write(CONTENT[:3000])
    first.close()
    second = cache.incoming("key")
    assert second.size == 3000
    second.write(CONTENT[3000:])
    assert second.sha256 == SHA
    second.close()


def test_two_do_not_write_the_same_file(cache: Cache) -> None:
    first = cache.incoming("key")
    with pytest.raises(InUse):
        cache.incoming("key")
    first.close()
    cache.incoming("key").close()


def test_a_link_is_never_followed(cache: Cache, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    place = tmp_path / "objects" / SHA[:2] / SHA
    place.parent.mkdir()
    place.symlink_to(secret)
    assert cache.open(SHA, len(CONTENT)) is None
    assert not cache.contains(SHA, len(CONTENT))
    (tmp_path / "incoming" / "key.part").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        cache.incoming("key")
    assert secret.read_bytes() == CONTENT


def test_a_quarantined_file_is_moved_aside(cache: Cache, tmp_path: Path) -> None:
    incoming = cache.incoming("key")
    incoming.write(b"wrong")
    name = incoming.quarantine()
    incoming.close()
    assert (tmp_path / "quarantine" / name).read_bytes() == b"wrong"
    assert list((tmp_path / "incoming").iterdir()) == []


def test_only_the_last_quarantined_copy_of_a_file_remains(cache: Cache, tmp_path: Path) -> None:
    for key, content in (("key", b"wrong"), ("other-key", b"else"), ("key", b"wrong again")):
        incoming = cache.incoming(key)
        incoming.write(content)
        incoming.quarantine()
        incoming.close()
    remaining = sorted(file.read_bytes() for file in (tmp_path / "quarantine").iterdir())
    assert remaining == [b"else", b"wrong again"]


def test_partial_files_that_no_staged_file_needs_are_deleted(cache: Cache, tmp_path: Path) -> None:
    for name in ("wanted", "other"):
        cache.incoming(name).close()
    assert cache.delete_parts_except({"wanted"}) == 1
    assert [p.name for p in (tmp_path / "incoming").iterdir()] == ["wanted.part"]


def test_a_cache_that_cannot_be_created_is_reported_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "objects").write_bytes(b"in the way")
    with pytest.raises(Unavailable, match="objects"):
        Cache(tmp_path).prepare()
    with pytest.raises(Unavailable, match="cannot be written"):
        Cache(tmp_path / "never made").check()


def test_the_free_space_of_a_cache_that_is_not_there_yet_is_unavailable(tmp_path: Path) -> None:
    """Totals that were read while the service started had a stack trace in the log."""
    with pytest.raises(Unavailable, match="objects"):
        Cache(tmp_path).free_bytes()
