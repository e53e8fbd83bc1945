"""Whether two texts say the same in the same content words: the second opinion on a similar question.

An encoder finds "in 30 days" and "in 60 days" alike, and "enable" and "disable". So whatever is not known
to be a word of mere grammar or politeness has to be in both texts, in phrases that are the same: numbers,
names, negations, units and times first of all. What is unknown counts as content, so a text in another
language is only shared word for word. It knows no grammar: what it takes for different may be the same.
"""

import re
from collections import Counter
from typing import Final

_TOKEN: Final = re.compile(
    r"\d+(?:[.,:/-]\d+)*"  # 1,000 · 3.14 · 10:30 · 2026-11-24
    r"|[^\W\d_]+(?:['’][^\W\d_]+)?[+#]*"  # don't · C++
    r"|[.,;:?!\n]|[^\w\s\"'`()\[\]{}]"
)
_BREAKS: Final = frozenset(".,;:?!\n")

# Words that change no question. What would (how, why, was, will, need, your, only, …) is not among them.
_GRAMMAR: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "there",
        "it",
        "its",
        "is",
        "are",
        "am",
        "be",
        "been",
        "being",
        "do",
        "does",
        "i",
        "me",
        "my",
        "mine",
        "we",
        "our",
        "us",
        "one",
        "someone",
        "what",
        "what's",
        "which",
        "can",
        "could",
        "would",
        "might",
        "shall",
        "of",
        "and",
        "so",
        "then",
        "just",
        "also",
        "please",
        "kindly",
        "thanks",
        "thank",
        "hi",
        "hello",
        "hey",
        "dear",
        "ok",
        "okay",
        "tell",
        "explain",
        "describe",
        "give",
        "let",
        "know",
        "like",
        "want",
        "wish",
        "looking",
        "try",
        "trying",
        "help",
        "assist",
        "question",
        "wondering",
        "wonder",
        "curious",
        "possible",
        "way",
        "ways",
        "exactly",
        "actually",
        "basically",
        "simply",
        "really",
        "i'm",
        "i'd",
        "it's",
        "that's",
        "let's",
    ]
)
# Where "you" is only politeness, or anybody.
_OPENER: Final = re.compile(
    r"\b(?:can|could|would|will) you (?:please )?"
    r"(?=(?:describe|explain|give|help|list|recommend|suggest|tell|write)\b)"
    r"|(?<=\bhow do )you\b|(?<=\bhow can )you\b",
    re.IGNORECASE,
)
_PLACES: Final[dict[str, str]] = {
    **dict.fromkeys(("in", "on", "at", "within", "inside"), "in"),
    **dict.fromkeys(("with", "using", "via", "through"), "with"),
    **{word: word for word in ("to", "from", "into", "onto", "for", "by", "than", "before")},
    **{word: word for word in ("after", "over", "under", "between", "against", "during", "until")},
    **{word: word for word in ("since", "per", "above", "below", "off", "out", "up", "down")},
}
"""Words that begin a phrase, and which of them stand for one another."""
_SAME: Final = (
    *("fix repair resolve", "delete remove erase", "create make build generate", "buy purchase"),
    *(
        "begin start",
        "end finish",
        "error problem issue trouble",
        "large big",
        "fast quick quickly",
    ),
    *("change modify alter", "difference distinction", "picture image photo", "phone telephone"),
    *("choose select pick", "permit allow", "find locate", "correct right", "wrong incorrect"),
    *("cost price", "client customer", "usa america", "uk britain", "email mail", "happen occur"),
    *("km kilometer kilometre", "m meter metre", "kg kilogram kilo", "mile mi", "pound lb"),
    *("hour hr h", "minute min", "second sec", "% percent", "dollar usd $", "euro eur €", "gbp £"),
    *("celsius centigrade", "gb gigabyte", "mb megabyte", "tb terabyte", "kb kilobyte"),
    *("photo picture", "movie film", "car automobile", "doctor physician", "kid child children"),
    *("mean define definition meaning", "function works work", "improve enhance", "begin start"),
    *("summarize summarise summary", "translate translation", "reply respond answer", "rapid fast"),
    *("document doc file", "app application", "config configuration", "info information detail"),
)
"""Words that one may take for another, a group a string."""
_ONE_OF: Final[dict[str, str]] = {w: group.split()[0] for group in _SAME for w in group.split()}
_DIGITS: Final[dict[str, str]] = {
    word: str(number)
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
    if word != "one"  # mostly a pronoun
}
_NOT: Final = {"can't": ("not",), "cannot": ("not",), "won't": ("will", "not"), "unable": ("not",)}

Phrase = tuple[str, ...]


def share_words(one: str, other: str) -> bool:
    """Whether both consist of the same phrases, apart from grammar and politeness."""
    return phrases(one) == phrases(other)


def phrases(text: str) -> Counter[Phrase]:
    """The content words in order, a phrase beginning where a preposition or a stop divides them."""
    found: Counter[Phrase] = Counter()
    phrase: list[str] = []
    has_content, is_shouted = False, text.isupper()
    for token in _TOKEN.findall(_OPENER.sub("", text)):
        word = token.lower().replace("’", "'")
        place = _PLACES.get(word)
        if word in _BREAKS or place is not None:
            _close(phrase, found)
            # "to reset it" at the beginning is "reset it": nothing goes anywhere yet.
            is_empty = place is None or (place == "to" and not has_content)
            phrase = [] if is_empty else [f"{place}:"]
            continue
        content = _content(word, is_name=token.isupper() and len(token) > 1 and not is_shouted)
        has_content = has_content or bool(content)
        phrase += content
    _close(phrase, found)
    return found


def _close(phrase: list[str], found: Counter[Phrase]) -> None:
    if phrase:
        found[tuple(phrase)] += 1


def _content(word: str, is_name: bool) -> tuple[str, ...]:
    """Nothing for grammar. US is a country, where us is none."""
    if word in _GRAMMAR and not is_name:
        return ()
    if word in _NOT:
        return _NOT[word]
    if word.endswith("n't"):
        verb = word[:-3]
        return ("not",) if verb in _GRAMMAR else (verb, "not")
    if word[0].isdigit():
        return (word.replace(",", ""),)
    if word in _DIGITS:
        return (_DIGITS[word],)
    stem = _stem(word)
    return (_ONE_OF.get(word) or _ONE_OF.get(stem) or stem,)


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ing") and len(word) > 5:
        base = word[:-3]
        return base[:-1] if base[-1] == base[-2] and base[-1] not in "ls" else base
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
