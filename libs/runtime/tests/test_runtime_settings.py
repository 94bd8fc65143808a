"""Settings: addresses are checked before anything is opened; secrets come from files and are never repeated."""

import os
import traceback

import pytest
from pydantic import create_model

from calibrant.runtime import addresses
from calibrant.runtime.settings import PlatformSettings, SecretsMissing, ServiceSettings, WrongSetting, chosen

SECRET = "x-7f'%s{}\\é-geheim"
"""A password with everything that is quoted somewhere."""
SECRETS = ("bus_password", "database_password", "objects_secret")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("CALIBRANT_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("bus", "localhost:9092", "kafka://HOST:PORT"),
        ("bus", "kafka://localhost", "kafka://HOST:PORT"),
        ("bus", f"kafka://me:{SECRET}@localhost:9092", "bus_username"),
        ("database", "postgres://me@localhost/calibrant", "postgresql://USER@HOST:PORT/NAME"),
        ("database", "postgresql://me@localhost", "postgresql://USER@HOST:PORT/NAME"),
        ("database", "postgresql://me@localhost:port/calibrant", "no number"),
        ("database", "postgresql://me:geheim@localhost/calibrant", "database_password"),
        ("database", "postgresql://me@localhost/calibrant?password=geheim", "database_password"),
        (
            "database",
            "postgresql://me@localhost/calibrant?sslmode=require&sslpassword=geheim",
            "database_password",
        ),
        ("objects", "bucket", "s3://BUCKET"),
        ("objects", "s3://UPPER", "s3://BUCKET"),
        ("objects_endpoint", "localhost:9000", "http://HOST:PORT"),
        ("objects_endpoint", "http://me:geheim@localhost:9000", "settings of their own"),
    ],
)
def test_a_wrong_address_is_refused_by_the_name_of_its_setting(name, text, advice):
    with pytest.raises(WrongSetting) as error:
        chosen(PlatformSettings, **{name: text})
    said = str(error.value)
    assert said.startswith(f"setting {name}: ")
    assert advice in said
    shown = "".join(traceback.format_exception(error.value))
    assert "geheim" not in shown
    assert SECRET not in shown


def test_addresses_are_taken_apart():
    assert addresses.brokers("kafka://a:1,b.c:22,[::1]:3") == "a:1,b.c:22,[::1]:3"
    assert addresses.bucket("s3://cal-1") == addresses.Bucket("cal-1", "")
    assert addresses.bucket("s3://cal-1/site/a/") == addresses.Bucket("cal-1", "site/a")


def test_a_number_out_of_range_is_named_with_what_was_given():
    with pytest.raises(WrongSetting, match=r"setting port: .* equal to 65535 \(given: 70000\)"):
        chosen(ServiceSettings, port=70000)


def test_a_variable_that_is_no_list_is_named(monkeypatch):
    monkeypatch.setenv("CALIBRANT_NUMBERS", "one, two")
    with pytest.raises(WrongSetting, match='"numbers"'):
        chosen(create_model("Numbers", __base__=PlatformSettings, numbers=(tuple[int, ...], ())))


def test_secrets_are_read_from_a_folder_and_a_variable_goes_before_a_file(tmp_path, monkeypatch):
    (tmp_path / "CALIBRANT_BUS_PASSWORD").write_text(f"{SECRET}\n")
    (tmp_path / "CALIBRANT_DATABASE_PASSWORD").write_text("file")
    monkeypatch.setenv("CALIBRANT_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("CALIBRANT_DATABASE_PASSWORD", "variable")
    settings = PlatformSettings()
    assert settings.bus_password.get_secret_value() == SECRET
    assert settings.database_password.get_secret_value() == "variable"


def test_a_folder_with_secrets_that_is_none_is_named(tmp_path):
    with pytest.raises(SecretsMissing, match=r"setting secrets_dir: there is no folder .*/none"):
        PlatformSettings(secrets_dir=tmp_path / "none")


def test_settings_show_no_secret():
    settings = PlatformSettings(**dict.fromkeys(SECRETS, SECRET))
    assert all(getattr(settings, name).get_secret_value() == SECRET for name in SECRETS)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert SECRET not in shown
        assert "geheim" not in shown
