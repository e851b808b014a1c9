"""Labels and numbers out of texts: sentiment, classification into given labels, ratings, arithmetic."""

from __future__ import annotations

import ast
import hashlib
import operator
import re
from collections.abc import Callable, Sequence


def words(text: str) -> frozenset[str]:
    """A set of words, written as one sees them best: in a row."""
    return frozenset(text.split())


_GOOD = words(
    "amazing awesome beautiful best brilliant charming cheerful clean comfortable crisp delicious "
    "delighted delightful durable easy elegant enjoy enjoyed enjoyable excellent exceeded excited "
    "fantastic fast favourite favorite fine flawless fresh friendly fun glad good gorgeous great "
    "happy helpful impressed impressive incredible intuitive joy liked like love loved lovely "
    "magnificent marvellous nice outstanding perfect pleasant pleased polite prompt quick recommend "
    "recommended reliable satisfied smooth solid splendid stunning sturdy super superb terrific thank "
    "thanks thrilled tasty useful well wonderful worth worked works"
)
_BAD = words(
    "angry annoyed annoying appalling avoid awful bad boring broke broken bug buggy cheap cold "
    "complaint confusing crash crashed crashes damaged dead defective difficult dirty disappointed "
    "disappointing disappointment dreadful dull expensive fail failed fails failure faulty flimsy "
    "frustrated frustrating garbage hate hated horrible ignored inedible junk lacking late lousy "
    "mediocre mess missing nightmare noisy overpriced pathetic poor poorly problem problems refund "
    "regret rude ruined sad scam slow stale stopped terrible tiny trash ugly unacceptable unhappy "
    "unhelpful unusable upset useless waste wasted weak worse worst wrong"
)
_NOT = words("not no never hardly isn't wasn't don't doesn't didn't won't can't couldn't nothing")


def sentiment(text: str) -> tuple[str, float]:
    """``positive``, ``negative`` or ``neutral``, and how sure.

    >>> sentiment("The food was not good and the waiter was rude.")[0]
    'negative'
    >>> sentiment("Arrived on Tuesday.")[0]
    'neutral'
    """
    score = hits = 0
    words = re.findall(r"[a-z']+", text.lower().replace("’", "'"))
    for i, word in enumerate(words):
        worth = (word in _GOOD) - (word in _BAD)
        if worth and _NOT.intersection(words[max(0, i - 3) : i]):
            worth = -worth
        score += worth
        hits += bool(worth)
    if score == 0:
        return "neutral", 0.5
    return ("positive" if score > 0 else "negative"), round(min(0.99, 0.6 + 0.13 * abs(score)), 2)


#: Labels that mean a mood, beside its own name.
_MOODS = {
    "positive": words("good great happy satisfied like praise"),
    "negative": words("bad poor unhappy dissatisfied dislike complaint"),
    "neutral": words("mixed"),
}
_LISTED = re.compile(
    r"(?:one of|either|into|as|labels|categories|classes|options|between|choose(?: from)?|among)\b[^:\n(]{0,40}?"
    r"[:(]?\s*(?P<list>(?:[\"'`*]?[A-Za-z][\w /&-]{0,30}[\"'`*]?\s*(?:,|/|\||\bor\b|\band\b)\s*)+(?:or |and )?"
    r"[\"'`*]?[A-Za-z][\w &-]{0,30}[\"'`*]?)",
    re.IGNORECASE,
)
_HINTS: dict[str, str] = {
    "billing": "bill invoice charge charged payment pay paid refund price card subscription money cost fee",
    "technical": "error bug crash crashes install login password screen broken update app website server slow",
    "shipping": "delivery deliver delivered parcel package shipping shipped courier late arrived box tracking",
    "sales": "buy purchase quote offer discount demo plan upgrade pricing order",
    "food": "food meal dish tasty taste cold fresh menu soup pizza coffee dessert kitchen",
    "service": "service staff waiter waitress friendly rude slow answered support help",
    "price": "price cheap expensive cost money bill worth value",
    "urgent": "urgent asap immediately now emergency down critical",
    "spam": "free winner click prize lottery offer cheap viagra crypto",
    "sports": "match team goal player league season coach win score game",
    "politics": "election minister vote party government parliament president law",
    "business": "market shares profit company stock quarter revenue merger bank",
    "science": "study researchers cells planet physics species experiment theory",
    "bug": "error crash broken fails failing exception wrong",
    "feature": "add support would like wish option please allow",
    "question": "how what why when where can ?",
}


def listed(instruction: str) -> list[str]:
    """The labels an instruction offers.

    >>> listed("Classify the ticket as billing, technical or other")
    ['billing', 'technical', 'other']
    """
    match = _LISTED.search(instruction)
    if match is None:
        return []
    parts = re.split(r"\s*(?:,|/|\||\bor\b|\band\b)\s*", match["list"])
    return [p for p in dict.fromkeys(part.strip(" \"'`*.:()") for part in parts) if p]


def _feeling(label: str) -> str:
    """Which of the three moods a label means, if it means one."""
    name = label.lower()
    for kind, others in _MOODS.items():
        if name.startswith(kind[:3]) or name in others:
            return kind
    return ""


def choose(labels: Sequence[str], text: str) -> str:
    """The label that fits a text best; always the same one for the same text.

    >>> choose(["billing", "technical", "other"], "I was charged twice, please refund me")
    'billing'
    >>> choose(["good", "bad"], "Good or bad? Broke on day two, terrible.")
    'bad'
    """
    by_feeling = {label: kind for label in labels if (kind := _feeling(label))}
    if len(set(by_feeling.values())) >= 2:
        mood = sentiment(text)[0]
        for label, kind in by_feeling.items():
            if kind == mood:
                return label
        return next(iter(by_feeling))
    words = set(re.findall(r"[a-z]+|\?", text.lower()))
    best, score = "", 0
    for label in labels:
        hints = set(_HINTS.get(label.lower(), "").split()) | set(label.lower().split())
        found = sum(any(w.startswith(h) or h == w for w in words) for h in hints)
        if found > score:
            best, score = label, found
    if best:
        return best
    for label in labels:
        if label.lower() in ("other", "neutral", "unknown", "none", "general", "misc"):
            return label
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return labels[int.from_bytes(digest, "big") % len(labels)]


def yes_no(text: str) -> bool:
    """A yes or a no, from the mood of a text; even ones by its bytes."""
    mood = sentiment(text)[0]
    if mood != "neutral":
        return mood == "positive"
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % 2 == 0


def rating(text: str, low: int, high: int) -> int:
    """A rating between two bounds, by the mood of a text."""
    mood, sure = sentiment(text)
    share = {"positive": 0.5 + sure / 2, "negative": 0.5 - sure / 2, "neutral": 0.55}[mood]
    return max(low, min(high, round(low + share * (high - low))))


_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_SUM = re.compile(r"(?<![\w.])[-(]*\d[\d\s.,()+*/x×÷^%-]*\d\)*|(?<![\w.])\d+\s*[+*/x×÷-]\s*\d+")


def arithmetic(text: str) -> tuple[str, str] | None:
    """The first sum in a text and its value.

    >>> arithmetic("What is 2+2?"), arithmetic("(3 + 4) * 5 =")
    (('2+2', '4'), ('(3 + 4) * 5', '35'))
    """
    for match in _SUM.finditer(text):
        written = match[0].strip()
        source = written.replace("×", "*").replace("x", "*").replace("÷", "/").replace("^", "**")
        source = re.sub(r"(?<=\d),(?=\d{3}\b)", "", source)
        if not re.search(r"\d\s*\)*\s*[-+*/%]", source) or re.fullmatch(r"\d+(-\d+)+", source):
            continue
        try:
            value = _value(ast.parse(source, mode="eval").body)
        except (SyntaxError, ValueError, ZeroDivisionError, OverflowError):
            continue
        return written, _plain(value)
    return None


def _value(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _value(left), _value(right)
            if abs(power) > 64 or abs(base) > 1e6:
                raise ValueError("too large")
            return float(base**power) if power < 0 else base**power
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case _:
            raise ValueError("not a sum")


def _plain(value: float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(round(value, 6)) if isinstance(value, float) else str(value)
