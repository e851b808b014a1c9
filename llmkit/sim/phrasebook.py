"""A few words in a few languages, and the capitals of some countries."""

from __future__ import annotations

import re
from collections.abc import Mapping

CAPITALS: Mapping[str, str] = {
    "Argentina": "Buenos Aires",
    "Australia": "Canberra",
    "Austria": "Vienna",
    "Belgium": "Brussels",
    "Brazil": "Brasília",
    "Canada": "Ottawa",
    "Chile": "Santiago",
    "China": "Beijing",
    "Denmark": "Copenhagen",
    "Egypt": "Cairo",
    "Finland": "Helsinki",
    "France": "Paris",
    "Germany": "Berlin",
    "Greece": "Athens",
    "India": "New Delhi",
    "Indonesia": "Jakarta",
    "Ireland": "Dublin",
    "Italy": "Rome",
    "Japan": "Tokyo",
    "Kenya": "Nairobi",
    "Mexico": "Mexico City",
    "Morocco": "Rabat",
    "Netherlands": "Amsterdam",
    "New Zealand": "Wellington",
    "Nigeria": "Abuja",
    "Norway": "Oslo",
    "Peru": "Lima",
    "Poland": "Warsaw",
    "Portugal": "Lisbon",
    "South Korea": "Seoul",
    "Spain": "Madrid",
    "Sweden": "Stockholm",
    "Switzerland": "Bern",
    "Turkey": "Ankara",
    "United Kingdom": "London",
    "Vietnam": "Hanoi",
}
CONTINENTS: Mapping[str, list[str]] = {
    "europe": [
        *("Austria", "Belgium", "Denmark", "Finland", "France", "Germany", "Greece", "Ireland", "Italy"),
        *("Netherlands", "Norway", "Poland", "Portugal", "Spain", "Sweden", "Switzerland", "United Kingdom"),
    ],
    "asia": ["China", "India", "Indonesia", "Japan", "South Korea", "Turkey", "Vietnam"],
    "africa": ["Egypt", "Kenya", "Morocco", "Nigeria"],
    "america": ["Argentina", "Brazil", "Canada", "Chile", "Mexico", "Peru"],
    "oceania": ["Australia", "New Zealand"],
}

#: Things to name, by what they are called.
CATEGORIES: Mapping[str, list[str]] = {
    "fruit": ["apple", "banana", "cherry", "fig", "grape", "lemon", "mango", "orange", "pear", "plum"],
    "vegetable": ["aubergine", "beetroot", "broccoli", "carrot", "leek", "onion", "pea", "potato", "pumpkin"],
    "animal": ["badger", "cat", "dolphin", "elephant", "fox", "heron", "otter", "tortoise", "wolf", "yak"],
    "colo": ["amber", "blue", "crimson", "green", "indigo", "ochre", "red", "teal", "violet", "yellow"],
    "planet": ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"],
    "countr": sorted(CAPITALS),
    "cit": sorted(CAPITALS.values()),
    "programming language": ["Ada", "C", "Go", "Haskell", "Julia", "Lisp", "Python", "R", "Rust", "Zig"],
    "language": ["Arabic", "Bengali", "English", "French", "German", "Hindi", "Japanese", "Spanish"],
}
_LANGUAGES = ("french", "german", "spanish", "italian")
_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "good morning": ("bonjour", "guten Morgen", "buenos días", "buongiorno"),
    "good night": ("bonne nuit", "gute Nacht", "buenas noches", "buona notte"),
    "thank you": ("merci", "danke", "gracias", "grazie"),
    "how are you": ("comment allez-vous", "wie geht es dir", "cómo estás", "come stai"),
    "i love you": ("je t'aime", "ich liebe dich", "te quiero", "ti amo"),
    "hello": ("bonjour", "hallo", "hola", "ciao"),
    "goodbye": ("au revoir", "auf Wiedersehen", "adiós", "arrivederci"),
    "please": ("s'il vous plaît", "bitte", "por favor", "per favore"),
    "yes": ("oui", "ja", "sí", "sì"),
    "no": ("non", "nein", "no", "no"),
    "world": ("monde", "Welt", "mundo", "mondo"),
    "friend": ("ami", "Freund", "amigo", "amico"),
    "water": ("eau", "Wasser", "agua", "acqua"),
    "bread": ("pain", "Brot", "pan", "pane"),
    "coffee": ("café", "Kaffee", "café", "caffè"),
    "book": ("livre", "Buch", "libro", "libro"),
    "house": ("maison", "Haus", "casa", "casa"),
    "cat": ("chat", "Katze", "gato", "gatto"),
    "dog": ("chien", "Hund", "perro", "cane"),
    "train": ("train", "Zug", "tren", "treno"),
    "time": ("temps", "Zeit", "tiempo", "tempo"),
    "day": ("jour", "Tag", "día", "giorno"),
    "night": ("nuit", "Nacht", "noche", "notte"),
    "sun": ("soleil", "Sonne", "sol", "sole"),
    "sky": ("ciel", "Himmel", "cielo", "cielo"),
    "sea": ("mer", "Meer", "mar", "mare"),
    "red": ("rouge", "rot", "rojo", "rosso"),
    "blue": ("bleu", "blau", "azul", "blu"),
    "green": ("vert", "grün", "verde", "verde"),
    "big": ("grand", "groß", "grande", "grande"),
    "small": ("petit", "klein", "pequeño", "piccolo"),
    "new": ("nouveau", "neu", "nuevo", "nuovo"),
    "is": ("est", "ist", "es", "è"),
    "are": ("sont", "sind", "son", "sono"),
    "and": ("et", "und", "y", "e"),
    "or": ("ou", "oder", "o", "o"),
    "with": ("avec", "mit", "con", "con"),
    "for": ("pour", "für", "para", "per"),
    "in": ("dans", "in", "en", "in"),
    "the": ("le", "die", "el", "il"),
    "a": ("un", "ein", "un", "un"),
    "my": ("mon", "mein", "mi", "il mio"),
    "i": ("je", "ich", "yo", "io"),
    "you": ("vous", "Sie", "tú", "tu"),
    "we": ("nous", "wir", "nosotros", "noi"),
    "not": ("pas", "nicht", "no", "non"),
    "very": ("très", "sehr", "muy", "molto"),
    "where": ("où", "wo", "dónde", "dove"),
    "today": ("aujourd'hui", "heute", "hoy", "oggi"),
    "tomorrow": ("demain", "morgen", "mañana", "domani"),
}
_PATTERN = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)) + r")\b", re.IGNORECASE
)


def translate(text: str, language: str) -> str:
    """Word by word, as far as the phrasebook goes; unknown words stay as they are.

    >>> translate("Hello world", "german")
    'Hallo Welt'
    """
    at = _LANGUAGES.index(language) if language in _LANGUAGES else 0
    where = text.strip().strip("\"'“”")

    def swap(match: re.Match[str]) -> str:
        word = _WORDS[match[0].lower()][at]
        return word[0].upper() + word[1:] if match[0][0].isupper() else word

    return _PATTERN.sub(swap, where)
