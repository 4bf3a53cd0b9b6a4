"""Everything that is not on the command line: the simulator's own settings, from the environment.

The command line stays that of the real server. What SGLang itself reads from the environment
keeps SGLang's name; what only the simulator knows starts with `PD_ENGINE_`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


class SettingsError(ValueError):
    """An environment variable has a value that means nothing."""


@dataclass(frozen=True)
class Settings:
    """Simulator and SGLang settings. All times are seconds.

    - `profile`: name of a bundled profile, or path of a profile's JSON file.
    - `startup_seconds`: process start to ready, of which the last `warmup_seconds` answer 503;
      before them nothing listens on the API port, as while SGLang loads weights.
    - `startup_jitter`: start-up is drawn from 1 plus or minus this share, by `seed`.
    - `transfer_bytes_per_second`, `transfer_base_seconds`: the prefill's link to the decodes.
    - `time_scale`: all simulated times are multiplied by this.
    - `sigterm_poll_seconds`: how often a stopping server looks whether its table is empty.
    - `prefill_attempts`, `prefill_attempt_seconds`: how a decode tries an unknown prefill.
    """

    profile: str = "llama-3.1-8b-h100"
    startup_seconds: float = 1.0
    startup_jitter: float = 0.0
    warmup_seconds: float = 0.5
    transfer_bytes_per_second: float = 200e9 / 8
    transfer_base_seconds: float = 0.002
    time_scale: float = 1.0
    seed: int = 0
    role_switch_seconds: float = 0.4
    sigterm_poll_seconds: float = 5.0
    prefill_attempts: int = 15
    prefill_attempt_seconds: float = 1.0
    fault: Mapping[str, Any] | None = None
    bootstrap_timeout_seconds: float = 300.0
    waiting_timeout_seconds: float = 300.0
    heartbeat_seconds: float = 5.0
    heartbeat_failures: int = 2
    health_timeout_seconds: float = 20.0
    health_generates: bool = True
    force_shutdown: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read all settings; `SettingsError` names the variable that is wrong."""
        read = _Reader(environ)
        gigabits = read.number("PD_ENGINE_TRANSFER_GIGABITS_PER_SECOND", 200.0, above=0.0)
        return cls(
            profile=environ.get("PD_ENGINE_PROFILE", cls.profile),
            startup_seconds=read.number("PD_ENGINE_STARTUP_SECONDS", cls.startup_seconds),
            startup_jitter=read.number("PD_ENGINE_STARTUP_JITTER", cls.startup_jitter),
            warmup_seconds=read.number("PD_ENGINE_WARMUP_SECONDS", cls.warmup_seconds),
            transfer_bytes_per_second=gigabits * 1e9 / 8,
            transfer_base_seconds=read.number(
                "PD_ENGINE_TRANSFER_BASE_SECONDS", cls.transfer_base_seconds
            ),
            time_scale=read.number("PD_ENGINE_TIME_SCALE", cls.time_scale, above=0.0),
            seed=int(read.number("PD_ENGINE_SEED", cls.seed)),
            role_switch_seconds=read.number(
                "PD_ENGINE_ROLE_SWITCH_SECONDS", cls.role_switch_seconds
            ),
            sigterm_poll_seconds=read.number(
                "PD_ENGINE_SIGTERM_POLL_SECONDS", cls.sigterm_poll_seconds
            ),
            prefill_attempts=int(
                read.number("PD_ENGINE_PREFILL_ATTEMPTS", cls.prefill_attempts, above=0.0)
            ),
            prefill_attempt_seconds=read.number(
                "PD_ENGINE_PREFILL_ATTEMPT_SECONDS", cls.prefill_attempt_seconds
            ),
            fault=read.fault("PD_ENGINE_FAULT"),
            bootstrap_timeout_seconds=read.number(
                "SGLANG_DISAGGREGATION_BOOTSTRAP_TIMEOUT", cls.bootstrap_timeout_seconds
            ),
            waiting_timeout_seconds=read.number(
                "SGLANG_DISAGGREGATION_WAITING_TIMEOUT", cls.waiting_timeout_seconds
            ),
            heartbeat_seconds=max(
                2.0, read.number("SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL", cls.heartbeat_seconds)
            ),
            heartbeat_failures=max(
                1,
                int(
                    read.number(
                        "SGLANG_DISAGGREGATION_HEARTBEAT_MAX_FAILURE", cls.heartbeat_failures
                    )
                ),
            ),
            health_timeout_seconds=read.number(
                "SGLANG_HEALTH_CHECK_TIMEOUT", cls.health_timeout_seconds
            ),
            health_generates=read.flag("SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION", default=True),
            # SGLang 0.5.23 really reads this one without its usual prefix.
            force_shutdown=read.flag("SGL_FORCE_SHUTDOWN", default=False),
        )


@dataclass(frozen=True)
class _Reader:
    environ: Mapping[str, str]

    def number(self, name: str, default: float, above: float | None = None) -> float:
        text = self.environ.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            raise SettingsError(f"{name}={text!r} is not a number") from None
        if value < 0 or (above is not None and value <= above):
            raise SettingsError(f"{name}={text!r} is too small")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.environ.get(name)
        return default if text is None else text.lower() in ("1", "true", "yes", "y")

    def fault(self, name: str) -> Mapping[str, Any] | None:
        """A fault's kind alone (`never_ready`) or the JSON that `/pd_engine/fault` takes."""
        text = self.environ.get(name)
        if not text:
            return None
        if not text.startswith("{"):
            return {"kind": text}
        try:
            fault = json.loads(text)
        except json.JSONDecodeError as error:
            raise SettingsError(f"{name} is not JSON: {error}") from None
        return dict(fault)
