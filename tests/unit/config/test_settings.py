import pytest

from modelarts_emulator.config.settings import Settings, UsageError, read_settings
from modelarts_emulator.iam.accounts import AccessKey, AccountProject, User


def refused(*arguments: str, **environment: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_settings(arguments, {f"MODELARTS_EMULATOR_{name}": value for name, value in environment.items()})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_read_settings_defaults() -> None:
    settings = read_settings([], {})
    assert settings == Settings()
    assert (settings.host, settings.auth, settings.strict, settings.cors) == ("127.0.0.1", "open", False, ())


def test_read_settings_users_keys_and_origins() -> None:
    arguments = ["--auth", "strict", "--user", "alice:pw:red", "--user", "bob:p:w", "--access-key", "AK:s:k:alice"]
    settings = read_settings([*arguments, "--cors", "HTTP://localhost:3000/", "--cors", "*"], {})
    assert settings.strict
    assert settings.users == (
        User("alice", password="pw", project=AccountProject.named("red")),
        User("bob", password="p", project=AccountProject.named("w")),
    )
    assert settings.access_keys == (AccessKey("AK", "s:k", "alice"),)
    assert settings.cors == ("http://localhost:3000", "*")
    assert settings.accounts().strict


def test_read_settings_option_overrides_environment() -> None:
    environment = {
        "MODELARTS_EMULATOR_USER": "alice:old;bob:pw",
        "MODELARTS_EMULATOR_AUTH": "strict",
        "MODELARTS_EMULATOR_CORS": "http://a.example;http://b.example",
    }
    settings = read_settings(["--user", "alice:new", "--auth", "open"], environment)
    assert [(user.name, user.password) for user in settings.users] == [("alice", "new"), ("bob", "pw")]
    assert settings.auth == "open"
    assert settings.cors == ("http://a.example", "http://b.example")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--auth", "closed"], "closed"),
        (["--auth", "strict"], "--user"),
        (
            ["--auth", "strict", "--user", "alice:secret", "--access-key", "AK:secret:bob"],
            "'bob', who is not configured",
        ),
        (["--user", "secret"], "NAME:PASSWORD"),
        (["--access-key", "AK:secret"], "AK:SK:USER"),
        (["--usr", "alice:secret"], "--usr"),
        (["--usr=alice:secret"], "--usr"),
        (["--us", "alice:secret"], "--us"),
        (["--cors", "localhost:3000"], "'localhost:3000'"),
        (["--cors", "http://localhost/page"], "not an origin"),
        (["--public-url", "modelarts.example"], "'modelarts.example' is not a URL"),
        (["--public-url", "http://host:port"], "is not a URL"),
        (["--public-url", "http://host:99999"], "is not a URL"),
        (["--public-url", "http://user:pass@host"], "is not a URL"),
        (["--public-url", "http://host?x"], "is not a URL"),
    ],
)
def test_read_settings_error_has_no_secret(arguments: list[str], says: str) -> None:
    line = refused(*arguments)
    assert says in line
    assert "secret" not in line


def test_read_settings_environment_secrets_are_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert "secret" not in refused(USER="secret")
    environment = {"MODELARTS_EMULATOR_USER": "alice:secret", "MODELARTS_EMULATOR_ACCESS_KEY": "AK:secret:alice"}
    with pytest.raises(SystemExit):
        read_settings(["--help"], environment)
    assert "secret" not in capsys.readouterr().out
    assert "secret" not in repr(read_settings([], environment))


def test_settings_in_a_program_are_checked() -> None:
    with pytest.raises(UsageError, match="--user"):
        Settings(auth="strict")
    with pytest.raises(UsageError, match="alice is given twice"):
        Settings(users=(User("alice", password="a"), User("alice", password="b")))


def test_read_settings_public_url_has_no_final_slash() -> None:
    assert read_settings(["--public-url", "https://host/base/"], {}).public_url == "https://host/base"
