"""Demonstration data: datasets of several types with labels and versions, seeded through the API."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from modelarts_emulator.demo import digits, scenes, shapes, sounds, tables, texts
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.seeding.login import log_in
from modelarts_emulator.seeding.object_upload import ObjectUploader
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seeder import Seeder
from modelarts_emulator.util.http_client import Client

BUCKET = "demo"
PROJECT = "demo"
_CHECKOUT = Path(__file__).parents[3]
FIXTURES = _CHECKOUT / "fixtures"
"""Handwritten digits and photographs of a checkout; an installed package does not have them."""


def plans() -> list[DatasetPlan]:
    """Return the plans of all demonstration datasets."""
    return [
        digits.plan(FIXTURES / "digits" if is_checkout() else None),
        scenes.plan(FIXTURES / "scenes" if is_checkout() else None),
        shapes.plan(),
        texts.reviews(),
        texts.people(),
        texts.inventions(),
        sounds.plan(),
        tables.plan(),
    ]


def is_checkout() -> bool:
    """Return True if this module is part of a checkout, which has the fixtures."""
    return (_CHECKOUT / "run_emulator.py").is_file() and (FIXTURES / "digits").is_dir()


def image_source() -> str:
    """Return a sentence about the origin of the digits and scenes."""
    if is_checkout():
        return f"The demo has the handwritten digits and photographs of {FIXTURES}."
    return (
        "The demo has generated digits and scenes; a checkout of the repository has handwritten ones and photographs."
    )


def seed(client: Client, uploader: ObjectUploader, user: User | None = None) -> list[str]:
    """Create the datasets that do not exist, and return three commands to try. Raises CommandFailed."""
    project = log_in(client, user, PROJECT if user is None else None)
    seeder = Seeder(client, project, uploader)
    created = {plan.name: seeder.seed(plan).dataset_id for plan in plans()}
    base = f"{client.url}/v2/{project}/datasets"
    # In strict mode a command needs the token of a login.
    curl = "curl -s" + (" -H X-Auth-Token:$TOKEN" if user else "")
    condition = quote('{"sample_name":"digit-0001"}')
    return [
        f"{curl} '{base}?with_labels=true'",
        f"{curl} '{base}/{created['digits']}/data-annotations/samples?limit=2&search_conditions={condition}'",
        f"{curl} '{base}/{created['scenes']}/data-annotations/samples?sample_state=ALL&limit=1'",
    ]
