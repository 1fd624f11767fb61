"""Names and descriptions of products, in the manner of articles.csv."""

import numpy as np

from recsys.simulate.catalogue import TYPE_NAMES, Catalogue
from recsys.simulate.vocabulary import UNKNOWN

NAMES = (
    "Nora", "Luna", "Mila", "Tyra", "Vega", "Siri", "Alba", "Elsa", "Greta", "Ines", "Juno",
    "Kaia", "Leia", "Maja", "Nova", "Olga", "Petra", "Rosa", "Saga", "Tilda", "Ursa", "Vilma",
    "Wilma", "Ylva", "Zoe", "Arvid", "Bosse", "Cesar", "Dennis", "Elton", "Felix", "Gustav",
    "Hugo", "Ivar", "Jerry", "Klas", "Ludvig", "Milo", "Nils", "Oskar", "Pelle", "Ragnar",
    "Sixten", "Ture", "Ulf", "Valter",
)  # fmt: skip
FITS = ("", "", "", "Slim", "Wide", "HW", "Basic", "Fancy", "PQ", "Relaxed", "2-pack", "Éclat")
SUFFIXES = ("", "", "", "", " (1)", " TP", " RW", " Consc.")
FABRICS = (
    "soft cotton jersey", "a crêpe weave", "cotton piqué", "washed denim", "a fine knit",
    "Tencel™ lyocell", "an airy, crinkled weave", "sturdy twill", "a viscose weave", "satin",
    "sweatshirt fabric", "organic cotton",
)  # fmt: skip
DETAILS = (
    "a round neckline", "narrow, adjustable shoulder straps", "buttons down the front",
    "a concealed zip in one side", "an elasticated drawstring waist", "gathered seams",
    "ribbing at the cuffs and hem", "a yoke at the back", "side pockets", "a rounded hem",
)  # fmt: skip
ENDINGS = (
    "", "", " Unlined.", " Lined.", " Slightly longer at the back.", " Width 2.5 cm.",
    " Slim Fit – a fit with narrow shoulders and a tapered waist.",  # noqa: RUF001
    ' Print motif that reads "Hej!" on the front.',
    " The cotton content is recycled and mirrors the body’s movement.",  # noqa: RUF001
)  # fmt: skip
#: Articles without a description: 416 of 105,542.
MISSING_SHARE = 416 / 105_542
COMMA_SHARE = 0.71


def product_texts(catalogue: Catalogue, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return each product's name and description, by position; a description may be empty."""
    first = np.unique(catalogue.product, return_index=True)[1]
    picks = rng.random((len(first), 7))
    return [
        (_name(kind, u), _description(kind, u))
        for kind, u in zip(catalogue.type[first].tolist(), picks.tolist(), strict=True)
    ]


def _pick(options: tuple[str, ...] | list[str], u: float) -> str:
    return options[int(u * len(options))]


def _kind(kind: int) -> str:
    return TYPE_NAMES[kind] if kind >= 0 else UNKNOWN


def _name(kind: int, u: list[float]) -> str:
    words = (_pick(NAMES, u[0]), _pick(FITS, u[1]), _kind(kind).split("/")[0].lower())
    name = " ".join(word for word in words if word) + _pick(SUFFIXES, u[2])
    return name.upper() if u[3] < 0.15 else name


def _description(kind: int, u: list[float]) -> str:
    if u[6] < MISSING_SHARE:
        return ""
    text = f"{_kind(kind)} in {_pick(FABRICS, u[3])} with {_pick(DETAILS, u[4])}"
    has_comma = "," in text
    if not has_comma and u[6] < COMMA_SHARE:
        text += f", {_pick(DETAILS, u[5])} and {_pick(DETAILS, (u[5] + 0.37) % 1)}"
    return f"{text}.{_pick(ENDINGS, u[2])}"
