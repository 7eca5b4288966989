"""The words of density reports: which number a name means, which part of the body, and short sentences like "T-score: -2.4".

All lists are closed: a name with a word that stands in none of them is not understood, and what is not understood is not used.
"""

from __future__ import annotations

import re
import unicodedata

from spondyl.dicom.density_rows import GENERAL, REGIONS, VERTEBRAE, region_of

SILENT, OTHER, BOTH, UNKNOWN = "", "elsewhere", "spine and elsewhere", "not understood"
"""What words can say of the region besides one of `REGIONS`: nothing; another part of the body, or no present measurement of the
spine; a heading over both; words that are in no list."""

KINDS = {"bmd": "bmd_g_cm2", "tscore": "t_score", "zscore": "z_score"}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SITES = _set(
    "hip hips femur femurs femora femoral neck necks trochanter trochanteric troch intertrochanteric inter ward wards shaft forearm "
    "forearms radius radial ulna ulnar wrist heel calcaneus calcaneal calcis hand finger metacarpal tibia knee ankle"
)
_APART = _set(
    "wholebody subtotal android gynoid arm arms leg legs rib ribs head skull mandible pelvis pelvic trunk humerus thoracic thorax "
    "cervical thoracolumbar lateral lat decubitus vfa morphometry tbs trabecular frax hsa qct phantom calibration qc qa"
)
STALE = _set(
    "previous prior past former old history historical trend trending trends comparison compared baseline change changes changed rate "
    "difference delta reference expected predicted simulated lsc precision cv deviation minimum maximum excluded excluding except without"
)
_SPINE = _set("spine lumbar lumbosacral")
_FRONTAL = _set("ap pa anteroposterior posteroanterior frontal")
_REGION_WORDS = _SPINE | _FRONTAL | _set("vertebra vertebrae vertebral body bodies region regions level levels")
_FILLERS = _set("dxa dexa densitometry value values measured result results total of the at in for and score scores areal bone mineral")
_OF_KIND = {
    "bmd": _set("area mass armass gcm2 mgcm2"),
    "tscore": _set("bmd density young adult normal peak population database who iscd nhanes iii lunar hologic sd"),
    "zscore": _set("bmd density age sex matched adjusted population database who iscd nhanes iii lunar hologic sd"),
}
_NAMES = {kind: _FILLERS | _REGION_WORDS | _SITES | more | {kind} for kind, more in _OF_KIND.items()}
_HEADINGS = _FILLERS | _REGION_WORDS | frozenset(KINDS) | _set(
    "finding findings measurement measurements group groups report reports scan scans summary analysis data table imaging image exam "
    "examination section density document procedure study all overall hologic lunar apex encore"
)
_ELSEWHERE = _FILLERS | _REGION_WORDS | _SITES | _APART | _set("left right and")
_PLACE_WORDS = _FILLERS | _REGION_WORDS | _set("structure entire body part scan overall all")
_SITE_SURE = _set("region regions site location part roi anatomic anatomical anatomy vertebra vertebrae level levels")
_SITE_ALSO = _set("scan exam examination")
_SITE_WORDS = _SITE_SURE | _SITE_ALSO | _set(
    "finding measurement target body of interest type bone structure name measured scanned analysis analyzed analysed the"
)
_TEXT_NAMES = _HEADINGS.union(
    *_OF_KIND.values(), _SITES, _set("text description observation observations impression conclusion conclusions comment note")
)
_TOTAL = _set("total all overall")
_DERIVED = STALE | _set("standard")
_TEXT_WORDS = _FILLERS | _REGION_WORDS | _set("is equals sd")

_SCORE_UNITS = _set("1 sd tscore zscore score nounits unitless none ratio dimensionless standarddeviation standarddeviations stddev")

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_PHRASES = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\b(m?)gm?s? ?(?:/|per) ?(?:cm ?(?:\^|\*\*)? ?2|sq\.? ?cm)(?!\w)", r" \1gcm2 "),
        (r"\b(m?)g\.cm-2(?!\w)", r" \1gcm2 "),
        (r"\bbone (?:mineral )?density\b", " bmd "),
        (r"\b([tz])[ ._-]{0,2}scores?\b", r" \1score "),
        (r"\b(?:total|whole)[ -]?body\b|\bwholebody\b", " wholebody "),
        (r"\bl[ -]?spine\b", " lumbar spine "),
        (r"\bt[ -]?spine\b", " thoracic spine "),
        (r"\bc[ -]?spine\b", " cervical spine "),
        *((rf"\b{word} lumbar vertebra\b", f" l{n} ") for n, word in enumerate(("first", "second", "third", "fourth", "fifth"), 1)),
    )
)
_RANGE = re.compile(r"\bl ?([1-5]) ?(?:-|to|through|thru) ?l?([1-5])(?![\w.,]?\d)\b")
_ONE = re.compile(r"\bl ?([1-5])\b ?[+&]?")
_ODD = re.compile(r"\bl ?[1-5] ?(?:/ ?l?[1-5]|\( ?-?l ?[1-5])|\b(?:[tc]|th) ?\d{1,2}\b|\bs ?[1-5]\b")
"""Discs, vertebrae in brackets (counted by one maker, left out by another), and vertebrae that are not lumbar."""
_WORD = re.compile(r"[^\W\d]\w*")
_STRANGE = re.compile(r"[^\w\s()\[\]{},:;.+/&'\"-]")


def plain(text: str) -> str:
    """Text in lower case with one kind of dash, and one word for each thing that has several: tscore, bmd, gcm2."""
    text = " ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).casefold().split())
    for pattern, word in _PHRASES:
        text = pattern.sub(word, text)
    return text


def _vertebrae(text: str) -> tuple[frozenset[str], str, bool]:
    """(lumbar vertebrae that are named, the text without them, whether they are written in a way that can be misread)."""
    named: set[str] = set()
    odd = _ODD.search(text) is not None
    for first, last in _RANGE.findall(text):
        odd = odd or first >= last
        named.update(VERTEBRAE[int(first) - 1 : int(last)])
    rest = _RANGE.sub(" ", text)
    named.update(VERTEBRAE[int(one) - 1] for one in _ONE.findall(rest))
    return frozenset(named), _ONE.sub(" ", rest), odd


def region_said(text: str) -> str:
    """One of `REGIONS`, SILENT, OTHER or BOTH. Words that are in no list do not count here."""
    named, rest, odd = _vertebrae(plain(text))
    words = set(_WORD.findall(rest))
    if odd or words & (_APART | STALE):
        return OTHER
    spine = SILENT
    if named:
        spine = region_of(named)
    elif words & _SPINE:
        spine = "AP Spine" if words & _FRONTAL else "Spine" if not words & _SPINE - {"spine"} else "Lumbar spine"
    if words & _SITES:
        return BOTH if spine else OTHER
    return spine


def heading_said(text: str) -> str:
    """`region_said` of the name of a container; UNKNOWN where it is not understood."""
    said = region_said(text)
    return said if said in (OTHER, BOTH) or _made_of(text, _HEADINGS) else UNKNOWN


def site_said(name: str, value: str) -> str | None:
    """What an item of that name tells of the region of the numbers beside it; None where that is not what it is for.

    A value that is not understood is OTHER under a name like "Region"; one of "Exam type" may as well be no region. Under a name that is
    not understood, another part of the body makes what is beside it doubtful.
    """
    words, said = set(_WORD.findall(plain(name))), region_said(value)
    if name.strip() and not (words & (_SITE_SURE | _SITE_ALSO) and _made_of(name, _SITE_WORDS)):
        return UNKNOWN if said in (OTHER, BOTH) and _made_of(value, _ELSEWHERE) else None
    if said == OTHER or (said in REGIONS and _made_of(value, _PLACE_WORDS)):
        return said
    if _made_of(value, _TOTAL):
        return SILENT
    return OTHER if words & _SITE_SURE else UNKNOWN if said else None


def is_stale(text: str) -> bool:
    """Whether a value says nothing but that what is beside it is of another time, or no measured value ("Prior")."""
    words = _WORD.findall(plain(text))
    return bool(words) and set(words) <= _DERIVED


def field_named(name: str) -> str | None:
    """Which field of a row the name of a number means; None where it means another thing or is not understood."""
    words = set(_WORD.findall(_vertebrae(plain(name))[1]))
    kinds = words & set(KINDS)
    kind = next(iter(kinds - {"bmd"} or kinds), "") if not {"tscore", "zscore"} <= kinds else ""
    return KINDS[kind] if kind and _made_of(name, _NAMES[kind]) else None


def _made_of(text: str, known: frozenset[str]) -> bool:
    """Whether all words are among these; numbers beside vertebrae and signs that mean something are words too."""
    rest = _vertebrae(plain(text))[1]
    return set(re.findall(r"\w+", rest)) <= known and not _STRANGE.search(rest)


def narrowed(outer: str, inner: str) -> str:
    """The region of a thing that `inner` says something of, inside one of `outer`."""
    if OTHER in (outer, inner):
        return OTHER
    if inner in (BOTH, UNKNOWN):
        return SILENT
    if not (outer and inner):
        return outer or inner
    wide, narrow = REGIONS[outer], REGIONS[inner]
    if wide and narrow:
        return inner if narrow <= wide else OTHER
    if wide or narrow:
        return outer if wide else inner
    return max(outer, inner, key=GENERAL.index)


def unit_named(name: str) -> str | None:
    """ "g/cm2", "mg/cm2", "SD" for anything that a score is given in, None for another unit."""
    text = plain(name).strip()
    if text in ("gcm2", "mgcm2"):
        return "g/cm2" if text == "gcm2" else "mg/cm2"
    bare = re.sub(r"[\W_]", "", text)
    return "SD" if bare in _SCORE_UNITS else None


_TOKEN = re.compile(
    r"(?P<kind>\b(?:tscore|zscore|bmd)\b)|(?P<unit>\bm?gcm2\b)"
    r"|(?P<number>(?<![\w.,+-])[-+]?\d{1,4}(?:[.,]\d{1,4})?(?![\w%]|[.,]\d))|(?P<word>[^\W\d]\w*)|(?P<gap>[:=,;.()\[\]\s])|(?P<bad>.)"
)
_RUN_ON = re.compile(r"\bscores?[-+]\s?\d|\bdensity[-+]\s?\d|\bbmd[-+]\s?\d", re.IGNORECASE)
"""A dash that may be a minus or may not."""


def fields_told(name: str, text: str) -> dict[str, float]:
    """The fields that a short text tells, nothing where a part of it is not understood. BMD in g/cm2, and only with its unit.

    Args:
        name: Of the item; it may say which number it is, the text then holds the number alone.
    """
    words = set(_WORD.findall(plain(name)))
    if not _made_of(name, _TEXT_NAMES):
        return {}
    told = set(_WORD.findall(plain(text))) & set(KINDS)
    whole = text if told or not words & set(KINDS) else f"{name}: {text}"
    if (told and not told >= words & set(KINDS)) or _RUN_ON.search(unicodedata.normalize("NFKC", whole).translate(_DASHES)):
        return {}
    return _scanned(_vertebrae(plain(whole))[1])


def _scanned(text: str) -> dict[str, float]:
    """Name, number, unit, and so on in turn; nothing where they come in another order."""
    found: dict[str, float] = {}
    unit, kind, waiting = "", "", False
    for match in _TOKEN.finditer(text):
        part, word = match.lastgroup, match[0]
        if part == "kind" and not waiting and KINDS[word] not in found:
            kind, waiting = word, True
        elif part == "number" and waiting:
            found[KINDS[kind]] = float(word.replace(",", "."))
            waiting = False
        elif part == "unit" and kind == "bmd" and not unit:
            unit = word
        elif part != "gap" and not (part == "word" and word in _TEXT_WORDS):
            return {}
    if waiting or ("bmd_g_cm2" in found and not unit):
        return {}
    if unit == "mgcm2":
        found["bmd_g_cm2"] /= 1000
    return found
