"""How people spell FER-2013's classes and splits in folder names, file names and CSV cells."""

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
CLASS_HELP = "angry, disgust, fear, happy, sad, surprise, neutral, or the digits 0 to 6"


def label_of(text: str) -> int | None:
    """Return the class index (0..6) that a folder name or CSV cell means, or None where it means none.

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
