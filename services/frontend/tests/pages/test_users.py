def test_an_administrator_manages_users(ada, apis):
    page = ada.submit("/users", username="otto", password=" p ", role="operator")
    assert page.url.path == "/users"
    assert "otto" in page.text
    assert apis.users[-1]["password"] == " p "
    assert 'action="/users/1/delete"' not in page.text
    ada.submit("/users/3/delete")
    assert [user["username"] for user in apis.users] == ["ada", "vera"]


def test_a_refused_user_says_why_without_showing_the_password(ada, apis, alert):
    apis.broken["api/auth/users"] = 403
    page = ada.get("/users")
    assert page.status_code == 403
    assert "cannot serve" in alert(page)
