"""Steps of tests that take exposures with a camera: a run is begun, time passes, a person acts."""

from sequencer_world import Delivery

NS = 1_000_000_000


def begun(kit, *times_s, **fields):
    world = kit.world()
    fields = {"min_frames": {"bias": 1}} | fields
    world.request(kit.request(exposures=(kit.exposures("BIAS", *(times_s or (0.0,) * 4)),), **fields))
    return world


def wait(world, seconds):
    """Let time pass and the timer look."""
    world.clock.now += round(seconds * NS)
    return world.service.look_after()


def brought(world, state):
    """Let a person bring the camera into a state, and the sequencer hear of it before anything else."""
    world.camera.state = state
    source, message = world.camera.tell()
    world.deliver(Delivery(source, message, "", f"a person: {state.name}"))
