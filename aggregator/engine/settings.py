"""How the engine takes what agents send."""

from __future__ import annotations

from pydantic import Field

from common.settings import Settings


class EngineSettings(Settings):
    """Batches, queues and what is refused."""

    queue: int = Field(
        default=8000, ge=1, le=1_000_000,
        description="messages that wait for the engine at most; beyond it agents are made to wait")
    queue_mb: int = Field(
        default=256, ge=1, description="MiB of messages that wait for the engine at most; beyond it agents are made to "
                                       "wait too. A single message is 4 MiB at most")
    batch: int = Field(
        default=4000, ge=1, le=100_000, description="messages that are written in one transaction at most")
    gather_s: float = Field(
        default=0.05, ge=0, le=5,
        description="seconds to wait for more messages after the first: one write to disk serves them all")
    resolve_every_s: float = Field(
        default=10.0, gt=0, le=86400,
        description="seconds between repairs of the recent past; more where one takes longer than a tenth of that")
    measure_index_every_s: float = Field(
        default=600.0, gt=0, le=86400,
        description="seconds between measurements of how much of the right answer searching finds")
    max_clock_ahead_s: float = Field(
        default=86400.0, ge=0,
        description="what lies further in the future than so many seconds is refused; recordings that are replayed "
                    "faster than they were taken run ahead of the clock")
    quiet_s: float = Field(
        default=60.0, ge=0, le=86400,
        description="an hour of the past is added up once nothing new came in for it for so many seconds; until then "
                    "its numbers are counted whenever they are asked for")
    agent_timeout_s: float = Field(
        default=10.0, gt=0,
        description="seconds of silence after which an agent counts as gone and its cameras may go to another")
    retry_least_s: float = Field(
        default=0.5, gt=0, description="seconds before a write that failed (disk full) is tried again, at first")
    retry_most_s: float = Field(default=3.0, gt=0, description="the same, after many failures")
