"""What the sequencer's tests are given: the scripted world, and the messages it is made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sequencer_answers import CameraScript, Script
from sequencer_messages import (
    T0,
    certified_of,
    certified_product,
    exposures,
    frame_of,
    frames_of,
    product_of,
    ref_of,
    request_of,
)
from sequencer_world import World

from calibrant.runtime.testing.databases import DatabaseSite


@dataclass(frozen=True)
class Kit:
    """What tests need of this file."""

    world: Callable[..., World]
    folder: str
    Script = Script
    CameraScript = CameraScript
    World = World
    frame = staticmethod(frame_of)
    frames = staticmethod(frames_of)
    request = staticmethod(request_of)
    exposures = staticmethod(exposures)
    product = staticmethod(product_of)
    certified = staticmethod(certified_of)
    certified_product = staticmethod(certified_product)
    ref = staticmethod(ref_of)
    t0 = T0


@pytest.fixture
def makers() -> type[Kit]:
    """Return what of this file needs no database."""
    return Kit


@pytest.fixture
def kit(tmp_path, database_site) -> Iterator[Kit]:
    """The scripted world and the things it is made of; ``folder`` exists and is not empty."""
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "a.fits").write_bytes(b"x")
    made: list[World] = []

    def world(*args, **fields) -> World:
        home = tmp_path / f"world-{len(made)}"
        home.mkdir()
        schema = f"world_{len(made)}"
        site = None if database_site.is_file else DatabaseSite(database_site.url, schema)
        made.append(World(home, *args, site=site, **fields))
        return made[-1]

    yield Kit(world, str(frames))
    for each in made:
        each.database.close()
