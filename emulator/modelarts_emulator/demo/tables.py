"""A table of measurements."""

from __future__ import annotations

import math
import random

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.demo.helpers import make
from modelarts_emulator.seeding.plan import Plan
from modelarts_emulator.seeding.seed_file import Version

DAYS = 60


def plan() -> Plan:
    """The weather of some days, a row each."""
    draw = random.Random(5)
    rows = ["day,temperature,humidity,rain,sky"]
    for day in range(1, DAYS + 1):
        temperature = 12 + 8 * math.sin(day / 10) + draw.uniform(-2, 2)
        rain = max(0.0, draw.gauss(0, 3))
        sky = "rain" if rain > 1 else draw.choice(["clear", "clouds"])
        rows.append(f"{day},{temperature:.1f},{draw.randint(35, 95)},{rain:.1f},{sky}")
    text = "".join(f"{row}\n" for row in rows)
    return make(
        "weather",
        DatasetType.TABLE,
        {"weather.csv": text.encode()},
        description="Two months of weather",
        versions=[Version(name="V001")],
    )
