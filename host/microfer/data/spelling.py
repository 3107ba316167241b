"""How people spell FER-2013's classes and splits in folder names, file names and CSV cells."""

from collections.abc import Sequence

from microfer.contract import LABELS, NUM_CLASSES

_CLASS_SYNONYMS = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
}

_SPLITS = {
    "train": ("Training",),
    "training": ("Training",),
    "val": ("PublicTest", "PrivateTest"),
    "valid": ("PublicTest", "PrivateTest"),
    "validation": ("PublicTest", "PrivateTest"),
    "public": ("PublicTest",),
    "publictest": ("PublicTest",),
    "private": ("PrivateTest",),
    "privatetest": ("PrivateTest",),
    "test": ("unknown", "PublicTest", "PrivateTest"),
    "testing": ("unknown", "PublicTest", "PrivateTest"),
    "unknown": ("unknown",),
}

_PREFIXES = {"training": "Training", "publictest": "PublicTest", "privatetest": "PrivateTest"}

SPLIT_HELP = "train, validation, test, public_test or private_test"
CLASS_HELP = "angry, disgust, fear, happy, sad, surprise or neutral"

MEANINGS = {
    name: dict(enumerate(order.split(), first))
    for name, first, order in (
        ("FER-2013", 0, " ".join(LABELS)),
        ("FER+", 0, "neutral happiness surprise sadness anger disgust fear contempt"),
        ("RAF-DB", 1, "surprise fear disgust happiness sadness anger neutral"),
        ("AffectNet", 0, "neutral happiness sadness surprise fear disgust anger contempt"),
        ("CK+", 0, "neutral anger contempt disgust fear happiness sadness surprise"),
    )
}
"""What the digits mean that public data sets have for classes."""


def digits_help(digits: Sequence[int], file: str) -> str:
    """Return why folders that are called by digits are not read, what they mean where, and how to say it in `file`."""
    fitting = {name: order for name, order in MEANINGS.items() if set(digits) <= order.keys()}
    meanings = "; ".join(
        f"{name}: " + ", ".join(f"{digit} {order[digit]}" for digit in digits) for name, order in fitting.items()
    )
    name, order = next(iter(fitting.items()), ("your own", dict.fromkeys(digits, "neutral")))
    line = ", ".join(f'{digit} = "{order[digit] if order[digit] in LABELS else ""}"' for digit in digits)
    return (
        f"the folders {', '.join(map(str, digits))} are digits, and data sets give them different meanings "
        f"({meanings or 'none that is known'}); write which is meant into {file}, here for {name}: classes = {{{line}}}"
    )


def label_of(text: str) -> int | None:
    """Return the class index (0..6) that a name or FER-2013's digit means, or None where it means none.

    Upper and lower case are the same; `happy` and `happiness`, `sad` and `sadness` and so on are too, and the
    digits 0 to 6 are the indices themselves.
    """
    word = text.strip().lower()
    if len(word) == 1 and word.isascii() and word.isdigit():
        return int(word) if int(word) < NUM_CLASSES else None
    word = _CLASS_SYNONYMS.get(word, word)
    return LABELS.index(word) if word in LABELS else None


def usages_of(text: str) -> tuple[str, ...]:
    """Return the usages that a split's name allows, the one it means by itself first; empty for no split's name.

    `test` means "unknown" by itself, because FER-2013 has two test sets. Case, spaces, `-` and `_` do not count.
    """
    return _SPLITS.get(text.strip().lower().replace("_", "").replace("-", "").replace(" ", ""), ())


def usage_of_file_name(name: str) -> str | None:
    """Return the usage that FER-2013's file names start with (`PublicTest_88305.jpg`), or None for other names."""
    word = name.lower()
    return next((usage for prefix, usage in _PREFIXES.items() if word.startswith(prefix)), None)
