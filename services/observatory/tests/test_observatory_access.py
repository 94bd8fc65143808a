"""Every route of every service needs a role, and the roles that do not have it get 403: found by looking at the apps."""

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from calibrant.camera.store import CameraQueries
from calibrant.observatory.composition import SERVICES, observatory
from calibrant.observatory.http import observatory_app
from calibrant.runtime.access.door import door_of
from calibrant.runtime.access.roles import Role, held, rule_for
from calibrant.runtime.testing.issuer import Issuer

ISSUER = Issuer()
NEEDED = {
    "commands": Role.OPERATOR,
    "runs": Role.OPERATOR,
    "queue": Role.OPERATOR,
    "control": Role.OPERATOR,
    "dead-letters": Role.OPERATOR,
    "decisions": Role.CERTIFIER,
    "changes": Role.CERTIFIER,
}
"""What a route that changes something needs, by the first part of its path; written down once more, to compare."""


def routes_of(app):
    """Return method and path of every route that is served, documentation included."""
    found = {
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        if not isinstance(context, Mount)
        for method in getattr(context, "methods", None) or ()
    }
    assert ("GET", "/openapi.json") in found  # the looking works
    assert ("GET", "/status") in found
    return sorted(found)


def needed(method, path):
    first = path.split("/")[1]
    if method in {"GET", "HEAD"}:
        return Role.ADMIN if first == "audit" else Role.VIEWER
    return NEEDED[first]


@pytest_asyncio.fixture
async def whole(settings, tmp_path):
    guarded = settings.model_copy(update=ISSUER.settings(tmp_path / "jwks.json"))
    async with observatory(guarded, SERVICES) as running:
        transport = httpx.ASGITransport(
            observatory_app(running, door_of(guarded)), raise_app_exceptions=False
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://calibrant") as client:
            yield running, transport.app, client


@pytest.mark.asyncio
async def test_every_route_of_every_service_needs_its_role_and_no_less(whole):
    running, outer, client = whole
    bearers = {role: {"Authorization": f"Bearer {ISSUER.token(role.value)}"} for role in Role}
    asked = 0
    for prefix, app in [("", outer), *((f"/{name}", app) for name, app in running.apps.items())]:
        for method, path in routes_of(app):
            assert rule_for(method, path) is not None, f"{method} {prefix}{path}: no rule names its role"
            url = prefix + path.replace("{", "").replace("}", "")
            assert (await client.request(method, url)).status_code == 401, f"{method} {url}"
            for role, headers in bearers.items():
                if path == "/control/drain" and role is Role.ADMIN:
                    continue  # operators have drained it already
                body = {} if method == "POST" else None
                answer = await client.request(method, url, headers=headers, json=body)
                barred = needed(method, path) not in held([role])
                assert (answer.status_code == 403) is barred, f"{method} {url} as {role}: {answer.text}"
                asked += 1
    assert asked > 300


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ["viewer", "certifier"])
async def test_a_command_of_who_may_not_is_answered_noperm_on_record_and_takes_no_identifier(whole, role):
    running, _, client = whole
    may_not = {"Authorization": f"Bearer {ISSUER.token(role, sub='eve')}"}
    may = {"Authorization": f"Bearer {ISSUER.token('operator', sub='olga')}"}
    admin = {"Authorization": f"Bearer {ISSUER.token('admin')}"}
    refused = await client.post("/camera/commands/start", headers=may_not, json={"command_id": "c-1"})
    assert (refused.status_code, refused.json()["ack"], refused.json()["code"]) == (
        403,
        "NO_PERMISSION",
        -300,
    )
    assert "needs the role operator; eve has" in refused.json()["result"]
    assert (await client.get("/camera/commands/c-1", headers=admin)).status_code == 404
    taken = await client.post("/camera/commands/start", headers=may, json={"command_id": "c-1"})
    assert (taken.status_code, taken.json()["ack"]) == (202, "COMPLETE")
    again = await client.post("/camera/commands/start", headers=may_not, json={"command_id": "c-1"})
    assert again.json() == taken.json()  # known: answered as before, and nothing else happens
    forged = await client.post("/camera/commands/enable", headers=may, json={"identity": "root"})
    assert forged.status_code == 422
    rows = (await client.get("/camera/audit", headers=admin)).json()
    assert [(row["who"], row["about"], row["outcome"].split(":")[0]) for row in reversed(rows)] == [
        ("eve", "c-1", "not permitted"),
        ("olga", "c-1", "changes state"),
        ("eve", "c-1", "repeated"),
    ]
    with running.process("camera").database.reading() as session:
        assert len(CameraQueries(session).acks("c-1")) == 1


@pytest.mark.asyncio
async def test_a_command_without_a_body_is_judged_by_the_role_first(whole):
    _, _, client = whole
    may_not = {"Authorization": f"Bearer {ISSUER.token('viewer', sub='eve')}"}
    refused = await client.post("/camera/commands/enable", headers=may_not)
    assert (refused.status_code, refused.json()["ack"]) == (403, "NO_PERMISSION")
    admin = {"Authorization": f"Bearer {ISSUER.token('admin', sub='ada')}"}
    taken = await client.post("/camera/commands/start", headers=admin)
    assert (taken.status_code, taken.json()["ack"]) == (202, "COMPLETE")
    rows = (await client.get("/camera/audit", headers=admin)).json()
    assert [(row["who"], row["what"], row["outcome"].split(":")[0]) for row in reversed(rows)] == [
        ("eve", "command enable", "not permitted"),
        ("ada", "command start", "changes state"),
    ]


@pytest.mark.asyncio
async def test_a_run_is_of_who_has_asked_for_it(whole, tmp_path):
    _, _, client = whole
    headers = {"Authorization": f"Bearer {ISSUER.token('operator', sub='olga')}"}
    order = {"instrument": "simcam-tiny", "run_id": "night-1", "folder": str(tmp_path)}
    forged = await client.post("/sequencer/runs", headers=headers, json=order | {"requested_by": "root"})
    assert forged.status_code == 422
    asked = await client.post("/sequencer/runs", headers=headers, json=order)
    assert asked.status_code == 202, asked.text
    assert (await client.post("/sequencer/runs/night-1/stop", headers=headers)).status_code == 200
    admin = {"Authorization": f"Bearer {ISSUER.token('admin')}"}
    rows = (await client.get("/sequencer/audit", headers=admin)).json()
    assert [(row["who"], row["what"], row["about"], row["run"]) for row in reversed(rows)] == [
        ("olga", "request run", "night-1", "night-1"),
        ("olga", "stop run", "night-1", "night-1"),
    ]
