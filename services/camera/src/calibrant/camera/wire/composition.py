"""From settings to the camera's place on SAL."""

from __future__ import annotations

from pathlib import Path

from calibrant.bus.kafka import KafkaSecurity
from calibrant.camera.service import CameraService
from calibrant.camera.wire.adapter import SalAdapter
from calibrant.camera.wire.settings import SalSettings
from calibrant.runtime.platform import Platform
from calibrant.runtime.settings import WrongSetting
from calibrant.sal.wire import read_component
from calibrant.sal.wire.link import SalPlace


def sal_adapter(
    settings: SalSettings, interfaces: Path, service: CameraService, platform: Platform
) -> SalAdapter:
    """Read the interface files and make the adapter; nothing is reached before it runs.

    Raises
    ------
    WrongSetting
        Brokers or registry are not named.
    InterfaceError
        The interface files are missing or wrong, or have no such component.
    """
    for name in ("sal_brokers", "sal_registry"):
        if not getattr(settings, name):
            raise WrongSetting(f"setting {name}: needed with sal_interfaces")
    security = KafkaSecurity(settings.sal_username, settings.sal_password.get_secret_value(), settings.sal_ca)
    place = SalPlace(
        settings.sal_brokers,
        settings.sal_registry,
        settings.sal_subname,
        settings.sal_index,
        settings.sal_replication,
        security,
    )
    return SalAdapter(service, platform, read_component(interfaces, settings.sal_component), place)
