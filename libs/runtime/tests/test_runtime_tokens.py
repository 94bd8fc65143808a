"""Bearer tokens against a real set of keys: the right ones, and every kind of wrongness."""

import base64
import http.server
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from calibrant.runtime.access import keys as keys_module
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.door import AccessNotSet, Door, check_door, door_of
from calibrant.runtime.access.keys import KEEP_S, RENEW_S, Keys, KeysUnavailable, KeysUnusable
from calibrant.runtime.access.roles import HOLDS, Role, held
from calibrant.runtime.access.tokens import LEEWAY_S, TokenRefused, Tokens
from calibrant.runtime.settings import ServiceSettings
from calibrant.runtime.testing.issuer import AUDIENCE, NAME, Issuer

ISSUER = Issuer()
NOW = int(time.time())


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return ISSUER.write(tmp_path_factory.mktemp("keys") / "jwks.json")


@pytest.fixture(scope="module")
def tokens(file):
    return Tokens(Keys(str(file)), NAME, AUDIENCE, "roles")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_of_each_accepted_kind_says_who_calls(tokens, algorithm):
    token = ISSUER.token("operator", "astronaut", algorithm=algorithm)
    assert tokens.caller(token) == Caller("alice", ("operator",))


def private(name):
    """A key that belongs to the issuer alone, written among the public ones by mistake."""
    return {**jwt.get_algorithm_by_name(name).to_jwk(ISSUER.keys[name], as_dict=True), "kid": name}


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(header):
    claims = {"sub": "mallory", "iss": NAME, "aud": AUDIENCE, "exp": NOW + 600, "roles": ["admin"]}
    return f"{encoded(header)}.{encoded(claims)}."


def signed_with_the_public_key(name):
    """The old trick: the public key, which everybody has, taken for the secret of an HMAC."""
    pem = ISSUER.keys[name].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, claims, _ = unsigned({"alg": "HS256", "kid": name}).split(".")
    signing = jwt.get_algorithm_by_name("HS256")
    signature = signing.sign(f"{header}.{claims}".encode(), pem)
    return f"{header}.{claims}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def tampered(token):
    head, claims, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"roles": ["admin"]}
    return f"{head}.{encoded(changed)}.{signature}"


WRONG = {
    "expired": (ISSUER.token(exp=NOW - LEEWAY_S - 5), "expired"),
    "not yet": (ISSUER.token(nbf=NOW + 600), "not valid yet"),
    "of the future": (ISSUER.token(iat=NOW + 600), "not valid yet"),
    "other issuer": (ISSUER.token(iss="https://elsewhere.example"), "another issuer"),
    "other audience": (ISSUER.token(aud="other"), "another audience"),
    "no expiry": (ISSUER.token(exp=None), "has no exp"),
    "no subject": (ISSUER.token(sub=None), "has no sub"),
    "no issuer": (ISSUER.token(iss=None), "has no iss"),
    "no audience": (ISSUER.token(aud=None), "has no aud"),
    "subject of lines": (ISSUER.token(sub="alice\nroot"), "subject is no name"),
    "long subject": (ISSUER.token(sub="a" * 201), "subject is no name"),
    "no algorithm": (unsigned({"alg": "none", "kid": "ES256"}), "cannot be accepted"),
    "No algorithm": (unsigned({"alg": "None", "kid": "RS256"}), "cannot be accepted"),
    "public key as secret": (signed_with_the_public_key("RS256"), "cannot be accepted"),
    "public key as secret, EC": (signed_with_the_public_key("ES256"), "cannot be accepted"),
    "other key": (ISSUER.token(key=ec.generate_private_key(ec.SECP256R1())), "signature does not fit"),
    "tampered": (tampered(ISSUER.token("viewer")), "signature does not fit"),
    "unknown key": (unsigned({"alg": "ES256", "kid": "nobody's"}), "a key that is not known"),
    "no key named": (unsigned({"alg": "ES256"}), "names no key"),
    "key of another kind": (unsigned({"alg": "RS256", "kid": "ES256"}), "cannot be accepted"),
    "key in the header": (unsigned({"alg": "ES256", "kid": ["ES256"]}), "no JSON Web Token|names no key"),
    "garbage": ("not.a.token", "no JSON Web Token"),
    "one part": ("AAAA", "no JSON Web Token"),
    "deep": (f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.e30.AA", "no JSON Web Token"),
    "huge": ("A" * 100_000, "longer than 8192"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_token_is_refused_with_a_reason_that_repeats_nothing_of_it(tokens, case):
    token, reason = WRONG[case]
    with pytest.raises(TokenRefused, match=reason) as refusal:
        tokens.caller(token)
    assert not any(part in str(refusal.value) for part in token.split(".") if len(part) > 8)
    assert "mallory" not in str(refusal.value)


def test_clocks_may_lie_a_little_apart(tokens):
    assert tokens.caller(ISSUER.token(exp=NOW - 5, nbf=int(time.time()) + 20)).identity == "alice"


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_whatever_comes_is_refused_in_words(tokens, text):
    with pytest.raises(TokenRefused):
        tokens.caller(text)


@pytest.mark.parametrize(
    ("claim", "claims", "given_roles"),
    [
        ("roles", {"roles": "viewer certifier"}, ("viewer", "certifier")),
        ("realm.roles", {"realm": {"roles": ["admin"]}}, ("admin",)),
        ("https://x.example/roles", {"https://x.example/roles": ["operator"]}, ("operator",)),
        ("roles", {"roles": {"admin": True}}, ()),
        ("roles", {"roles": [["admin"], 1, None]}, ()),
        ("groups", {}, ()),
    ],
)
def test_roles_are_found_where_they_are_said_to_be(file, claim, claims, given_roles):
    tokens = Tokens(Keys(str(file)), NAME, AUDIENCE, claim)
    assert tokens.caller(ISSUER.token(**{"roles": None} | claims)).given == given_roles


def test_a_role_holds_those_below_it_and_no_others():
    assert held(["viewer"]) == {Role.VIEWER}
    assert held(["operator"]) == {Role.VIEWER, Role.OPERATOR}
    assert held(["certifier"]) == {Role.VIEWER, Role.CERTIFIER}
    assert held(["admin"]) == set(Role) == set(HOLDS)
    assert held(["Admin", "root", ""]) == frozenset()


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


def test_an_api_that_others_reach_must_ask_for_credentials(file):
    for host in ("0.0.0.0", "192.0.2.1", "::", "calibrant.example"):
        with pytest.raises(AccessNotSet, match="CALIBRANT_AUTH_JWKS"):
            check_door(ServiceSettings(host=host))
        shut = door_of(ServiceSettings(host=host))
        with pytest.raises(TokenRefused):  # even if nobody had checked
            shut.caller(f"Bearer {ISSUER.token('admin')}")
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        settings = ServiceSettings(host=host)
        check_door(settings)
        assert door_of(settings).caller(None) == Caller("local", ("admin",))
    check_door(ServiceSettings(host="0.0.0.0", **ISSUER.settings(file)))


@pytest.mark.parametrize("missing", ["auth_issuer", "auth_audience"])
def test_keys_alone_are_not_enough(file, missing):
    given_settings = ISSUER.settings(file) | {missing: ""}
    with pytest.raises(AccessNotSet, match=f"CALIBRANT_{missing.upper()} is not"):
        check_door(ServiceSettings(**given_settings))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic YWxpY2U6c2VjcmV0"])
def test_with_keys_a_credential_is_needed_on_loopback_too(file, header):
    door = door_of(ServiceSettings(**ISSUER.settings(file)))
    with pytest.raises(TokenRefused, match="a bearer token is needed"):
        door.caller(header)
    assert door.caller(f"bearer {ISSUER.token('viewer')}").given == ("viewer",)


def test_a_door_without_anything_is_shut():
    with pytest.raises(TokenRefused):
        Door().caller(None)


def test_a_missing_file_of_keys_is_named(tmp_path):
    wrong = ServiceSettings(auth_jwks=str(tmp_path / "no.json"), auth_issuer="i", auth_audience="a")
    with pytest.raises(KeysUnusable, match=r"no\.json cannot be read: No such file"):
        check_door(wrong)


def test_the_limit_of_a_set_is_what_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(keys_module, "LIMIT_BYTES", 10)
    with pytest.raises(KeysUnusable):
        Keys(str(ISSUER.write(tmp_path / "jwks.json"))).load()
