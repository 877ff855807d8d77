import pytest

from opsconductor.logs.tenants import read_tenant
from opsconductor.model.errors import InputError, LimitError


def test_without_authentication_there_is_one_tenant():
    assert read_tenant("", auth_enabled=False) == "fake"
    assert read_tenant("acme", auth_enabled=False) == "fake"


def test_with_authentication_the_header_decides():
    assert read_tenant("acme-1.x", auth_enabled=True) == "acme-1.x"
    with pytest.raises(LimitError, match="no org id") as raised:
        read_tenant("", auth_enabled=True)
    assert raised.value.status == 401


@pytest.mark.parametrize("header", ["a|b", "a/b", "..", ".", "a b", "x" * 151, "é"])
def test_a_tenant_that_could_leave_its_folder_is_refused(header):
    with pytest.raises(InputError, match="cannot use tenant"):
        read_tenant(header, auth_enabled=True)
