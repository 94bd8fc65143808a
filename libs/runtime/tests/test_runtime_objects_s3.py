"""What is special about objects in a bucket: parts, writers at the same time, names, a store that travels."""

import hashlib
import os
import pickle
import subprocess
import sys

import pytest
from bucket_between import MIB

from calibrant.runtime.objects import (
    ObjectExists,
    SourceUnreadable,
    StoreUnavailable,
)
from calibrant.runtime.objects.s3_upload import Upload

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(11 * MIB))
    return path


def unfinished(store):
    return store.bucket.client.list_multipart_uploads(Bucket=store.bucket.name).get("Uploads", [])


def heads(store, key):
    return store.bucket.client.head_object(Bucket=store.bucket.name, Key=key)


def test_a_small_file_is_one_request_and_a_large_one_comes_in_parts(store, source, large):
    store.put_if_absent("raw/small", source, "image/fits")
    store.put_if_absent("raw/large", large, "image/fits")
    assert "-" not in heads(store, "raw/small")["ETag"]
    assert heads(store, "raw/large")["ETag"].endswith('-3"')
    assert heads(store, "raw/large")["ContentType"] == "image/fits"
    assert unfinished(store) == []


def test_a_file_that_changes_while_it_is_sent_leaves_no_object_and_no_parts(store, large):
    promised = ("0" * 64, 11 * MIB)
    with pytest.raises(SourceUnreadable, match="changed while it was stored"):
        Upload(store.bucket, "raw/x", large, "a/b").in_parts(promised, 5 * MIB)
    assert unfinished(store) == []
    assert not store.exists("raw/x")


def test_parts_are_removed_when_a_later_one_fails(store, through, between, large):
    between.fault = lambda request: (
        "partNumber=2" in request.path
        and (request.send(503, SLOW_DOWN, {"Content-Length": str(len(SLOW_DOWN))}) or True)
    )
    with pytest.raises(StoreUnavailable, match=r"cannot store raw/x: SlowDown; it is tried again"):
        through.put_if_absent("raw/x", large, "a/b")
    assert unfinished(store) == []
    between.fault = lambda _: False
    assert through.put_if_absent("raw/x", large, "a/b").size_bytes == 11 * MIB


def test_parts_that_a_killed_writer_left_are_discarded(store):
    for key in ("raw/n/x_1_a", "raw/n/y"):
        store.bucket.client.create_multipart_upload(Bucket=store.bucket.name, Key=key)
    store.discard("raw/n/x_1_")
    assert [one["Key"] for one in unfinished(store)] == ["raw/n/y"]


@pytest.mark.parametrize("size", [10, 11 * MIB], ids=["small", "large"])
def test_an_answer_that_got_lost_changes_nothing(store, through, between, large, size):
    large.write_bytes(large.read_bytes()[:size])
    lost = []

    def lose_the_first(request):
        if lost or request.headers.get("If-None-Match") != "*":
            return False
        lost.append(request.path)
        request.pass_on(silently=True)
        return True

    between.fault = lose_the_first
    ref = through.put_if_absent("raw/x", large, "a/b")
    assert lost
    assert store.local_path(ref).read_bytes() == large.read_bytes()


def test_of_two_writers_the_later_is_refused_also_after_its_look(store, through, between, source):
    def somebody_is_faster(request):
        if request.command == "PUT":
            store.bucket.client.put_object(Bucket=store.bucket.name, Key="raw/x", Body=b"other bytes")
        return False

    between.fault = somebody_is_faster
    with pytest.raises(ObjectExists):
        through.put_if_absent("raw/x", source, "a/b")


def test_an_object_that_somebody_else_put_there_is_known_by_its_bytes(store, source):
    store.bucket.client.put_object(Bucket=store.bucket.name, Key="raw/x", Body=b"some bytes")
    ref = store.put_if_absent("raw/x", source, "a/b")
    assert ref.sha256 == hashlib.sha256(b"some bytes").hexdigest()
    store.bucket.client.put_object(Bucket=store.bucket.name, Key="raw/y", Body=b"other bytes")
    with pytest.raises(ObjectExists):
        store.put_if_absent("raw/y", source, "a/b")


def test_names_that_are_no_keys_are_not_listed(store, source):
    store.put_if_absent("raw/x", source, "a/b")
    store.bucket.client.put_object(Bucket=store.bucket.name, Key="raw/folder/", Body=b"")
    assert list(store.keys("raw")) == ["raw/x"]


def test_a_store_travels_without_its_connection_and_shows_no_secret(store, source):
    store.put_if_absent("raw/x", source, "a/b")
    assert pickle.loads(pickle.dumps(store)) == store
    assert len(pickle.dumps(store)) < 1000
    assert store.bucket.secret.get_secret_value() not in f"{store!r} {store} {store.bucket}"


def test_nobody_pays_for_s3_who_keeps_objects_in_a_folder():
    work = "import sys, calibrant.runtime.objects; print({'boto3', 'botocore', 'moto'} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", work], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
