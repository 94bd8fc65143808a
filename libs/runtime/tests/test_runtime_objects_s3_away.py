"""An S3 service that is away, busy, slow, forbids or lies: waited for, or told by name."""

import json
from dataclasses import replace

import boto3
import pytest
from bucket_between import MIB

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import (
    ObjectDamaged,
    StoreRefused,
    StoreUnavailable,
)
from calibrant.runtime.testing.s3 import ObjectServer

DENY_WRITES = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:List*", "s3:GetObject"], "Resource": "*"}],
}


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
