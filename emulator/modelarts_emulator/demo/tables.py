"""A table of generated measurements."""

from __future__ import annotations

import math
import random

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.demo.helpers import plan_dataset
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seed_file import SeedVersion

DAYS = 60


def plan() -> DatasetPlan:
    """Plan a dataset of the weather of some days, one row each."""
    draw = random.Random(5)
    rows = ["day,temperature,humidity,rain,sky"]
    for day in range(1, DAYS + 1):
        temperature = 12 + 8 * math.sin(day / 10) + draw.uniform(-2, 2)
        rain = max(0.0, draw.gauss(0, 3))
        sky = "rain" if rain > 1 else draw.choice(["clear", "clouds"])
        rows.append(f"{day},{temperature:.1f},{draw.randint(35, 95)},{rain:.1f},{sky}")
    text = "".join(f"{row}\n" for row in rows)
    return plan_dataset(
        "weather",
        DatasetType.TABLE,
        {"weather.csv": text.encode()},
        description="Two months of weather",
        versions=[SeedVersion(name="V001")],
    )
