"""HTTP of the archive: listings, and downloads with ranges."""

import httpx
import pytest


@pytest.fixture
def client(archive) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(archive.app), base_url="http://test")


@pytest.mark.asyncio
async def test_a_file_is_downloaded_whole_and_in_ranges(archive, client) -> None:
    product = archive.product()
    archive.certify(product)
    await archive.step()
    content = b"bias-1" * 300
    async with client:
        [listed] = (await client.get("/publications", params={"instrument": "simcam"})).json()
        path = listed["access_path"]
        whole = await client.get(path)
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["etag"] == f'"{product.ref.sha256}"'
        assert whole.headers["content-type"] == "image/fits"
        assert whole.headers["accept-ranges"] == "bytes"
        assert whole.headers["content-disposition"] == 'attachment; filename="bias-1.fits"'
        part = await client.get(path, headers={"range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, content[100:200])
        assert part.headers["content-range"] == "bytes 100-199/1800"
        tail = await client.get(path, headers={"range": "bytes=-7"})
        assert (tail.status_code, tail.content) == (206, content[-7:])
        beyond = await client.get(path, headers={"range": "bytes=1800-"})
        assert beyond.status_code == 416
        assert beyond.headers["content-range"] == "bytes */1800"
        stale = await client.get(path, headers={"range": "bytes=0-9", "if-range": '"another"'})
        assert (stale.status_code, stale.content) == (200, content)
        fresh = await client.get(path, headers={"range": "bytes=0-9", "if-range": whole.headers["etag"]})
        assert fresh.status_code == 206
        known = await client.get(path, headers={"if-none-match": whole.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        head = await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == "1800"


@pytest.mark.asyncio
async def test_what_cannot_be_had_says_why(archive, client) -> None:
    archive.certify(archive.product())
    [waiting] = archive.listed()
    async with client:
        for path in ("/files/none", "/publications/none"):
            missing = await client.get(path)
            assert missing.status_code == 404
            assert "GET /publications" in missing.json()["detail"]
        early = await client.get(waiting["access_path"])
        assert early.status_code == 404
        assert "pending" in early.json()["detail"]
        await archive.step()
        shown = (await client.get(f"/publications/{waiting['id']}")).json()
        assert (shown["status"], shown["obscore"]["obs_id"]) == ("current", "bias-1")
        stored = archive.objects.root / shown["path"]
        stored.write_bytes(b"BIAS-1" * 300)  # as long as it should be
        damaged = await client.get(waiting["access_path"])
        assert (damaged.status_code, "missing or damaged" in damaged.json()["detail"]) == (503, True)
        stored.write_bytes(b"cut")
        assert (await client.get(waiting["access_path"])).status_code == 503
        stored.unlink()
        assert (await client.get(waiting["access_path"])).status_code == 503


@pytest.mark.asyncio
async def test_a_failed_publication_tells_its_reason(archive, client) -> None:
    product = archive.product()
    archive.certify(product)
    archive.objects.path_of(product.ref.uri).unlink()
    await archive.step()
    async with client:
        [failed] = (await client.get("/publications", params={"status": "failed"})).json()
        answer = await client.get(failed["access_path"])
    assert answer.status_code == 404
    assert "is missing from the object store" in answer.json()["detail"]


@pytest.mark.asyncio
async def test_the_api_describes_itself(archive) -> None:
    paths = archive.app.openapi()["paths"]
    assert {"/publications", "/publications/{publication_id}", "/files/{publication_id}"} <= paths.keys()
    assert "416" in paths["/files/{publication_id}"]["get"]["responses"]
