import pytest

from pd_e2e.engine.settings import Settings, SettingsError


def test_nothing_set_gives_the_manners_of_the_real_server() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert settings.waiting_timeout_seconds == settings.bootstrap_timeout_seconds == 300
    assert (settings.prefill_attempts, settings.sigterm_poll_seconds) == (15, 5)
    assert (settings.heartbeat_seconds, settings.heartbeat_failures) == (5, 2)


def test_each_side_is_read_under_its_own_name() -> None:
    settings = Settings.from_environment(
        {
            "PD_ENGINE_PROFILE": "llama-3.1-70b-h100",
            "PD_ENGINE_TRANSFER_GIGABITS_PER_SECOND": "100",
            "PD_ENGINE_TIME_SCALE": "0.5",
            "SGLANG_DISAGGREGATION_WAITING_TIMEOUT": "30",
            "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "0",
        }
    )
    assert settings.profile == "llama-3.1-70b-h100"
    assert settings.transfer_bytes_per_second == 12.5e9
    assert settings.time_scale == 0.5
    assert settings.waiting_timeout_seconds == 30
    assert not settings.health_generates


def test_heartbeats_have_a_floor() -> None:
    settings = Settings.from_environment({"SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL": "0.1"})
    assert settings.heartbeat_seconds == 2.0


@pytest.mark.parametrize(
    ("text", "fault"),
    [("never_ready", {"kind": "never_ready"}), ('{"kind":"slow","factor":3}', None), ("", None)],
)
def test_a_fault_is_a_word_or_json(text: str, fault: dict[str, object] | None) -> None:
    settings = Settings.from_environment({"PD_ENGINE_FAULT": text})
    if text.startswith("{"):
        fault = {"kind": "slow", "factor": 3}
    assert settings.fault == fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PD_ENGINE_TIME_SCALE", "0"),
        ("PD_ENGINE_STARTUP_SECONDS", "soon"),
        ("PD_ENGINE_STARTUP_SECONDS", "-1"),
        ("PD_ENGINE_FAULT", "{nonsense"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})
