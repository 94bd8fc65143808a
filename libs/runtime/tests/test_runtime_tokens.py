"""Bearer tokens against a real set of keys: the right ones, and every kind of wrongness."""

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.door import AccessNotSet, Door, check_door, door_of
from calibrant.runtime.access.keys import Keys, KeysUnusable
from calibrant.runtime.access.roles import HOLDS, Role, held
from calibrant.runtime.access.tokens import LEEWAY_S, TokenRefused, Tokens
from calibrant.runtime.settings import ServiceSettings
from calibrant.runtime.testing.issuer import AUDIENCE, NAME, Issuer

ISSUER = Issuer()
NOW = int(time.time())
DAY_S = 86_400


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


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(header):
    claims = {"sub": "mallory", "iss": NAME, "aud": AUDIENCE, "exp": NOW + DAY_S, "roles": ["admin"]}
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


def lasting(*roles, **claims):
    """A token that is still good when a long run of tests comes to it."""
    return ISSUER.token(*roles, **{"exp": NOW + DAY_S, **claims})


WRONG = {
    "expired": (lasting(exp=NOW - LEEWAY_S - 5), "expired"),
    "not yet": (lasting(nbf=NOW + DAY_S // 2), "not valid yet"),
    "of the future": (lasting(iat=NOW + DAY_S // 2), "not valid yet"),
    "other issuer": (lasting(iss="https://elsewhere.example"), "another issuer"),
    "other audience": (lasting(aud="other"), "another audience"),
    "no expiry": (lasting(exp=None), "has no exp"),
    "no subject": (lasting(sub=None), "has no sub"),
    "no issuer": (lasting(iss=None), "has no iss"),
    "no audience": (lasting(aud=None), "has no aud"),
    "subject of lines": (lasting(sub="alice\nroot"), "subject is no name"),
    "long subject": (lasting(sub="a" * 201), "subject is no name"),
    "no algorithm": (unsigned({"alg": "none", "kid": "ES256"}), "cannot be accepted"),
    "No algorithm": (unsigned({"alg": "None", "kid": "RS256"}), "cannot be accepted"),
    "public key as secret": (signed_with_the_public_key("RS256"), "cannot be accepted"),
    "public key as secret, EC": (signed_with_the_public_key("ES256"), "cannot be accepted"),
    "other key": (lasting(key=ec.generate_private_key(ec.SECP256R1())), "signature does not fit"),
    "tampered": (tampered(lasting("viewer")), "signature does not fit"),
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
    assert (
        tokens.caller(ISSUER.token(exp=int(time.time()) - 5, nbf=int(time.time()) + 20)).identity == "alice"
    )


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
