"""Text datasets: classification, named entities and triplets."""

from __future__ import annotations

from collections.abc import Iterable

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.demo.helpers import plan_dataset
from modelarts_emulator.seeding.folder_plan import TEXTS_FILE
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seed_file import SeedAnnotation, SeedSample, SeedVersion

_REVIEWS = {
    "The camera takes sharp pictures even at night.": "positive",
    "The battery was empty after an hour.": "negative",
    "It arrived on Tuesday in a brown box.": "neutral",
    "Easy to set up, and quiet as well.": "positive",
    "The screen had a scratch when I opened it.": "negative",
    "Warm, light, and it fits.": "positive",
    "The manual has forty pages.": "neutral",
    "After a week the handle came off.": "negative",
    "My daughter has not put it down since.": "positive",
    "It is blue.": "neutral",
    "The seams opened in the first wash.": "negative",
    "I would buy it again at once.": "positive",
    "Sounds better than the one twice its price.": "",
    "Nobody answers the telephone there.": "",
    "The colour is not that of the picture.": "",
    "It weighs two kilograms.": "",
}
# Sentences with their entities: a label, and the words that it covers.
_PEOPLE = {
    "Ada Lovelace met Charles Babbage in London.": ["person Ada Lovelace", "person Charles Babbage", "place London"],
    "Marie Curie was born in Warsaw and worked in Paris.": ["person Marie Curie", "place Warsaw", "place Paris"],
    "Alan Turing studied at Cambridge in 1931.": ["person Alan Turing", "place Cambridge", "year 1931"],
    "In 1969 Neil Armstrong walked on the Moon.": ["year 1969", "person Neil Armstrong", "place Moon"],
    "Grace Hopper was born in New York in 1906.": ["person Grace Hopper", "place New York", "year 1906"],
    "Emmy Noether taught in Göttingen.": ["person Emmy Noether", "place Göttingen"],
    "Lise Meitner left Berlin in 1938.": [],
    "Johannes Kepler looked at Mars from Prague.": [],
}
_INVENTIONS = {
    "Alexander Bell invented the telephone.": ("Alexander Bell", "telephone"),
    "Karl Drais invented the bicycle.": ("Karl Drais", "bicycle"),
    "Hedy Lamarr invented frequency hopping.": ("Hedy Lamarr", "frequency hopping"),
    "James Dyson improved the vacuum cleaner.": None,
}


def reviews() -> DatasetPlan:
    """Plan a dataset of product reviews, with a version."""
    labelled = [SeedSample(text=text, labels=[name]) for text, name in _REVIEWS.items() if name]
    return plan_dataset(
        "reviews",
        DatasetType.TEXT_CLASSIFICATION,
        {TEXTS_FILE: _lines(_REVIEWS)},
        description="Product reviews",
        labels=["positive", "negative", "neutral"],
        samples=labelled,
        versions=[SeedVersion(name="V001", description="twelve reviews")],
    )


def people() -> DatasetPlan:
    """Plan a dataset of sentences with their entities."""
    samples = [
        SeedSample(text=text, labels=[_entity(text, *found.split(" ", 1)) for found in entities])
        for text, entities in _PEOPLE.items()
        if entities
    ]
    return plan_dataset(
        "people",
        DatasetType.NAMED_ENTITY,
        {TEXTS_FILE: _lines(_PEOPLE)},
        description="Persons, places and years in sentences",
        labels=["person", "place", "year"],
        samples=samples,
    )


def inventions() -> DatasetPlan:
    """Plan a dataset of sentences with two entities and their relation."""
    samples = []
    for text, found in _INVENTIONS.items():
        if found:
            named = zip(("inventor", "invention"), found, strict=True)
            inventor, invention = (_entity(text, kind, words, id=kind, type=103) for kind, words in named)
            ends = {"@modelarts:from": "inventor", "@modelarts:to": "invention"}
            samples.append(
                SeedSample(
                    text=text, labels=[inventor, invention, SeedAnnotation(name="invented", type=102, property=ends)]
                )
            )
    return plan_dataset(
        "inventions",
        DatasetType.TEXT_TRIPLET,
        {TEXTS_FILE: _lines(_INVENTIONS)},
        description="Inventors and inventions",
        samples=samples,
    )


def _entity(text: str, name: str, words: str, *, id: str | None = None, type: int | None = None) -> SeedAnnotation:
    start = text.index(words)
    return SeedAnnotation(name=name, start=start, end=start + len(words), id=id, type=type)


def _lines(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
