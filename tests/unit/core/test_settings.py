"""`airworthy.toml`, the environment, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.errors import SettingInvalid
from airworthy.core.finding import Severity
from airworthy.core.settings import Settings, from_environment, parse, resolve


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
        ("serve", "port", -1),
        ("serve", "port", "many"),
        ("serve", "grpc_port", 65536),
        ("serve", "grpc_port", -1),
        ("serve", "max_headers", 0),
        ("serve", "max_url", 0),
        ("serve", "header_timeout", 0),
        ("serve", "compress_from", -1),
        ("serve", "cors_origins", ["https://a.example.com/path"]),
        ("serve", "max_batch", 0),
        ("serve", "max_queue", -1),
        ("serve", "max_bodies", 0),
        ("serve", "deadline", 0.0),
        ("serve", "drain", -1.0),
        ("serve", "threads", -1),
        ("serve", "host", 5),
        ("check", "fail_on", "fatal"),
        ("check", "strict", "perhaps"),
    ],
)
def test_values_out_of_range(table: str, name: str, value: object) -> None:
    with pytest.raises(SettingInvalid) as caught:
        resolve({table: {name: value}}, source="airworthy.toml")
    assert name in caught.value.text
    assert caught.value.way_out


@given(st.text(max_size=200))
def test_any_text_is_settings_or_one_error(text: str) -> None:
    try:
        resolve(parse(text, "fuzz"))
    except SettingInvalid as error:
        assert error.text
        assert error.way_out


@given(
    st.dictionaries(
        st.sampled_from(["port", "host", "deadline", "max_batch", "workers", "allow_nonfinite"]),
        st.one_of(st.integers(), st.text(max_size=8), st.floats(), st.none(), st.lists(st.integers(), max_size=2)),
        max_size=3,
    )
)
def test_any_values_are_settings_or_one_error(values: dict[str, object]) -> None:
    try:
        settings = resolve({"serve": values})
    except SettingInvalid as error:
        assert error.text
    else:
        assert 0 <= settings.serve.port <= 65535
        assert settings.serve.max_batch > 0


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
