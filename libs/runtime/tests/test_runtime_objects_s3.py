"""What is special about objects in a bucket: parts, rights, an S3 service that is away, busy, slow or lies."""

import hashlib
import http.client
import json
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import (
    ObjectDamaged,
    ObjectExists,
    SourceUnreadable,
    StoreRefused,
    StoreUnavailable,
)
from calibrant.runtime.objects.s3_upload import Upload
from calibrant.runtime.testing.s3 import ObjectServer

MIB = 1 << 20
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENY_WRITES = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:List*", "s3:GetObject"], "Resource": "*"}],
}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.bin"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(11 * MIB))
    return path


@pytest.fixture
def store(s3, tmp_path):
    return s3.store(tmp_path / "cache", threshold_bytes=MIB, part_bytes=5 * MIB)


def unfinished(store):
    return store.bucket.client.list_multipart_uploads(Bucket=store.bucket.name).get("Uploads", [])


def heads(store, key):
    return store.bucket.client.head_object(Bucket=store.bucket.name, Key=key)


class Between:
    """Passes requests on to the S3 service, but for those that `fault` deals with itself (and returns true)."""

    def __init__(self, port):
        self.fault = lambda _handler: False
        self.over = threading.Event()
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(length)
                if not between.fault(self):
                    self.pass_on()

            def pass_on(self, *, silently=False):
                upstream = http.client.HTTPConnection("127.0.0.1", port)
                upstream.request(self.command, self.path, self.body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
                if silently:
                    self.close_connection = True
                    return
                headers = {k: v for k, v in answer.getheaders() if k.lower() not in {"connection", "date"}}
                self.send(answer.status, content, headers)

            def send(self, status, content, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815  the library's names

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def between(s3):
    service = Between(s3.port)
    yield service
    service.close()


@pytest.fixture
def through(store, between):
    """The same store, seen through what misbehaves."""
    return replace(store, bucket=replace(store.bucket, endpoint=between.endpoint, read_s=1.0))


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


def calls(store, source, ref):
    return {
        "put": lambda: store.put_if_absent("raw/y", source, "a/b"),
        "read": lambda: store.local_path(ref),
        "look": lambda: store.exists("raw/x"),
        "list": lambda: list(store.keys("raw")),
        "delete": lambda: store.delete("raw/x"),
        "discard": lambda: store.discard("raw/x"),
        "check": store.check,
    }


def test_a_service_that_is_away_is_waited_for_and_what_was_read_is_still_there(tmp_path, source):
    with ObjectServer() as server:
        store = server.store(tmp_path / "cache")
        known = store.put_if_absent("raw/known", source, "a/b")
        source.write_bytes(b"some more")
        ref = store.put_if_absent("raw/x", source, "a/b")
        store.local_path(known)
        server.kill()
        for name, call in calls(store, source, ref).items():
            with pytest.raises(StoreUnavailable, match=f"bucket {store.bucket.name} at http://127"):
                pytest.fail(f"{name} gave {call()}")
        assert store.local_path(known).read_bytes() == b"some bytes"
        server.start()
        with pytest.raises(StoreRefused, match=f"there is no bucket {store.bucket.name}"):
            store.check()
        server.create_bucket(store.bucket.name)
        store.check()
        assert store.put_if_absent("raw/x", source, "a/b") == ref


def test_a_service_that_does_not_answer_is_waited_for(tmp_path, source):
    with ObjectServer() as server:
        store = server.store(tmp_path / "cache")
        ref = store.put_if_absent("raw/known", source, "a/b")
        hasty = replace(store, bucket=replace(store.bucket, read_s=0.2))
        server.pause()
        for name, call in calls(hasty, source, ref).items():
            with pytest.raises(StoreUnavailable, match="timeout"):
                pytest.fail(f"{name} gave {call()}")
        server.resume()
        assert store.local_path(ref).read_bytes() == b"some bytes"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 507])
def test_a_busy_or_broken_service_is_waited_for(through, between, source, status):
    def broken(request):
        request.send(status, b"", {"Content-Length": "0"})
        return True

    ref = DataRef(uri="objects:raw/x", sha256="0" * 64, size_bytes=10, media_type="a/b")
    between.fault = broken
    for name, call in calls(through, source, ref).items():
        with pytest.raises(StoreUnavailable, match="it is tried again"):
            pytest.fail(f"{name} gave {call()}")


def test_bytes_that_end_early_or_come_too_slowly_are_waited_for_and_leave_nothing(through, between, source):
    ref = through.put_if_absent("raw/x", source, "a/b")
    answers = {"Content-Length": "10", "Content-Type": "a/b"}

    def cut_off(request):
        request.send(200, b"some", answers)
        request.close_connection = True
        return True

    def stuck(request):
        request.send(200, b"some", answers)
        between.over.wait(60)
        return True

    def dripping(request):
        request.send(200, b"", answers)
        for byte in b"some byte":
            request.wfile.write(bytes([byte]))
            between.over.wait(0.5)
        return True

    for fault in (cut_off, stuck, dripping):
        between.fault = lambda request, fault=fault: request.command == "GET" and fault(request)
        with pytest.raises(StoreUnavailable, match="raw/x"):
            through.local_path(ref)
        assert not list(through.cache.folder.glob(".*.part"))
    between.fault = lambda _: False
    assert through.local_path(ref).read_bytes() == b"some bytes"


def test_an_endless_answer_is_not_read(through, between, source):
    ref = through.put_if_absent("raw/x", source, "a/b")
    between.fault = lambda request: (
        request.command == "GET" and (request.send(200, b"x" * MIB, {"Content-Length": str(1 << 50)}) or True)
    )
    with pytest.raises(ObjectDamaged, match=r"it has 1125899906842624 bytes, expected 10"):
        through.local_path(ref)


def test_a_missing_right_is_told_by_name(tmp_path, source):
    with ObjectServer(environment={"INITIAL_NO_AUTH_ACTION_COUNT": "4"}) as server:
        store = server.store(tmp_path / "cache")
        iam = boto3.client(
            "iam",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        iam.create_user(UserName="reader")
        iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(DENY_WRITES))
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        iam.close()
        secret = type(store.bucket.secret)(key["SecretAccessKey"])
        reader = replace(store, bucket=replace(store.bucket, key_id=key["AccessKeyId"], secret=secret))
        assert list(reader.keys("raw")) == []
        wanted = rf"bucket {store.bucket.name} at .* refused to key {key['AccessKeyId']} .*Grant s3:PutObject"
        for call in (lambda: reader.put_if_absent("raw/x", source, "a/b"), reader.check):
            with pytest.raises(StoreRefused, match=wanted) as told:
                call()
            assert key["SecretAccessKey"] not in str(told.value)
        with pytest.raises(StoreRefused, match="InvalidAccessKeyId"):
            store.check()


def test_missing_credentials_are_told_with_their_variables(store, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    nameless = replace(store.bucket, key_id="", secret=type(store.bucket.secret)(""))
    with pytest.raises(StoreRefused, match=r"Set CALIBRANT_OBJECTS_KEY_ID and CALIBRANT_OBJECTS_SECRET$"):
        replace(store, bucket=nameless).check()


def test_a_store_travels_without_its_connection_and_shows_no_secret(store, source):
    store.put_if_absent("raw/x", source, "a/b")
    assert pickle.loads(pickle.dumps(store)) == store
    assert len(pickle.dumps(store)) < 1000
    assert store.bucket.secret.get_secret_value() not in f"{store!r} {store} {store.bucket}"


def test_nobody_pays_for_s3_who_keeps_objects_in_a_folder():
    work = "import sys, calibrant.runtime.objects; print({'boto3', 'botocore', 'moto'} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", work], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
