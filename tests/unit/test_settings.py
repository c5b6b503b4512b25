"""Settings: read from the environment and `.env`, refused by the name of the variable."""

from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.settings import EngineName, SettingsError, describe, load_settings
from app.summary.check import MIN_SUPPORT


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*(name for name, _, _ in describe()), "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_the_defaults_are_those_of_the_design() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.engine) == ("127.0.0.1", 8000, "ollama")
    assert (settings.num_ctx, settings.max_concurrency, settings.max_queue) == (4096, 4, 1000)


def test_the_default_of_the_support_is_the_one_that_was_measured() -> None:
    assert load_settings().min_support == MIN_SUPPORT


def test_serve_offers_every_engine_that_the_settings_have() -> None:
    help_text = CliRunner().invoke(cli, ["serve", "-h"]).output
    assert f"<{'|'.join(get_args(EngineName))}>" in help_text


def test_a_variable_wins_over_a_line_in_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CONDENSER_PORT=9000\nCONDENSER_MODEL=from-file\n")
    monkeypatch.setenv("CONDENSER_PORT", "9001")
    assert (load_settings().port, load_settings().model) == (9001, "from-file")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONDENSER_PORT", "99999"),
        ("CONDENSER_PORT", "http"),
        ("CONDENSER_ENGINE", "gpu"),
        ("CONDENSER_OLLAMA_URL", "http://"),
        ("CONDENSER_NUM_CTX", "0"),
        ("CONDENSER_KEEP_ALIVE", "long"),
        ("CONDENSER_MAX_CONCURRENCY", "0"),
        ("CONDENSER_MAX_QUEUE", "-1"),
        ("CONDENSER_QUEUE_TIMEOUT_S", "nan"),
        ("CONDENSER_REQUEST_TIMEOUT_S", "0"),
        ("CONDENSER_LOCAL_USD_PER_HOUR", "-0.1"),
        ("CONDENSER_EMBEDDED_MODEL", "/no/such/file.gguf"),
        ("CONDENSER_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        load_settings()


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_PORT", "x")
    monkeypatch.setenv("CONDENSER_NUM_CTX", "x")
    with pytest.raises(SettingsError, match=r"(?s)PORT.*NUM_CTX"):
        load_settings()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        # ollama, envconfig/config_test.go, TestHost and TestConnectableHost; ports that a scheme has anyway left out
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        (":11434", "http://127.0.0.1:11434"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("example.com", "http://example.com:11434"),
        ("example.com:1234", "http://example.com:1234"),
        (":66000", "http://127.0.0.1:11434"),
        (":-1", "http://127.0.0.1:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("[::]", "http://[::1]:11434"),
        ("[::]:1234", "http://[::1]:1234"),
        ("https://0.0.0.0:4321", "https://127.0.0.1:4321"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        (' " 1.2.3.4 " ', "http://1.2.3.4:11434"),
        ("'1.2.3.4'", "http://1.2.3.4:11434"),
        ("'  '", "http://127.0.0.1:11434"),
        ("http://1.2.3.4", "http://1.2.3.4"),
        ("http://1.2.3.4:80", "http://1.2.3.4"),
        ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
        ("https://1.2.3.4", "https://1.2.3.4"),
        ("https://1.2.3.4:4321", "https://1.2.3.4:4321"),
        ("https://example.com/ollama", "https://example.com/ollama"),
        ("https://example.com/ollama/", "https://example.com/ollama"),
        ("ollama.com", "https://ollama.com"),
        # paths of APIs, which other programs want at the end of an address
        ("http://gpu1:11434/api", "http://gpu1:11434"),
        ("gpu1/v1/", "http://gpu1:11434"),
        ("https://example.com/ollama/api", "https://example.com/ollama"),
        ("http://example.com/capi", "http://example.com/capi"),
        ("http://me:secret@gpu1:1234", "http://me:secret@gpu1:1234"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert load_settings().upstream_urls == (url,)


@pytest.mark.parametrize("variable", ["OLLAMA_HOST", "CONDENSER_OLLAMA_URL"])
@pytest.mark.parametrize("value", ["http://", "two words", "ftp://gpu1", "http://gpu1:1:2"])
def test_an_invalid_ollama_address_is_refused_with_the_name_of_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=rf"^{variable}={value}: "):
        load_settings()


def test_ollama_host_does_not_win_over_a_line_in_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CONDENSER_OLLAMA_URL=http://from-file:1\n")
    monkeypatch.setenv("OLLAMA_HOST", "from-environment")
    assert load_settings().upstream_urls == ("http://from-file:1",)


@pytest.mark.parametrize("prefix", ["condenser", "//evil.example", "/a/../b", "/a b", "https://x/y", "/a?b"])
def test_a_root_path_that_is_no_path_is_refused(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_ROOT_PATH", prefix)
    with pytest.raises(SettingsError, match="CONDENSER_ROOT_PATH="):
        load_settings()


def test_a_trusted_proxy_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8, proxy.example.org")
    with pytest.raises(SettingsError, match=r"CONDENSER_TRUSTED_PROXIES=.*proxy\.example\.org"):
        load_settings()


def test_several_ollamas_are_named_as_a_single_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_OLLAMA_URLS", "gpu1, gpu2:11435,https://gpu.example/Ollama/")
    urls = ("http://gpu1:11434", "http://gpu2:11435", "https://gpu.example/Ollama")
    assert load_settings().upstream_urls == urls


def test_the_openai_engine_needs_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_ENGINE", "openai")
    with pytest.raises(SettingsError, match="CONDENSER_OPENAI_URL must be set"):
        load_settings()
    monkeypatch.setenv("CONDENSER_OPENAI_URL", "http://gpu1:8000/v1/")
    assert load_settings().openai_url == "http://gpu1:8000/v1"


@pytest.mark.parametrize("url", ["gpu1:8000", "ftp://gpu1/v1", "http://"])
def test_an_invalid_openai_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CONDENSER_OPENAI_URL", url)
    with pytest.raises(SettingsError, match="CONDENSER_OPENAI_URL="):
        load_settings()


def test_the_same_ollama_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_OLLAMA_URLS", "gpu1,http://gpu1:11434/")
    with pytest.raises(SettingsError, match=r"CONDENSER_OLLAMA_URLS.*twice"):
        load_settings()


def test_without_several_there_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_OLLAMA_URL", "http://gpu1:1")
    assert load_settings().upstream_urls == ("http://gpu1:1",)


def test_ollama_url_wins_over_ollama_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "one")
    monkeypatch.setenv("CONDENSER_OLLAMA_URL", "http://two:1")
    assert load_settings().upstream_urls == ("http://two:1",)


def test_it_does_not_listen_to_other_machines_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_HOST", "0.0.0.0")
    with pytest.raises(SettingsError, match="CONDENSER_API_KEYS"):
        load_settings()
    monkeypatch.setenv("CONDENSER_API_KEYS", "secret")
    assert [key.name for key in load_settings().api_keys] == ["key-1"]


def test_keys_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_API_KEYS", "secret-key")
    assert "secret-key" not in repr(load_settings())


def test_serve_ends_with_code_2_and_the_variable_for_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSER_PORT", "x")
    result = CliRunner().invoke(cli, ["serve"])
    assert result.exit_code == 2
    assert "CONDENSER_PORT" in result.output


def test_serve_help_lists_every_setting_with_its_default() -> None:
    help_text = " ".join(CliRunner().invoke(cli, ["serve", "--help"]).output.split())
    for name, default, _ in describe():
        assert f"{name} (default: {default})" in help_text
