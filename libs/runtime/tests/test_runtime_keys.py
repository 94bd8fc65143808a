"""The public keys of tokens: where they come from, when they are read again, which of them count."""

import http.server
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from calibrant.runtime.access import keys as keys_module
from calibrant.runtime.access.door import check_door
from calibrant.runtime.access.keys import KEEP_S, RENEW_S, Keys, KeysUnavailable, KeysUnusable
from calibrant.runtime.settings import ServiceSettings
from calibrant.runtime.testing.issuer import Issuer

ISSUER = Issuer()


def private(name):
    """A key that belongs to the issuer alone, written among the public ones by mistake."""
    return {**jwt.get_algorithm_by_name(name).to_jwk(ISSUER.keys[name], as_dict=True), "kid": name}


class KeyServer(http.server.BaseHTTPRequestHandler):
    """Gives the server's ``body`` and counts how often."""

    def do_GET(self):
        self.server.asked += 1
        if not self.server.goes_on.is_set():
            self.server.is_asked.set()
            self.server.goes_on.wait(60)
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), KeyServer) as server:
        server.asked, server.status, server.body = 0, 200, json.dumps(ISSUER.key_set()).encode()
        server.is_asked, server.goes_on = threading.Event(), threading.Event()
        server.goes_on.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def seconds():
    return [100.0]


@pytest.fixture
def remote(server, seconds, monkeypatch):
    monkeypatch.setattr(keys_module, "FETCH_S", 60.0)
    return Keys(f"http://127.0.0.1:{server.server_port}/jwks", monotonic=lambda: seconds[0])


def test_keys_of_a_url_are_fetched_once_and_again_for_a_new_key_but_not_at_every_unknown_one(
    server, remote, seconds
):
    assert remote.find("ES256") is not None
    assert remote.find("RS256") is not None
    assert server.asked == 1
    for name in ("new", "nonsense", "more nonsense"):
        assert remote.find(name) is None
    assert server.asked == 1  # not within RENEW_S
    added = {**ISSUER.key_set()["keys"][1], "kid": "new"}
    server.body = json.dumps({"keys": [*ISSUER.key_set()["keys"], added]}).encode()
    seconds[0] += RENEW_S + 1
    assert remote.find("new") is not None
    assert server.asked == 2


def test_who_has_a_key_does_not_wait_while_the_set_is_read_for_somebody_else(server, remote, seconds):
    assert remote.find("ES256") is not None
    for waits_s in (RENEW_S, KEEP_S):
        seconds[0] += waits_s + 1
        server.goes_on.clear()
        with ThreadPoolExecutor() as beside:
            unknown = beside.submit(remote.find, "unknown")
            assert server.is_asked.wait(60)
            assert remote.find("ES256") is not None
            assert not unknown.done()
            server.goes_on.set()
        assert unknown.result() is None
        server.is_asked.clear()


def test_a_withdrawn_key_is_refused_when_the_set_is_read_again(server, remote, seconds):
    assert remote.find("ES256") is not None
    server.body = json.dumps({"keys": ISSUER.key_set()["keys"][:1]}).encode()
    seconds[0] += KEEP_S + 1
    assert remote.find("ES256") is None
    assert remote.find("RS256") is not None


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (302, b""), (200, b"<html>"), (200, b'{"keys": []}')]
)
def test_while_keys_cannot_be_had_known_ones_go_on_for_a_while(server, remote, seconds, status, body):
    assert remote.find("ES256") is not None
    server.status, server.body = status, body
    seconds[0] += KEEP_S + 1
    assert remote.find("ES256") is not None
    seconds[0] += KEEP_S
    with pytest.raises(KeysUnavailable):
        remote.find("ES256")
    server.status, server.body = 200, json.dumps(ISSUER.key_set()).encode()
    seconds[0] += RENEW_S + 1
    assert remote.find("ES256") is not None


def test_no_redirect_is_followed(server, remote):
    server.status = 302
    with pytest.raises(KeysUnavailable):
        remote.find("ES256")
    assert server.asked == 1


@pytest.mark.parametrize(
    "place", ["http://issuer.example/jwks", "ftp://127.0.0.1/jwks", "file:///etc/passwd"]
)
def test_keys_do_not_come_from_just_anywhere(place):
    with pytest.raises(KeysUnusable, match="is no place for keys"):
        Keys(place)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"keys": 3}',
        '{"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}]}',
        '{"keys": [{"kty": "RSA", "kid": "a", "alg": "HS256", "n": "AQAB", "e": "AQAB"}]}',
        '{"keys": [{"kty": "EC", "crv": "P-521", "kid": "a"}]}',
        '{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}]}',
        '{"keys": ["a"]}',
        '{"keys": {"a": 1}}',
        json.dumps({"keys": [private("RS256"), private("ES256")]}),
    ],
)
def test_a_file_without_a_usable_public_key_stops_the_start(tmp_path, text):
    file = tmp_path / "jwks.json"
    file.write_text(text)
    with pytest.raises(KeysUnusable, match=r"jwks\.json holds no"):
        check_door(ServiceSettings(auth_jwks=str(file), auth_issuer="i", auth_audience="a"))


@pytest.mark.parametrize(
    "odd",
    [
        "a",
        {"kid": "a", "kty": ["RSA"]},
        {"kid": 5, "kty": "EC", "crv": "P-256"},
        {"kid": "a", "kty": "RSA", "n": "AQAB", "e": 5},
        {"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": 5},
        private("RS256"),
    ],
)
def test_a_key_that_is_not_for_us_spoils_none_of_the_others(tmp_path, odd):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [odd, *ISSUER.key_set()["keys"][1:]]}))
    keys = Keys(str(file))
    assert keys.find("ES256") is not None
    assert keys.find("RS256") is None


def test_the_limit_of_a_set_is_what_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(keys_module, "LIMIT_BYTES", 10)
    with pytest.raises(KeysUnusable):
        Keys(str(ISSUER.write(tmp_path / "jwks.json"))).load()
