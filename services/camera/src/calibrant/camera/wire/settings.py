"""Settings of the camera as a component of SAL. Owns what they mean together."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from calibrant.runtime.settings import ServiceSettings


class SalSettings(ServiceSettings):
    """Where and as whom the camera speaks SAL over Kafka; without interface files it does not."""

    sal_interfaces: Path | None = Field(
        default=None,
        description="Folder with SAL's interface files, such as a checkout of ts_xml; given: the camera is commanded "
        "and tells its events over SAL, too.",
    )
    sal_component: str = Field(default="ATCamera", description="Component of those files that the camera is.")
    sal_index: int = Field(default=0, ge=0, description="Its number, where the component is indexed.")
    sal_subname: str = Field(
        default="test", description="Second word of SAL's topics (LSST_TOPIC_SUBNAME): sal in production."
    )
    sal_brokers: str = Field(default="", description="SAL's Kafka: HOST:PORT[,HOST:PORT].")
    sal_registry: str = Field(default="", description="SAL's schema registry: http://HOST:PORT.")
    sal_replication: int = Field(
        default=1, ge=1, description="On how many brokers each topic of SAL that is made is kept."
    )
    sal_username: str = Field(
        default="", description="SASL/SCRAM-SHA-512 user of SAL's Kafka; empty: none is asked for."
    )
    sal_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    sal_ca: Path | None = Field(
        default=None,
        description="File with the certificates (PEM) that SAL's brokers are checked against; given: TLS is used.",
    )
