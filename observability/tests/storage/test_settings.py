from dataclasses import fields

from opsconductor.storage.settings import StorageSettings, describe_settings


def test_every_setting_is_described_with_its_default() -> None:
    table = describe_settings()
    assert [item.name for item in table] == [item.name for item in fields(StorageSettings)]
    for item in table:
        assert item.help.endswith("."), item.name
        assert item.default == getattr(StorageSettings(), item.name)
