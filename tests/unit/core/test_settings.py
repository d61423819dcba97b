"""`airworthy.toml`, the environment, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.errors import SettingInvalid
from airworthy.core.finding import Severity
from airworthy.core.settings import Settings, from_environment, parse, resolve
from airworthy.core.settings.layers import variables
from airworthy.core.settings.renamed import RENAMED, redirected


def test_defaults() -> None:
    assert resolve() == Settings()
    assert resolve({}, {}) == Settings()


def test_later_layers_win() -> None:
    file = parse('[serve]\nport = 9000\nhost = "0.0.0.0"\n[check]\nignore = ["disk-full"]\n', "airworthy.toml")
    environment = from_environment({"AIRWORTHY_SERVE_PORT": "9001", "AIRWORTHY_CHECK_FAIL_ON": "warning", "PATH": "/"})
    settings = resolve(file, environment, {"serve": {"port": 9002}})
    assert settings.serve.port == 9002
    assert settings.serve.host == "0.0.0.0"
    assert settings.check.fail_on is Severity.WARNING
    assert settings.check.ignore == ("disk-full",)


def test_lists_and_truth_in_the_environment() -> None:
    layer = from_environment({"AIRWORTHY_CHECK_IGNORE": "disk-full,port-in-use", "AIRWORTHY_CHECK_STRICT": "true"})
    check = resolve(layer).check
    assert check.ignore == ("disk-full", "port-in-use")
    assert check.strict is True


@pytest.mark.parametrize(
    ("text", "problem", "suggestion"),
    [
        ("[serve]\nprot = 1", "serve.prot", "serve.port"),
        ("[serv]\nport = 1", "serv", "serve"),
        ("[serve]\nqqqqqq = 1", "serve.qqqqqq", "deadline"),
        ("serve = 3", "`serve` is a table", "[serve]"),
        ("port = [", "not TOML", "mend"),
    ],
)
def test_unknown_names(text: str, problem: str, suggestion: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        parse(text, "airworthy.toml")
    assert "airworthy.toml" in caught.value.text
    assert problem in caught.value.text
    assert suggestion in caught.value.way_out


def test_unknown_variable() -> None:
    with pytest.raises(SettingInvalid, match="AIRWORTHY_SERVE_PROT") as caught:
        from_environment({"AIRWORTHY_SERVE_PROT": "1"})
    assert "serve.port" in caught.value.way_out


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("serve", "port", 65536),
        ("serve", "deadline", float("nan")),
        ("serve", "deadline", float("inf")),
        ("serve", "deadline", "nan"),
        ("serve", "port", -1),
        ("serve", "port", "many"),
        ("serve", "grpc_port", 65536),
        ("serve", "grpc_port", -1),
        ("serve.limits", "max_headers", 0),
        ("serve.limits", "max_url", 0),
        ("serve.limits", "header_timeout", 0),
        ("serve", "compress_from", -1),
        ("serve", "cors_origins", ["https://a.example.com/path"]),
        ("serve.batching", "max_rows", 0),
        ("serve.batching", "max_queue", -1),
        ("serve.limits", "max_bodies", 0),
        ("serve", "deadline", 0.0),
        ("serve", "drain", -1.0),
        ("serve.workers", "threads", -1),
        ("serve.batching", "max_tokens", -5),
        ("serve.cache", "timeout", float("nan")),
        ("serve.cache", "url", "localhost"),
        ("serve.callers", "header", "a b"),
        ("serve.generation", "cache_type", "f8"),
        ("serve", "host", 5),
        ("check", "fail_on", "fatal"),
        ("check", "strict", "perhaps"),
    ],
)
def test_values_out_of_range(table: str, name: str, value: object) -> None:
    with pytest.raises(SettingInvalid) as caught:
        resolve(_tables(table, {name: value}), source="airworthy.toml")
    assert name in caught.value.text
    assert caught.value.way_out


def _tables(path: str, values: dict[str, Any]) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        values = {name: values}
    return values


def test_a_refusal_names_the_setting_its_value_and_its_bound() -> None:
    with pytest.raises(SettingInvalid) as caught:
        resolve({"serve": {"batching": {"max_rows": 0}}}, source="airworthy.toml")
    assert caught.value.text == "airworthy.toml: `serve.batching.max_rows` is 0: Expected `int` >= 1"


@pytest.mark.parametrize("path", ["serve.admin.key", "serve.decryption.password", "serve.cache.url"])
def test_a_refusal_repeats_no_secret(path: str) -> None:
    table, _, name = path.rpartition(".")
    with pytest.raises(SettingInvalid) as caught:
        resolve(_tables(table, {name: 20261201}))
    assert path in caught.value.text
    assert "20261201" not in caught.value.text


def test_an_old_name_holds_as_the_new_one(caplog: pytest.LogCaptureFixture) -> None:
    file = parse("[serve]\nmax_batch = 4\ncache = 5\nadmin = true\nworkers = 2\nthreads = 3", "airworthy.toml")
    environment = from_environment({"AIRWORTHY_SERVE_CACHE_URL": "redis://a", "AIRWORTHY_SERVE_CALLER_RATE": "2"})
    serve = resolve(file, environment).serve
    assert (serve.batching.max_rows, serve.cache.bytes, serve.cache.url) == (4, 5, "redis://a")
    assert (serve.workers.count, serve.workers.threads, serve.callers.rate) == (2, 3, 2.0)
    assert serve.admin.enabled
    assert "event=setting_renamed old=serve.max_batch new=serve.batching.max_rows source=airworthy.toml" in caplog.text


def test_the_new_name_wins_where_both_are_given() -> None:
    file = parse("[serve]\nmax_batch = 4\n[serve.batching]\nmax_rows = 5\nmax_tokens = 6", "airworthy.toml")
    batching = resolve(file).serve.batching
    assert (batching.max_rows, batching.max_tokens) == (5, 6)


def test_every_old_name_leads_to_a_setting() -> None:
    paths = {".".join(path) for _, path in variables()}
    assert set(RENAMED.values()) <= paths
    assert not set(RENAMED) & paths


def test_every_variable_sets_its_own_setting() -> None:
    names = [name for name, _ in variables()]
    assert len(names) == len(set(names))
    for name, path in variables():
        layer: Any = from_environment({name: "1"})
        for step in path:
            layer = layer[step]
        assert layer in ("1", ["1"])


@given(st.text(max_size=200))
def test_any_text_is_settings_or_one_error(text: str) -> None:
    try:
        resolve(parse(text, "fuzz"))
    except SettingInvalid as error:
        assert error.text
        assert error.way_out


@given(
    st.dictionaries(
        st.sampled_from(["port", "host", "deadline", "max_batch", "workers", "allow_nonfinite", "batching", "cache"]),
        st.one_of(st.integers(), st.text(max_size=8), st.floats(), st.none(), st.lists(st.integers(), max_size=2)),
        max_size=3,
    )
)
def test_any_values_are_settings_or_one_error(values: dict[str, object]) -> None:
    try:
        settings = resolve(redirected({"serve": values}, "fuzz"))
    except SettingInvalid as error:
        assert error.text
    else:
        assert 0 <= settings.serve.port <= 65535
        assert settings.serve.batching.max_rows > 0


def test_what_a_machine_must_and_may_have() -> None:
    file = parse('[requirements]\ncores = 8\ncapability = "8.0"\n[policy]\naccelerators = ["H100"]\n', "airworthy.toml")
    environment = from_environment(
        {"AIRWORTHY_POLICY_DRIVERS": "535,>=550", "AIRWORTHY_REQUIREMENTS_DEVICE_MEMORY": "9"}
    )
    settings = resolve(file, environment)
    assert (settings.requirements.cores, settings.requirements.capability) == (8, "8.0")
    assert settings.requirements.device_memory == 9
    assert settings.policy.accelerators == ("H100",)
    assert settings.policy.drivers == ("535", ">=550")


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        ({"requirements": {"cores": -1}}, "requirements.cores"),
        ({"requirements": {"driver": "new"}}, "requirements.driver"),
        ({"requirements": {"capability": "sm_80"}}, "requirements.capability"),
        ({"policy": {"drivers": ["newest"]}}, "policy.drivers"),
        ({"policy": {"accelerators": [" "]}}, "policy.accelerators"),
    ],
)
def test_demands_that_mean_nothing(layer: dict[str, dict[str, object]], problem: str) -> None:
    with pytest.raises(SettingInvalid, match=problem):
        resolve(layer)
