"""Sound classification: short generated sounds."""

from __future__ import annotations

import array
import io
import math
import random
import sys
import wave
from collections.abc import Callable

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.demo.helpers import plan_dataset
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seed_file import SeedSample, SeedVersion

RATE, SECONDS, EACH, LABELLED = 8000, 0.8, 4, 3
_AMPLITUDE = 12_000


def plan() -> DatasetPlan:
    """Plan a dataset of tones, chirps and noise; the last of each has no label."""
    draw = random.Random(4)
    waves: dict[str, Callable[[float, float], float]] = {
        "tone": lambda time, pitch: math.sin(2 * math.pi * pitch * time),
        "chirp": lambda time, pitch: math.sin(2 * math.pi * pitch * time * (1 + time)),
        "noise": lambda time, pitch: draw.uniform(-1, 1) * math.exp(-4 * time),
    }
    files: dict[str, bytes] = {}
    samples = []
    for name, at in waves.items():
        for number in range(EACH):
            file = f"{name}-{number}.wav"
            files[file] = _wav(at, 220.0 * (number + 2))
            if number < LABELLED:
                samples.append(SeedSample(file=file, labels=[name]))
    return plan_dataset(
        "sounds",
        DatasetType.SOUND_CLASSIFICATION,
        files,
        description="Tones, chirps and noise",
        labels=list(waves),
        samples=samples,
        versions=[SeedVersion(name="V001")],
    )


def _wav(at: Callable[[float, float], float], pitch: float) -> bytes:
    values = array.array("h", (int(_AMPLITUDE * at(step / RATE, pitch)) for step in range(int(RATE * SECONDS))))
    if sys.byteorder == "big":
        values.byteswap()
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(values.tobytes())
    return out.getvalue()
