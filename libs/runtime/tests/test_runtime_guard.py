"""The guard before every API: who gets past it, what the others are told, and what is told about them."""

import logging

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client.parser import text_string_to_metric_families

from calibrant.runtime.access.door import Door, door_of
from calibrant.runtime.access.guard import CallerOf
from calibrant.runtime.access.keys import KeysUnavailable
from calibrant.runtime.http import guarded_app, http_app
from calibrant.runtime.ops import Watch, ops_app
from calibrant.runtime.settings import ServiceSettings
from calibrant.runtime.testing.issuer import Issuer

pytestmark = pytest.mark.asyncio
ISSUER = Issuer()


@pytest.fixture
def door(tmp_path):
    return door_of(ServiceSettings(**ISSUER.settings(tmp_path / "jwks.json")))


@pytest.fixture
def app(make_process, door):
    router = APIRouter()

    @router.get("/me")
    def me(caller: CallerOf) -> dict[str, object]:
        return {"identity": caller.identity, "roles": caller.given}

    @router.post("/anything")
    def anything() -> None:
        """Change something that no rule names."""

    @router.post("/runs")
    def ask(body: dict[str, float]) -> dict[str, float]:
        return body

    return http_app(make_process(router=router), door)


def client_of(app, *roles, **headers):
    if roles:
        headers["Authorization"] = f"Bearer {ISSUER.token(*roles)}"
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


async def test_who_calls_is_told_to_the_route(app):
    async with client_of(app, "operator") as client:
        assert (await client.get("/me")).json() == {"identity": "alice", "roles": ["operator"]}


@pytest.mark.parametrize(
    "path", ["/me", "/status", "/docs", "/openapi.json", "/nothing", "/", "//me", "/audit"]
)
async def test_without_a_credential_nothing_is_shown(app, path):
    async with client_of(app) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="calibrant"')


async def test_a_wrong_token_is_told_why_before_the_body_is_looked_at(app):
    async with client_of(app, Authorization=f"Bearer {ISSUER.token(exp=1)}") as client:
        answer = await client.post("/runs", content=b"{no json")
    assert answer.status_code == 401
    assert answer.json() == {"detail": "the token has expired; get a new one"}
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_role_that_does_not_suffice_is_told_which_one_does(app):
    async with client_of(app, "viewer") as client:
        answer = await client.post("/control/pause")
    assert answer.status_code == 403
    assert answer.json() == {"detail": "this needs the role operator; alice has viewer"}
    assert 'error="insufficient_scope", scope="operator"' in answer.headers["WWW-Authenticate"]


async def test_what_no_rule_names_needs_an_admin(app):
    for role, status in (("operator", 403), ("certifier", 403), ("admin", 200)):
        async with client_of(app, role) as client:
            assert (await client.post("/anything")).status_code == status
            assert (await client.delete("/me")).status_code == (405 if role == "admin" else 403)


async def test_a_token_without_a_role_looks_at_nothing(app):
    async with client_of(app, "astronaut") as client:
        answer = await client.get("/status")
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "this needs the role viewer; alice has no role",
    )


async def test_while_keys_cannot_be_had_it_is_nobodys_fault(app, door, monkeypatch):
    def away(_name):
        raise KeysUnavailable("the keys cannot be had")

    monkeypatch.setattr(door.tokens.keys, "find", away)
    async with client_of(app, "viewer") as client:
        assert (await client.get("/status")).status_code == 503


async def test_the_refused_are_counted_and_logged_without_their_tokens(app, caplog):
    token = ISSUER.token("viewer")
    caplog.set_level(logging.DEBUG)
    async with client_of(app, Authorization=f"Bearer {token}x") as client:
        await client.get("/me%0A2026-01-01%20forged%20line")
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        await client.post("/control/drain")
        assert (await client.get("/me")).status_code == 200
    watch = Watch(expected=1)
    watch.add(app)
    async with client_of(ops_app(watch)) as client:
        metrics = (await client.get("/metrics")).text
    (refused,) = [f for f in text_string_to_metric_families(metrics) if f.name == "calibrant_http_refused"]
    counts = {sample.labels["status"]: sample.value for sample in refused.samples}
    assert counts == {"401": 1.0, "403": 1.0}
    logged = caplog.text + metrics
    assert "401 GET '/me\\n2026-01-01 forged line'" in logged
    assert "403 POST '/control/drain': alice has viewer" in logged
    assert not [part for part in token.split(".") if part in logged]


async def test_a_guard_within_another_asks_for_itself(app, door):
    whole = guarded_app("whole", door, beyond=("inner",))
    whole.mount("/inner", app)
    async with client_of(whole) as client:
        for path in ("/inner/me", "/inner/status", "/inner", "/status", "//inner/me"):
            assert (await client.get(path, follow_redirects=True)).status_code in {401, 404}, path
        assert (await client.get("/inner/me")).status_code == 401
    async with client_of(whole, "viewer") as client:
        assert (await client.get("/inner/me")).status_code == 200
        assert (await client.post("/inner/control/pause")).status_code == 403
    async with client_of(whole, "operator") as client:
        assert (await client.post("/inner/runs", json={"a": 1})).status_code == 200


async def test_a_page_of_the_host_itself_changes_what_its_person_may(app):
    async with client_of(app, "operator", Origin="https://service") as client:
        assert (await client.post("/runs", json={"a": 1})).status_code == 200
    async with client_of(app, "operator", Origin="https://elsewhere") as client:
        assert (await client.post("/runs", json={"a": 1})).status_code == 403


async def test_numbers_that_json_has_not_are_refused_in_words(make_process):
    router = APIRouter()

    @router.post("/runs")
    def ask(body: dict[str, int]) -> None:
        """Take whole numbers."""

    async with client_of(http_app(make_process(router=router), Door(open=True))) as client:
        for text in (b'{"a": NaN}', b'{"a": Infinity}', b'{"\\ud800": NaN}'):
            answer = await client.post("/runs", content=text, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422
            assert set(answer.json()["detail"][0]) == {"type", "loc", "msg"}
        deep = await client.post(
            "/runs", content=b"[" * 100_000, headers={"Content-Type": "application/json"}
        )
        assert deep.status_code in {400, 422}


async def test_no_other_protocol_gets_past(app):
    said = []

    async def send(message):
        said.append(message["type"])

    await app({"type": "websocket", "path": "/me", "headers": []}, None, send)
    assert said == ["websocket.close"]
